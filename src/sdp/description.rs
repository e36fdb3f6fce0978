//! A whole description: text to typed lines that borrow from it, and back.

use std::fmt;

use super::attribute::Attribute;
use super::error::{Error, Position, excerpt};
use super::media_line::MediaLine;
use super::section::Section;
use super::session::{Bandwidth, Connection, Origin, Timing};

/// One line after version, origin and name, typed. `m=` lines stand apart, at the head of their
/// [`Section`].
///
/// RFC 8866 section 5 and section 9. Any letter that it names; another refuses the description. What is
/// not typed is kept as text.
///
/// ```
/// use handset::sdp::Line;
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// assert!(matches!(description.session_lines(), [Line::Connection(_), Line::Bandwidth(_), Line::Timing(_)]));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// `i=`: a title for people
    Information(&'a str),
    /// `u=`: where to read more
    Uri(&'a str),
    /// `e=`: whom to write to
    Email(&'a str),
    /// `p=`: whom to call
    Phone(&'a str),
    /// `c=`
    Connection(Connection<'a>),
    /// `b=`
    Bandwidth(Bandwidth<'a>),
    /// `t=`
    Timing(Timing),
    /// `r=`: when it repeats, as text
    Repeat(&'a str),
    /// `z=`: time zone changes, as text
    Zones(&'a str),
    /// `k=`: an obsolete key (RFC 8866 section 5.12), as text
    Key(&'a str),
    /// `a=`
    Attribute(Attribute<'a>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media<'a> {
    pub(super) head: MediaLine<'a>,
    /// Where the section's lines end in [`Description::lines`]; they start where the last ended.
    pub(super) end: usize,
}

/// A session description (RFC 8866), its parts borrowed from the text.
///
/// Lines keep their order, attributes not known here keep their place, so that writing gives an equal
/// description. Parsing makes one allocation for all lines and one for each doubling of the number of
/// sections past four. Time and memory grow with the text's length alone; texts from strangers go
/// through the [gate](super::gate), which bounds that length first.
///
/// Grammar: RFC 8866 section 9. Forgiven: a bare line feed for CRLF, no line end at the end, empty
/// lines, spaces around values and in runs, lines after the first two in any order, an empty `s=`,
/// missing `s=` and `t=`. Refused: NUL, a lone carriage return, a line that is not `letter=`, a letter
/// that RFC 8866 does not name, a port beyond 65535. `docs/sdp.md` has the whole list with reasons.
///
/// ```
/// use handset::sdp::{Description, Direction};
///
/// let text = "v=0\r\no=- 42 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
///             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\n\
///             a=rtpmap:111 opus/48000/2\r\na=x-of-my-own:kept\r\n";
/// let description = Description::parse(text)?;
/// let audio = description.sections().next().unwrap();
/// assert_eq!(audio.mid(), Some("0"));
/// assert_eq!(audio.direction(), Direction::SendOnly);
/// assert_eq!(description.to_string(), text);
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Description<'a> {
    pub(super) text: &'a str,
    pub(super) origin: Origin<'a>,
    pub(super) name: Option<&'a str>,
    pub(super) lines: Vec<Line<'a>>,
    /// Where the session's own lines end.
    pub(super) session_end: usize,
    pub(super) media: Vec<Media<'a>>,
}

impl PartialEq for Description<'_> {
    fn eq(&self, other: &Self) -> bool {
        (&self.origin, self.name(), &self.lines, self.session_end, &self.media)
            == (&other.origin, other.name(), &other.lines, other.session_end, &other.media)
    }
}

impl Eq for Description<'_> {}

impl<'a> Description<'a> {
    /// Reads a description from bytes, which must be UTF-8.
    pub fn parse_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let at = error.valid_up_to();
                Err(Error::Syntax {
                    at: Position::of_offset(bytes, at),
                    expected: "UTF-8",
                    found: format!("byte 0x{:02x}", bytes.get(at).copied().unwrap_or_default()),
                })
            }
        }
    }

    /// Who made the description.
    pub fn origin(&self) -> &Origin<'a> {
        &self.origin
    }

    /// The session's name, `-` in WebRTC, empty where the text has none.
    pub fn name(&self) -> &'a str {
        self.name.unwrap_or_default()
    }

    /// The session's lines after origin and name, before the first section.
    pub fn session_lines(&self) -> &[Line<'a>] {
        &self.lines[..self.session_end]
    }

    /// The session's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute<'a>> {
        attributes(self.session_lines())
    }

    /// The sections in order.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = Section<'a, '_>> {
        (0..self.media.len()).map(|index| self.section_at(index))
    }

    /// The section at `index`, counted from 0.
    pub fn section(&self, index: usize) -> Option<Section<'a, '_>> {
        (index < self.media.len()).then(|| self.section_at(index))
    }

    fn section_at(&self, index: usize) -> Section<'a, '_> {
        let start = match index {
            0 => self.session_end,
            _ => self.media[index - 1].end,
        };
        let media = &self.media[index];
        Section::new(index, &media.head, &self.lines[start..media.end], self.session_lines())
    }

    /// The BUNDLE group's names, in its order (RFC 9143): the first such group.
    pub fn bundle(&self) -> Option<super::Words<'a>> {
        self.attributes().find_map(|a| match a {
            Attribute::Group(group) if group.is_bundle() => Some(group.mids),
            _ => None,
        })
    }

    /// Every attribute whose value broke its grammar: its text, for [`Description::position_of`], and
    /// what was expected.
    pub fn malformed(&self) -> impl Iterator<Item = (&'a str, &'static str)> {
        attributes(&self.lines).filter_map(|a| match a {
            Attribute::Malformed { text, expected } => Some((*text, *expected)),
            _ => None,
        })
    }

    /// Where `part`, a piece borrowed from this description's text, starts; the start of the text for
    /// a piece of another. Counts lines from the start: for errors, not for loops.
    pub fn position_of(&self, part: &str) -> Position {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        if offset > self.text.len() {
            return Position::START;
        }
        Position::of_offset(self.text.as_bytes(), offset)
    }

    /// Appends the description, lines ended by CRLF.
    pub fn write_to(&self, out: &mut String) {
        // What is written differs from the text by line ends and spacing alone, mostly.
        out.reserve(self.text.len() + self.lines.len() + 16);
        out.push_str("v=0\r\n");
        self.origin.write_to(out);
        out.push_str("s=");
        out.push_str(self.name());
        out.push_str("\r\n");
        let mut start = 0;
        for line in &self.lines[..self.session_end] {
            line.write_to(out);
            start += 1;
        }
        for media in &self.media {
            media.head.write_to(out);
            for line in &self.lines[start..media.end] {
                line.write_to(out);
            }
            start = media.end;
        }
    }
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_to(&mut out);
        f.write_str(&out)
    }
}

