//! ICE candidates: the `candidate` attribute of RFC 8839, priorities and foundations of RFC 8445.
//!
//! ```text
//! candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ KIND
//!           [raddr ADDRESS rport PORT] [tcptype active|passive|so] *(NAME VALUE)
//! ```
//!
//! [`CandidateLine::parse`] reads what signaling delivers (with or without `a=` and `candidate:`, or an
//! end-of-candidates mark), [`Candidate::parse`] one candidate. Both borrow from the text, do not allocate on
//! success (but to measure a line that is almost too long), never panic, and take time proportional to the text, of
//! which they accept at most [`MAX_CANDIDATE_BYTES`]. What they accept can be written, and read again.
//!
//! Lenient: any letter case in keywords, runs of spaces and tabs, a final CR LF, `raddr`/`rport`/`tcptype`
//! anywhere after the kind, a TCP candidate without `tcptype`, `raddr` without `rport`, priorities above 2^31-1.
//! Strict: printable ASCII only, foundation of 1 to 32 ice-chars (or `-_=#`), component 1 to 256, no UDP port 0.

mod address;
mod error;
mod extension;
mod foundation;
mod kind;
mod line;
mod parse;
mod priority;
mod write;

pub use address::Address;
pub use error::CandidateError;
pub use extension::Extensions;
pub use foundation::Foundations;
pub use kind::{CandidateKind, TcpType, Transport};
pub use line::{Candidate, CandidateLine, NeedsResolution, RelatedAddress};
pub use parse::{MAX_CANDIDATE_BYTES, MAX_EXTENSIONS};
pub use priority::{Component, Priority};
