//! Why a description was refused, and where.

use std::fmt;

/// Longest excerpt of the offending text that an [`Error`] carries, in bytes: enough to recognise the
/// line in a log, too little to flood one.
pub const EXCERPT_MAX_BYTES: usize = 48;

/// A place in a description: both numbers count from 1, the column in bytes.
///
/// ```
/// let error = handset::sdp::Description::parse("v=0\nx=1\n").unwrap_err();
/// assert_eq!((error.position().line, error.position().column), (2, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line, counted by line feeds.
    pub line: usize,
    /// The byte within that line.
    pub column: usize,
}

impl Position {
    /// The start of the text.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The place of the byte at `offset` (clamped to the text's end).
    pub(crate) fn of_offset(text: &[u8], offset: usize) -> Position {
        let before = &text[..offset.min(text.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let start = memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
        Position { line, column: before.len() - start + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What a remote description must satisfy beyond its grammar before this project talks to its author.
///
/// ```
/// use handset::sdp::gate::{self, Kind};
/// use handset::sdp::{Error, Rule};
/// let nothing = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
/// let error = gate::check_remote(nothing, Kind::Offer).unwrap_err();
/// assert!(matches!(error, Error::Policy { rule: Rule::Audio, .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A certificate fingerprint of an allowed hash (RFC 8122 section 5, RFC 8827 section 6.5).
    Fingerprint,
    /// ICE user fragment and password of legal length and characters (RFC 8839 section 5.4).
    IceCredentials,
    /// A DTLS role that the other side may take (RFC 8842 section 5).
    Setup,
    /// A BUNDLE group that names real sections (RFC 9143 section 7).
    Bundle,
    /// No keys in the description: SDES is forbidden (RFC 8827 section 6.5).
    Sdes,
    /// RTP and RTCP on one port (RFC 9429 section 4.1.1, RFC 5761).
    RtcpMux,
    /// A transport that means DTLS-SRTP or SCTP over DTLS (RFC 9429 section 5.1.2).
    Protocol,
    /// Every section has a name of its own (RFC 5888 section 4).
    Mid,
    /// An audio section that is not refused.
    Audio,
    /// Opus at 48 kHz among the audio formats (RFC 7587 section 7, RFC 7874 section 3).
    Opus,
    /// Payload types are 0 to 127 and mean one thing each (RFC 3550 section 5.1).
    PayloadType,
    /// At most one direction for a section (RFC 8866 section 6.7).
    Direction,
    /// A later description keeps what the first one fixed (RFC 9429 section 5.2.2).
    Continuity,
}

/// Why a description was refused. Every form says where, what was expected and what was found.
///
/// ```
/// let text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 65536 RTP/AVP 0\r\n";
/// let error = handset::sdp::Description::parse(text).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"line 5, column 9: expected a port from 0 to 65535, found "65536""#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a session description (RFC 8866 section 9).
    #[error("{at}: expected {expected}, found {found}")]
    Syntax {
        /// Where the offending part starts.
        at: Position,
        /// What the grammar asks for there.
        expected: &'static str,
        /// What stands there: a quoted excerpt of at most [`EXCERPT_MAX_BYTES`].
        found: String,
    },
    /// The text is larger than anything an honest peer sends.
    #[error("{at}: expected at most {allowed} {what}, found {found}")]
    Limit {
        /// Where the limit was passed.
        at: Position,
        /// What is counted, with its unit.
        what: &'static str,
        /// The named limit's value.
        allowed: usize,
        /// How many were there, or as many as were counted before giving up.
        found: usize,
    },
    /// The description is well-formed but breaks a rule of WebRTC or of this project.
    #[error("{at}: expected {expected}, found {found}")]
    Policy {
        /// Where the offending part, or the section that lacks something, starts.
        at: Position,
        /// The rule that was broken.
        rule: Rule,
        /// What the rule asks for.
        expected: &'static str,
        /// What stands there; never a password.
        found: String,
    },
}

impl Error {
    /// Where the description went wrong.
    pub fn position(&self) -> Position {
        match self {
            Error::Syntax { at, .. } | Error::Limit { at, .. } | Error::Policy { at, .. } => *at,
        }
    }
}

/// A quoted excerpt of `text`, escaped and cut at [`EXCERPT_MAX_BYTES`].
pub(crate) fn excerpt(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let mut end = text.len().min(EXCERPT_MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < text.len() { "..." } else { "" };
    format!("{:?}{more}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_bytes_from_one() {
        let text = b"v=0\r\no=x\n";
        assert_eq!(Position::of_offset(text, 0), Position::START);
        assert_eq!(Position::of_offset(text, 2), Position { line: 1, column: 3 });
        assert_eq!(Position::of_offset(text, 5), Position { line: 2, column: 1 });
        assert_eq!(Position::of_offset(text, 999), Position { line: 3, column: 1 });
    }

    #[test]
    fn excerpts_are_cut_at_a_character_boundary() {
        let long = "é".repeat(100);
        let cut = excerpt(&long);
        assert!(cut.ends_with("\"..."));
        assert!(cut.len() <= EXCERPT_MAX_BYTES + 5);
        assert_eq!(excerpt(""), "nothing");
        assert_eq!(excerpt("a\0b"), r#""a\0b""#);
    }
}
