//! What the [`Receiver`](super::Receiver) is made of.
//!
//! - `codec`: from packets to sound, which a test can put something else in the place of;
//! - `sound`: the decoder and the line that it fills, following the jitter buffer's decisions;
//! - `line`: decoded samples that wait, with a memory of what was heard;
//! - `splice`: going over from concealment to speech without a click;
//! - `stretch`: a little faster or slower at the same pitch;
//! - `drift`: two clocks that are not the same;
//! - `curve`: sound between samples;
//! - `noise`: the background behind a voice.

mod codec;
mod config;
mod curve;
mod deep;
mod drift;
mod line;
mod noise;
mod sound;
mod splice;
mod stats;
mod stretch;

pub use codec::Codec;
pub(super) use codec::OpusCodec;
pub use config::{Latency, ReceiverConfig};
pub(super) use drift::{Drift, MAX_PIECE};
pub(super) use sound::{Sound, Source, Speech};
pub use stats::ReceiverStats;
pub(super) use stretch::{Change, LOOK_AHEAD};
