//! What was wrong with a candidate line.

/// Longest piece of a refused line an error repeats, in bytes.
const MAX_FOUND_BYTES: usize = 48;

/// Why a candidate line was refused.
///
/// `column` counts bytes from 1 in the text that was given to the parser; `found` is the word that stands there,
/// cut to 48 bytes. Words may be addresses: keep them out of logs.
///
/// The grammar is that of RFC 8839 §5.1, in the [module](super).
///
/// ```
/// use handset::ice::{Candidate, CandidateError};
/// let error = Candidate::parse("candidate:1 1 udp 1 192.0.2.1 70000 typ host").unwrap_err();
/// assert_eq!(error.to_string(), "candidate, column 31: expected a port, 0 to 65535, found \"70000\"");
/// let newer = Candidate::parse("candidate:1 1 quic 1 192.0.2.1 9 typ host").unwrap_err();
/// assert!(newer.is_ignorable() && matches!(newer, CandidateError::Transport { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// Longer than [`MAX_CANDIDATE_BYTES`](super::MAX_CANDIDATE_BYTES), or would be once written.
    #[error("candidate of {bytes} bytes, expected at most {}", super::MAX_CANDIDATE_BYTES)]
    TooLong {
        /// Length of the text, as it came or would be written.
        bytes: usize,
    },
    /// A byte outside printable ASCII, space and tab.
    #[error("candidate, column {column}: expected printable ASCII, found byte {byte:#04x}")]
    Control {
        /// Where.
        column: usize,
        /// The byte.
        byte: u8,
    },
    /// The line ends before a mandatory field.
    #[error("candidate ends at column {column}: expected {expected}")]
    Truncated {
        /// Where it ends.
        column: usize,
        /// The field that is missing.
        expected: &'static str,
    },
    /// A transport other than UDP and TCP: legal, and to be ignored (RFC 8839 §5.1).
    #[error("candidate, column {column}: expected transport udp or tcp, found {found:?}")]
    Transport {
        /// Where.
        column: usize,
        /// The token.
        found: String,
    },
    /// A kind that is none of the four: legal, and to be ignored.
    #[error("candidate, column {column}: expected typ host, srflx, prflx or relay, found {found:?}")]
    Kind {
        /// Where.
        column: usize,
        /// The token.
        found: String,
    },
    /// Any other field that does not follow the grammar.
    #[error("candidate, column {column}: expected {expected}, found {found:?}")]
    Field {
        /// Where.
        column: usize,
        /// What the grammar wants there.
        expected: &'static str,
        /// The word.
        found: String,
    },
    /// More than [`MAX_EXTENSIONS`](super::MAX_EXTENSIONS) extension attributes.
    #[error("candidate with more than {} extension attributes", super::MAX_EXTENSIONS)]
    TooManyExtensions,
}

impl CandidateError {
    /// Whether RFC 8839 has an agent skip this candidate in silence instead of calling it malformed.
    pub fn is_ignorable(&self) -> bool {
        matches!(self, Self::Transport { .. } | Self::Kind { .. })
    }
}

/// The word for an error message; words are ASCII by the time one is made.
pub(super) fn cut(word: &str) -> String {
    word.chars().take(MAX_FOUND_BYTES).collect()
}
