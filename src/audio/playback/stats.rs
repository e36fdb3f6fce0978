//! What a receiver counted and measured.

/// Counts since the beginning, and what holds now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReceiverStats {
    /// Packets handed in.
    pub received: u64,
    /// Packets of them that were not used: copies, late ones, unreadable ones.
    pub discarded: u64,
    /// Packets of them that came after their time had been concealed.
    pub late: u64,
    /// Frames that nothing brought in time, by media time, in samples.
    pub lost_samples: u64,
    /// Frames repaired by in-band FEC.
    pub fec_used: u64,
    /// Frames repaired by a redundant copy (RED).
    pub red_used: u64,
    /// Frames repaired by deep redundancy (DRED).
    pub dred_used: u64,
    /// Samples rendered that were made up for what did not come in time; the noise of a silence on purpose is none.
    pub concealed_samples: u64,
    /// Times that concealment began.
    pub concealments: u64,
    /// Samples rendered.
    pub total_samples: u64,
    /// Samples left out to lower the delay.
    pub shortened_samples: u64,
    /// Samples repeated to raise the delay.
    pub lengthened_samples: u64,
    /// Times that the stream began again.
    pub restarts: u64,
    /// Packets that Opus refused.
    pub undecodable: u64,
    /// Mean time from a frame's arrival to its playout, over the frames since the last call, in milliseconds.
    pub playout_delay_ms: f32,
    /// What the resampler adds to that, in milliseconds; nothing as long as the clocks agree.
    pub resampler_delay_ms: f32,
    /// Length of the frames that come, in milliseconds.
    pub frame_ms: f32,
    /// Delay that is aimed at, above the fastest packets', in milliseconds.
    pub target_ms: f32,
    /// Difference of the sender's clock to ours as it was learnt, in parts per million.
    pub drift_ppm: f32,
    /// Loudness of what was rendered last, in dB of full scale, -127 to 0.
    pub level_dbov: i8,
}
