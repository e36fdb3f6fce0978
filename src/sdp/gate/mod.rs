//! The gate that every remote description passes before the call engine sees it.
//!
//! In order: size ([`Limits`]), grammar ([`Description`]), what WebRTC requires, each requirement a
//! [`Rule`](crate::sdp::Rule). What passes comes out as a [`Remote`]: the facts that the call acts
//! upon, and a text written anew. That text exists because the engine's own parser is quiet about what
//! it does not understand: it stops at the first line out of its order and drops the rest, drops
//! candidates with names or unusual extensions, and loses payload types and identifiers outside its
//! ranges. The text that leaves here has no such line.
//!
//! ```
//! use handset::sdp::gate::{self, Kind};
//! use handset::sdp::{Error, Rule};
//!
//! let no_fingerprint = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
//!     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
//!     a=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\na=rtcp-mux\r\n\
//!     a=rtpmap:111 opus/48000/2\r\n";
//! let error = gate::check_remote(no_fingerprint, Kind::Offer).unwrap_err();
//! assert!(matches!(error, Error::Policy { rule: Rule::Fingerprint, .. }));
//! assert_eq!(error.to_string(), "line 5, column 3: expected a sha-256 fingerprint, found none");
//! ```

mod check;
mod engine_text;
mod limits;
mod plan;
mod remote;
#[cfg(test)]
mod tests;
mod transport;

pub use check::{Gate, Kind, check_remote};
pub use limits::{Limits, MAX_BYTES, MAX_CANDIDATES, MAX_LINE_BYTES, MAX_LINES, MAX_SECTIONS, MAX_SSRCS};
pub use remote::{DIGEST_BYTES, Remote, RemoteSection};
