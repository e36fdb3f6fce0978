//! What happens at an end of the wire.

use std::fmt;

/// Something that happened to an input or an output, other than sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndEvent {
    /// An input came to its end: no more sound will come. An output was closed by its reader: no more is wanted.
    Ended,
    /// It broke and will not come back.
    Failed {
        /// What happened, in words.
        reason: String,
    },
    /// The device went away. It is looked for; until then an input is silent and an output swallows all.
    Lost {
        /// What happened, in words.
        reason: String,
    },
    /// The device that was lost is back.
    Recovered {
        /// Its name.
        device: String,
    },
}

impl fmt::Display for EndEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndEvent::Ended => f.write_str("ended"),
            EndEvent::Failed { reason } => write!(f, "failed: {reason}"),
            EndEvent::Lost { reason } => write!(f, "lost: {reason}"),
            EndEvent::Recovered { device } => write!(f, "{device} is back"),
        }
    }
}
