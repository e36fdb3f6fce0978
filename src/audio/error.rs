//! What can go wrong in the audio room.

use std::path::PathBuf;

/// An error of the audio room: what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// libopus refused what it was asked for.
    #[error("Opus could not {doing}: {source}")]
    Opus {
        /// What was asked of it, as a verb: "decode a packet".
        doing: &'static str,
        /// Its own reason.
        source: audiopus::Error,
    },
    /// A frame length that Opus does not have.
    #[error("a frame is 2.5, 5, 10, 20, 40 or 60 ms long, not {found:?}")]
    FrameLength {
        /// The text that was given.
        found: String,
    },
    /// A bit rate outside what RFC 7587 §6.1 allows.
    #[error("a bit rate is between 6000 and 510000 bits a second (or 6k to 510k), not {found:?}")]
    Bitrate {
        /// The text that was given.
        found: String,
    },
    /// A mode other than `voice` and `music`.
    #[error("a mode is \"voice\" or \"music\", not {found:?}")]
    Mode {
        /// The text that was given.
        found: String,
    },
    /// A word that is no way of trading delay.
    #[error("latency is ultra, low, balanced or robust, not {found:?}")]
    Latency {
        /// The text that was given.
        found: String,
    },
    /// A number of channels other than 1 and 2.
    #[error("a call has 1 or 2 channels, not {found}")]
    Channels {
        /// The number that was given.
        found: String,
    },
    /// A received packet breaks the packet format of RFC 6716 §3.
    #[error("not an Opus packet: {reason}")]
    Packet {
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// An input or an output that cannot be read as one.
    #[error("{found:?} is not an audio {direction}: {expected}")]
    Spec {
        /// "input" or "output".
        direction: &'static str,
        /// The text that was given.
        found: String,
        /// What would have been one.
        expected: String,
    },
    /// A WAV file that cannot be opened, read or written.
    #[error("{}: {reason}", path.display())]
    Wav {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A sound device that is not there or does not work.
    #[error("{reason}")]
    Device {
        /// What is wrong and what is there instead.
        reason: String,
    },
    /// Samples that could not be converted from one rate to another.
    #[error("cannot convert {from_hz} Hz to {to_hz} Hz: {reason}")]
    Resample {
        /// The rate of what came in.
        from_hz: u32,
        /// The rate that was wanted.
        to_hz: u32,
        /// Why not.
        reason: String,
    },
    /// A thread of an audio end could not be started.
    #[error("cannot start the {name} thread")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}
