//! Session descriptions: text to a typed description and back (RFC 8866, JSEP RFC 9429).
//!
//! - [`Description`] reads and writes; its parts borrow from the text, and what is not known is kept in
//!   its place. Nothing here panics, whatever the text; time and memory grow with its length alone.
//! - [`OpusParameters`] is Opus's fmtp (RFC 7587), typed.
//! - [`gate`] stands before the call engine: it bounds a stranger's description, holds it to what
//!   WebRTC requires, and writes it anew in the one form that the engine reads without loss.
//! - [`localise`] rewrites the engine's own offers and answers so that they say what we mean.

mod attribute;
mod description;
mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod gate;
pub mod localise;
mod media_line;
mod opus;
mod parse;
mod ptime;
mod rtp_map;
mod section;
mod session;
mod streams;
#[cfg(test)]
mod tests;
mod transport;
mod words;

pub use attribute::Attribute;
pub use description::{Description, Line};
pub use error::{EXCERPT_MAX_BYTES, Error, Position, Rule};
pub use media_line::{MediaKind, MediaLine};
pub use opus::OpusParameters;
pub use ptime::PacketTime;
pub use rtp_map::{ExtMap, Fmtp, RtcpFeedback, RtpMap, Ssrc, SsrcGroup};
pub use section::Section;
pub use session::{Bandwidth, Connection, Origin, Timing};
pub use streams::{Group, Msid, Rid, RidDirection, Simulcast};
pub use transport::{CandidateText, Direction, Fingerprint, Setup};
pub use words::{Fields, Words};

/// The largest RTP payload type: it has seven bits (RFC 3550 section 5.1).
pub const PAYLOAD_TYPE_MAX: u8 = 127;

/// An attribute of ours: the author takes SRTP whose tags have 32 bits (SRTP_AES128_CM_HMAC_SHA1_32, RFC 5764 section
/// 4.1.2) where the offer and the answer both say so, whatever profile DTLS agrees on.
pub const SHORT_TAGS: &str = "x-srtp-tag:32";

/// An attribute of ours: the author takes RTP with headers of three bytes, and RED with two a copy or with parity in it, where
/// the offer and the answer both say so.
pub const SHORT_HEADERS: &str = "x-rtp-header:24 red:16 parity";

/// That the author takes and sends the receiver's estimate of what the path carries (REMB, draft-alvestrand-rmcat-remb; RFC
/// 4585 section 4.2 for the form).
pub const REMB: &str = "rtcp-fb:* goog-remb";
