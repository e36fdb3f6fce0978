//! What the jitter buffer counted.

/// Counts since the beginning; none of them ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Packets handed in.
    pub received: u64,
    /// Packets whose slot was held or played already, or whose payload nobody can read.
    pub discarded: u64,
    /// Packets, of those, that held a frame which had been given up by then.
    pub late: u64,
    /// Frames decoded from their own packet.
    pub frames_primary: u64,
    /// Frames decoded from a redundant copy.
    pub frames_redundant: u64,
    /// Frames repaired by in-band FEC.
    pub frames_fec: u64,
    /// Frames restored from deep redundancy.
    pub frames_dred: u64,
    /// Gaps in media time that nothing filled, in samples.
    pub lost_samples: u64,
    /// Sum over all frames decoded from their own packets of the time from arrival to playout, in microseconds.
    pub waited_us: u64,
    /// Times that the stream began again: another source, or a jump of its clock.
    pub restarts: u64,
}

impl JitterStats {
    /// Frames decoded, from whatever copy.
    pub fn frames(&self) -> u64 {
        self.frames_primary + self.frames_redundant + self.frames_fec + self.frames_dred
    }
}
