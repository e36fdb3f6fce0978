//! The lines of a trace.

use super::Arrival;
use crate::rtp::{RtpTimestamp, Samples};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A packet arrived.
    Arrival(Arrival),
    /// How far playout has come.
    Progress(Progress),
    /// What the other side and the path reported.
    Report(Report),
    /// Something worth a word: a change of state, of the sender's settings.
    Note(String),
    /// The file has reached its limit: nothing follows.
    Full,
}

/// Where playout stands, with counts since the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Media time of what is heard now; `None` while that is made up.
    pub heard: Option<RtpTimestamp>,
    /// The delay that is aimed at, above the fastest packets', in microseconds.
    pub target_us: u64,
    /// Samples made up.
    pub concealed: u64,
    /// Samples left out to lower the delay.
    pub shortened: u64,
    /// Samples repeated to raise it.
    pub lengthened: u64,
    /// Frames that a copy (RED) repaired.
    pub red: u64,
    /// Frames that in-band FEC repaired.
    pub fec: u64,
    /// Frames that deep redundancy (DRED) repaired.
    pub dred: u64,
}

impl Progress {
    /// Samples whose time was changed.
    pub fn stretched(&self) -> Samples {
        Samples((self.shortened + self.lengthened).min(i64::MAX as u64) as i64)
    }
}

/// What is known of the way there and of the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// RTP packets sent so far.
    pub packets_sent: u64,
    /// UDP payload sent so far, in bytes.
    pub bytes_sent: u64,
    /// Share of ours that the other side reports lost, in parts of 10,000.
    pub remote_loss: Option<u32>,
    /// The jitter that it reports, in microseconds.
    pub remote_jitter_us: Option<u32>,
    /// Round trip, in microseconds.
    pub rtt_us: Option<u32>,
}
