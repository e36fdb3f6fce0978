//! Opus, the capture and playback halves, resampling; `device` holds the only audio threads.
//!
//! Everything inside this room is `f32`, interleaved, at [`SAMPLE_RATE`], with one or two [`Channels`].
//! What comes from outside in another shape is converted at the end of the wire where it enters.
//!
//! - [`opus`]: the codec. Typed settings, an encoder over `audiopus`, a decoder with loss concealment,
//!   in-band FEC and deep redundancy.
//! - [`Sender`]: samples in, encoded frames out.
//! - [`control`]: what is sent, chosen from what the other side reports.
//! - [`Receiver`]: packets in, samples out, whatever happened on the way.
//! - [`trial`]: a receiver, or another in its place, put through arrivals in virtual time and measured.
//! - [`device`]: the ends of the wire: files, pipes, microphones and speakers.
//! - [`SearchTone`]: what a listener hears while a call looks for a path.
//! - [`Level`]: how loud a frame is, on the scale of RFC 6464.
//!
//! Architecture Invariant: nothing here reads a clock, opens a socket or starts a thread, except the edge,
//! `device`.

mod bandwidth_watch;
pub mod control;
pub mod device;
mod error;
mod fader;
pub mod fuzz;
mod level;
pub mod opus;
mod pause;
pub mod pcm;
mod playback;
mod receiver;
pub mod resample;
mod search_tone;
mod sender;
pub mod trial;

pub use error::Error;
pub use fader::Fader;
pub use level::Level;
pub use opus::{Bitrate, Channels, FrameLength, Mode};
pub use playback::{Codec, Latency, ReceiverConfig, ReceiverStats};
pub use receiver::Receiver;
pub use search_tone::SearchTone;
pub use sender::{EncodedFrame, RedSettings, Sender, SenderConfig};

/// Samples a second, per channel, of all audio in this room; also the RTP clock of Opus (RFC 7587 §4.1).
pub const SAMPLE_RATE: u32 = 48_000;
