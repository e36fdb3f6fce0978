//! Sequence and timestamp arithmetic, RED, the jitter buffer and its playout decisions.
//!
//! Nothing here knows a codec beyond the head of an Opus packet, a socket or a clock: packets come in with their
//! arrival time, and decisions go out.
//!
//! - [`Seq`], [`RtpTimestamp`], [`Samples`]: counters that do not wrap, time in samples at 48 kHz;
//! - [`Packet`]: what the transport hands over; [`red`] and [`OpusPacketInfo`] read its payload, [`short_red`] makes it smaller;
//! - [`AudioLevel`], [`AbsCaptureTime`]: the data of two header extensions;
//! - [`JitterBuffer`]: when each frame is played, and what in the place of one that is missing;
//! - [`SentLog`], [`ReceiverReport`], [`LossEstimate`], [`Bottleneck`]: what a sender learns of its path;
//! - [`Overuse`]: what a receiver sees of a queue that fills;
//! - [`OneWayDelay`]: how long packets are under way, by two clocks that do not agree.

mod abs_capture_time;
mod audio_level;
mod bottleneck;
mod buffer;
mod decision;
pub mod fuzz;
mod hiccups;
mod histogram;
mod jitter_buffer;
mod loss;
mod one_way;
mod overuse;
mod pace;
mod packet;
mod parity;
mod ramp;
pub mod red;
mod red_packer;
mod report;
mod seen;
mod sent;
mod seq;
pub mod short_red;
mod stalls;
mod stats;
mod target;
mod timeline_watch;
mod timestamp;
mod toc;
mod window;

pub use abs_capture_time::{ABS_CAPTURE_TIME_URI, AbsCaptureTime};
pub use audio_level::{AUDIO_LEVEL_URI, AudioLevel, ExtensionError};
pub use bottleneck::{Bottleneck, Delivery, LEAST_BPS};
pub use decision::{Decision, Steering, Unplayed};
pub use jitter_buffer::JitterBuffer;
pub use loss::LossEstimate;
pub use one_way::{OneWay, OneWayDelay, SenderClock};
pub use overuse::Overuse;
pub use packet::{Packet, PayloadFormat};
pub use parity::{MAX_PARITY_FRAMES, parity_frames};
pub use red_packer::{MAX_RED_COPIES, MAX_RED_DISTANCE, RedPacker};
pub use report::ReceiverReport;
pub use sent::{Progress, Sent, SentLog};
pub use seq::{Seq, SeqExtender};
pub use short_red::RedHeader;
pub use stats::JitterStats;
pub use target::TargetSettings;
pub use timestamp::{CLOCK_HZ, RtpTimestamp, Samples, TimestampExtender};
pub use toc::{MAX_PACKET_DURATION, OpusMode, OpusPacketInfo};

#[cfg(test)]
mod tests;
