//! How large a stranger's description may be, checked before anything else is read.

use crate::sdp::error::{Error, Position};

/// Bytes of a whole description. A browser's audio offer with every candidate of a laptop on three
/// networks is 4 KB, a conference's with 20 sections 60 KB; beyond that nobody wants a voice call.
pub const MAX_BYTES: usize = 64 * 1024;

/// Lines of a description. The largest audio and video offers of browsers have 150 a section.
pub const MAX_LINES: usize = 2_000;

/// Bytes of one line. The longest honest ones carry an identity assertion or a video parameter set, 1
/// to 4 KB.
pub const MAX_LINE_BYTES: usize = 8 * 1024;

/// Media sections. We speak on one; what a browser page adds for video and data rarely passes ten.
pub const MAX_SECTIONS: usize = 64;

/// Candidates in the text. A host with ten addresses, two STUN and two TURN servers over UDP, TCP and
/// TLS gathers some 60; each costs connectivity checks, so a stranger must not choose the number.
pub const MAX_CANDIDATES: usize = 128;

/// Sources (`a=ssrc` ids) of the audio section. One is used; the engine keeps state for each.
pub const MAX_SSRCS: usize = 16;

/// The limits of a [`Gate`](super::Gate); the default is the constants of this module.
///
/// ```
/// use handset::sdp::gate::Limits;
/// assert!(Limits::default().check(&"m=audio\n".repeat(65)).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// See [`MAX_BYTES`].
    pub bytes: usize,
    /// See [`MAX_LINES`].
    pub lines: usize,
    /// See [`MAX_LINE_BYTES`].
    pub line_bytes: usize,
    /// See [`MAX_SECTIONS`].
    pub sections: usize,
    /// See [`MAX_CANDIDATES`].
    pub candidates: usize,
    /// See [`MAX_SSRCS`].
    pub ssrcs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: MAX_BYTES,
            lines: MAX_LINES,
            line_bytes: MAX_LINE_BYTES,
            sections: MAX_SECTIONS,
            candidates: MAX_CANDIDATES,
            ssrcs: MAX_SSRCS,
        }
    }
}

impl Limits {
    /// Refuses a text that is too large in any way. Looks at no more than [`Limits::bytes`] bytes and
    /// stops at the first limit passed.
    pub fn check(&self, text: &str) -> Result<(), Error> {
        let bytes = text.as_bytes();
        let over = |at, what, allowed, found| Err(Error::Limit { at, what, allowed, found });
        if bytes.len() > self.bytes {
            return over(Position::START, "bytes", self.bytes, bytes.len());
        }
        let (mut line, mut sections, mut candidates) = (0, 0, 0);
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |i| start + i);
            let content = &bytes[start..end];
            line += 1;
            let at = Position { line, column: 1 };
            if content.len() > self.line_bytes {
                return over(at, "bytes in a line", self.line_bytes, content.len());
            }
            if line > self.lines {
                return over(at, "lines", self.lines, line);
            }
            if content.starts_with(b"m=") {
                sections += 1;
                if sections > self.sections {
                    return over(at, "media sections", self.sections, sections);
                }
            }
            if content.starts_with(b"a=candidate") {
                candidates += 1;
                if candidates > self.candidates {
                    return over(at, "candidates", self.candidates, candidates);
                }
            }
            start = end + 1;
        }
        Ok(())
    }
}
