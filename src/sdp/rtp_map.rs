//! The attributes that describe RTP formats: `rtpmap`, `fmtp`, `rtcp-fb`, `extmap`, `ssrc`.

use super::PAYLOAD_TYPE_MAX;
use super::transport::Direction;
use super::words::{Fields, Words, number, push_number, trim};

/// What a payload type means: `a=rtpmap:<pt> <name>/<clock>[/<channels>]` (RFC 8866 section 6.6).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::RtpMap(map) = Attribute::try_from("rtpmap:111 opus/48000/2")? else { panic!("it is well-formed") };
/// assert_eq!((map.payload_type, map.encoding, map.clock_hz, map.channels), (111, "opus", 48_000, Some(2)));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Eq)]
pub struct RtpMap<'a> {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The encoding's name; case does not matter, and equality ignores it.
    pub encoding: &'a str,
    /// The RTP clock, in hertz; never 0.
    pub clock_hz: u32,
    /// Channels of audio, where said.
    pub channels: Option<u8>,
}

impl PartialEq for RtpMap<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.payload_type, self.clock_hz, self.channels)
            == (other.payload_type, other.clock_hz, other.channels)
            && self.encoding.eq_ignore_ascii_case(other.encoding)
    }
}

/// A payload type at the head of `value` and what follows it.
fn payload_type(value: &str) -> Result<(u8, &str), &'static str> {
    let mut fields = Fields::new(value);
    let word = fields.next().ok_or("a payload type")?;
    let pt = number(word).filter(|pt| *pt <= PAYLOAD_TYPE_MAX).ok_or("a payload type from 0 to 127")?;
    Ok((pt, fields.rest()))
}

impl<'a> RtpMap<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let (payload_type, rest) = payload_type(value)?;
        let mut parts = rest.split('/');
        let encoding = parts.next().filter(|name| !name.is_empty()).ok_or("an encoding name")?;
        if encoding.contains([' ', '\t']) {
            return Err("an encoding name without spaces");
        }
        let clock_hz = parts.next().and_then(number).filter(|hz| *hz != 0).ok_or("a clock rate in hertz")?;
        let channels = match parts.next() {
            None => None,
            Some(count) => Some(number(count).ok_or("a number of channels")?),
        };
        match parts.next() {
            None => Ok(RtpMap { payload_type, encoding, clock_hz, channels }),
            Some(_) => Err("at most a name, a clock and channels"),
        }
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        push_number(out, u64::from(self.payload_type));
        out.push(' ');
        out.push_str(self.encoding);
        out.push('/');
        push_number(out, u64::from(self.clock_hz));
        if let Some(channels) = self.channels {
            out.push('/');
            push_number(out, u64::from(channels));
        }
    }
}

/// Parameters of a format: `a=fmtp:<pt> <parameters>` (RFC 8866 section 6.15).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Fmtp(fmtp) = Attribute::try_from("fmtp:111 minptime=10;useinbandfec=1")? else { panic!("it is well-formed") };
/// assert_eq!((fmtp.payload_type, fmtp.parameters), (111, "minptime=10;useinbandfec=1"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fmtp<'a> {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The parameters as they stand; [`OpusParameters`](super::OpusParameters) reads Opus's.
    pub parameters: &'a str,
}

impl<'a> Fmtp<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let (payload_type, parameters) = payload_type(value)?;
        Ok(Fmtp { payload_type, parameters })
    }
}

/// Feedback a receiver may send: `a=rtcp-fb:<pt or *> <kind>` (RFC 4585 section 4.2).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::RtcpFeedback(feedback) = Attribute::try_from("rtcp-fb:* nack pli")? else { panic!("it is well-formed") };
/// assert_eq!(feedback.payload_type, None);
/// assert!(feedback.kind.contains("pli"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpFeedback<'a> {
    /// The payload type, or `None` for all (`*`).
    pub payload_type: Option<u8>,
    /// As `nack pli` or `transport-cc`.
    pub kind: Words<'a>,
}

impl<'a> RtcpFeedback<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let (payload_type, rest) = match fields.next() {
            Some("*") => (None, fields.rest()),
            _ => payload_type(value).map(|(pt, rest)| (Some(pt), rest))?,
        };
        if rest.is_empty() {
            return Err("a kind of feedback");
        }
        Ok(RtcpFeedback { payload_type, kind: Words::new(rest) })
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        match self.payload_type {
            Some(pt) => push_number(out, u64::from(pt)),
            None => out.push('*'),
        }
        self.kind.write_spaced(out);
    }
}

