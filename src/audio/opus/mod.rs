//! The Opus codec (RFC 6716) as RTP carries it (RFC 7587).
//!
//! - [`FrameLength`], [`Bitrate`], [`Mode`], [`Channels`]: the settings, in types that hold only legal values.
//! - [`Encoder`]: frames in, packets out, over `audiopus`.
//! - [`Decoder`]: packets in, frames out; conceals what is lost with deep PLC, recovers it from in-band FEC
//!   or from deep redundancy ([`Dred`], [`DredReader`]).
//! - [`PacketInfo`]: what a packet says of itself, without decoding it.
//!
//! `ffi.rs` is the only file of the library with unsafe code for Opus: `audiopus` hides the decoder's
//! controls that deep PLC and deep redundancy need.

mod bandwidth;
mod bitrate;
mod decoder;
mod encoder;
mod ffi;
mod frame_length;
mod mode;
mod packet;
#[cfg(test)]
pub(crate) mod testing;

pub use bandwidth::Bandwidth;
pub use bitrate::Bitrate;
pub use decoder::{Decoder, DecoderEffort, Dred, DredReader, DredSpan};
pub use encoder::{Encoder, EncoderConfig};
pub use frame_length::FrameLength;
pub use mode::{Channels, Mode};
pub use packet::{Coding, PacketInfo};

/// The longest Opus packet lasts 120 ms (RFC 6716 §2.1.4): samples per channel at 48 kHz.
pub const MAX_PACKET_SAMPLES: usize = 5760;

/// The largest packet that an [`Encoder`] makes, in bytes: the largest frame of Opus (RFC 6716 §3.4 \[R2\]).
/// 510 kbit/s in 20 ms frames fits in it, and it fits in one datagram on an Ethernet path; longer frames spend
/// fewer bits rather than be fragmented.
pub const MAX_PACKET_BYTES: usize = 1275;

/// The step of durations in Opus, 2.5 ms (RFC 6716 §2.1.4): samples per channel at 48 kHz.
pub const STEP_SAMPLES: usize = 120;
