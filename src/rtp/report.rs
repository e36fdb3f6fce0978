//! What the other side reports of the stream that we send.

use std::time::{Duration, Instant};

use super::Progress;

/// A receiver report (RFC 3550, section 6.4.2). Counts run from the start of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport {
    /// When it came.
    pub at: Instant,
    /// The highest sequence number that has arrived there, extended.
    pub highest: u64,
    /// Packets missing there.
    pub lost: u64,
    /// Variation of the arrival times there.
    pub jitter: Duration,
    /// Round trip by this report, or by the latest measurement on the path.
    pub rtt: Option<Duration>,
    /// How far our stream had come by this report; `None` where that is not known any more.
    pub progress: Option<Progress>,
}
