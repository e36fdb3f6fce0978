//! The line that opens a media section: `m=`.

use super::words::{Fields, Words, number, push_number};

/// What a section carries (RFC 8866 section 5.14).
///
/// ```
/// use handset::sdp::MediaKind;
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// assert_eq!(description.section(0).unwrap().head().kind, MediaKind::Audio);
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind<'a> {
    /// `audio`
    Audio,
    /// `video`
    Video,
    /// `application`: data channels, in WebRTC
    Application,
    /// `text`
    Text,
    /// `image`
    Image,
    /// `message`
    Message,
    /// Any other word, kept as it came.
    Other(&'a str),
}

impl<'a> MediaKind<'a> {
    fn parse(word: &'a str) -> Self {
        match word {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            "application" => MediaKind::Application,
            "text" => MediaKind::Text,
            "image" => MediaKind::Image,
            "message" => MediaKind::Message,
            other => MediaKind::Other(other),
        }
    }

    /// The word of the `m=` line.
    pub fn as_str(&self) -> &'a str {
        match self {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
            MediaKind::Application => "application",
            MediaKind::Text => "text",
            MediaKind::Image => "image",
            MediaKind::Message => "message",
            MediaKind::Other(other) => other,
        }
    }
}

/// One media section's head: `m=<media> <port>[/<count>] <proto> <fmt> ...` (RFC 8866 section 5.14).
///
/// ```
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// let section = description.section(0).unwrap();
/// let head = section.head();
/// assert_eq!((head.port, head.port_count, head.is_rtp()), (9, Some(2), true));
/// assert!(head.payload_types().eq([Some(111), Some(0)]));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLine<'a> {
    /// What the section carries.
    pub kind: MediaKind<'a>,
    /// The port, 0 for a refused or bundled section, 9 for "see ICE".
    pub port: u16,
    /// How many ports follow on from `port`, where the line says so.
    pub port_count: Option<u32>,
    /// The transport, as `UDP/TLS/RTP/SAVPF`.
    pub protocol: &'a str,
    /// Payload types for RTP, `webrtc-datachannel` for data.
    pub formats: Words<'a>,
}

impl<'a> MediaLine<'a> {
    /// Whether the transport carries RTP, so that the formats are payload types.
    pub fn is_rtp(&self) -> bool {
        self.protocol.contains("RTP/")
    }

    /// The formats as payload types, 0 to 127; a word that is none gives `None` in its place.
    pub fn payload_types(&self) -> impl Iterator<Item = Option<u8>> + use<'a> {
        self.formats.iter().map(|word| number::<u8>(word).filter(|pt| *pt <= super::PAYLOAD_TYPE_MAX))
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, (&'static str, &'a str)> {
        let mut fields = Fields::new(value);
        let kind = MediaKind::parse(fields.next().ok_or(("a media kind", ""))?);
        let ports = fields.next().ok_or(("a port", ""))?;
        let (port, count) = match ports.split_once('/') {
            Some((port, count)) => (port, Some(number(count).ok_or(("a number of ports in digits", count))?)),
            None => (ports, None),
        };
        let port = number(port).ok_or(("a port from 0 to 65535", port))?;
        let protocol = fields.next().ok_or(("a transport protocol", ""))?;
        Ok(MediaLine { kind, port, port_count: count, protocol, formats: Words::new(fields.rest()) })
    }

    pub(crate) fn write_to(&self, out: &mut String) {
        out.push_str("m=");
        out.push_str(self.kind.as_str());
        out.push(' ');
        push_number(out, u64::from(self.port));
        if let Some(count) = self.port_count {
            out.push('/');
            push_number(out, u64::from(count));
        }
        out.push(' ');
        out.push_str(self.protocol);
        self.formats.write_spaced(out);
        out.push_str("\r\n");
    }
}