/// The URI that wraps an encrypted header extension (RFC 6904 section 4).
pub(crate) const ENCRYPT_URI: &str = "urn:ietf:params:rtp-hdrext:encrypt";

/// A header extension's number: `a=extmap:<id>[/<direction>] <uri> [<parameters>]` (RFC 8285 section
/// 8), or the encrypted form with the extension's own URI after [RFC 6904]'s.
///
/// [RFC 6904]: https://www.rfc-editor.org/rfc/rfc6904
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::ExtMap(map) = Attribute::try_from("extmap:3/sendonly urn:ietf:params:rtp-hdrext:encrypt urn:ietf:params:rtp-hdrext:toffset")? else { panic!("it is well-formed") };
/// assert_eq!((map.id, map.encrypted, map.uri), (3, true, "urn:ietf:params:rtp-hdrext:toffset"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtMap<'a> {
    /// 1 to 255 in packets, 4096 to 4351 in an offer that has more than fit.
    pub id: u16,
    /// Which way the extension is used; absent means as the section's media.
    pub direction: Option<Direction>,
    /// Whether it travels encrypted.
    pub encrypted: bool,
    /// Names the extension.
    pub uri: &'a str,
    /// What the extension's own document puts after the URI, or nothing.
    pub parameters: &'a str,
}

impl<'a> ExtMap<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let head = fields.next().ok_or("an extension id")?;
        let (id, direction) = match head.split_once('/') {
            None => (head, None),
            Some((id, word)) => (id, Some(Direction::parse(word).ok_or("a direction")?)),
        };
        let id = number(id).ok_or("an extension id in digits")?;
        let mut uri = fields.next().ok_or("an extension URI")?;
        let encrypted = uri == ENCRYPT_URI;
        if encrypted {
            uri = fields.next().ok_or("the URI of the encrypted extension")?;
        }
        Ok(ExtMap { id, direction, encrypted, uri, parameters: fields.rest() })
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        push_number(out, u64::from(self.id));
        if let Some(direction) = self.direction {
            out.push('/');
            out.push_str(direction.as_str());
        }
        out.push(' ');
        if self.encrypted {
            out.push_str(ENCRYPT_URI);
            out.push(' ');
        }
        out.push_str(self.uri);
        if !self.parameters.is_empty() {
            out.push(' ');
            out.push_str(self.parameters);
        }
    }
}

/// A property of one RTP source: `a=ssrc:<id> <attribute>[:<value>]` (RFC 5576 section 4.1).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Ssrc(ssrc) = Attribute::try_from("ssrc:314159 cname:user@example.org")? else { panic!("it is well-formed") };
/// assert_eq!((ssrc.id, ssrc.attribute, ssrc.value), (314_159, "cname", Some("user@example.org")));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssrc<'a> {
    /// The source's identifier.
    pub id: u32,
    /// As `cname`.
    pub attribute: &'a str,
    /// Its value, where it has one.
    pub value: Option<&'a str>,
}

impl<'a> Ssrc<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let id = fields.next().and_then(number).ok_or("a source id of 32 bits")?;
        let rest = fields.rest();
        let (attribute, value) = match memchr::memchr(b':', rest.as_bytes()) {
            Some(colon) => (&rest[..colon], Some(trim(&rest[colon + 1..]))),
            None => (rest, None),
        };
        // A space before the colon belongs to neither, and would not survive being written.
        let attribute = trim(attribute);
        if attribute.is_empty() {
            return Err("an attribute of the source");
        }
        Ok(Ssrc { id, attribute, value })
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        push_number(out, u64::from(self.id));
        out.push(' ');
        out.push_str(self.attribute);
        if let Some(value) = self.value {
            out.push(':');
            out.push_str(value);
        }
    }
}

/// Sources that belong together: `a=ssrc-group:<semantics> <id> ...` (RFC 5576 section 4.2).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::SsrcGroup(group) = Attribute::try_from("ssrc-group:FID 1 2")? else { panic!("it is well-formed") };
/// assert_eq!(group.semantics, "FID");
/// assert!(group.ids.iter().eq(["1", "2"]));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SsrcGroup<'a> {
    /// As `FID` or `FEC-FR`.
    pub semantics: &'a str,
    /// The sources' identifiers.
    pub ids: Words<'a>,
}

impl<'a> SsrcGroup<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let semantics = fields.next().ok_or("the semantics of the group")?;
        let ids = Words::new(fields.rest());
        if ids.iter().any(|id| number::<u32>(id).is_none()) {
            return Err("source ids of 32 bits");
        }
        Ok(SsrcGroup { semantics, ids })
    }
}