impl Line<'_> {
    /// Appends the whole line with its CRLF.
    pub fn write_to(&self, out: &mut String) {
        let (letter, text) = match self {
            Line::Attribute(attribute) => return attribute.write_to(out),
            Line::Bandwidth(bandwidth) => return bandwidth.write_to(out),
            Line::Timing(timing) => return timing.write_to(out),
            Line::Connection(connection) => {
                out.push_str("c=");
                connection.write_value(out);
                out.push_str("\r\n");
                return;
            }
            Line::Information(text) => ("i=", text),
            Line::Uri(text) => ("u=", text),
            Line::Email(text) => ("e=", text),
            Line::Phone(text) => ("p=", text),
            Line::Repeat(text) => ("r=", text),
            Line::Zones(text) => ("z=", text),
            Line::Key(text) => ("k=", text),
        };
        out.push_str(letter);
        out.push_str(text);
        out.push_str("\r\n");
    }
}

pub(super) fn attributes<'s, 'a>(lines: &'s [Line<'a>]) -> impl Iterator<Item = &'s Attribute<'a>> {
    lines.iter().filter_map(|line| match line {
        Line::Attribute(attribute) => Some(attribute),
        _ => None,
    })
}

/// A part of the text that does not fit, turned into an error by its place.
pub(super) fn syntax(text: &str, part: &str, offset: usize, expected: &'static str) -> Error {
    Error::Syntax { at: Position::of_offset(text.as_bytes(), offset), expected, found: excerpt(part) }
}
