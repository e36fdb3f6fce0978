//! How a call sounds, as a mean opinion score: what coding, losses and their repair leave of it.
//!
//! The figures were measured with PESQ on recorded speech; `docs/measurements.md` says how.

use crate::audio::FrameLength;

/// What coding leaves, by frame length and Opus bitrate in kbit/s.
const RATES: [f64; 8] = [8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0];
const CODED: [(FrameLength, [f64; 8]); 6] = [
    (FrameLength::Ms2_5, [1.1, 1.2, 1.4, 1.8, 2.2, 3.0, 3.7, 4.1]),
    (FrameLength::Ms5, [1.1, 1.35, 2.0, 2.8, 3.5, 3.95, 4.4, 4.54]),
    (FrameLength::Ms10, [1.75, 3.25, 4.05, 4.28, 4.39, 4.49, 4.55, 4.55]),
    (FrameLength::Ms20, [2.85, 3.84, 4.21, 4.38, 4.43, 4.51, 4.55, 4.57]),
    (FrameLength::Ms40, [2.94, 3.87, 4.22, 4.4, 4.43, 4.52, 4.55, 4.57]),
    (FrameLength::Ms60, [2.97, 3.92, 4.22, 4.4, 4.44, 4.52, 4.55, 4.57]),
];

/// What coding leaves of a perfect score at `bps`.
pub(super) fn coded(frame: FrameLength, bps: f64) -> f64 {
    let kbps = bps / 1000.0;
    let row = CODED.iter().find(|row| row.0 == frame).map_or(&CODED[2].1, |row| &row.1);
    let Some(above) = RATES.iter().position(|&rate| rate >= kbps) else { return row[RATES.len() - 1] };
    if above == 0 {
        // Below the table quality falls off towards nothing.
        return 1.0 + (row[0] - 1.0) * (kbps / RATES[0]).max(0.0);
    }
    let part = (kbps - RATES[above - 1]) / (RATES[above] - RATES[above - 1]);
    row[above - 1] + part * (row[above] - row[above - 1])
}

/// How bad what stands for a lost frame sounds, beside concealment at 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Repair {
    /// Made up by the decoder.
    Concealed,
    /// The low-rate copy in the packet behind.
    Fec,
    /// Deep redundancy.
    Dred,
    /// A whole copy.
    Red,
}

impl Repair {
    /// Its harm, as a share of that of concealment. Of a frame of 10 ms little fits into the low-rate copy.
    pub(super) fn harm(self, frame: FrameLength) -> f64 {
        match self {
            Repair::Concealed => 1.0,
            Repair::Dred => 0.45,
            Repair::Fec if frame <= FrameLength::Ms10 => 0.12,
            Repair::Fec => 0.05,
            Repair::Red => 0.01,
        }
    }
}

/// How bad a gap sounds whose end is repaired, beside one that is not: what comes behind it builds on what was sent. Of
/// short frames more do.
pub(super) fn mended(frame: FrameLength) -> f64 {
    if frame <= FrameLength::Ms10 { 0.9 } else { 1.0 }
}

/// What losses take: `harm` is the share of frames lost, each weighed by its [`Repair`].
pub(super) fn lost(harm: f64) -> f64 {
    3.2 * (1.0 - (-harm / 0.085).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_bits_and_longer_frames_never_sound_worse() {
        for pair in FrameLength::ALL.windows(2) {
            for kbps in 1..100 {
                let bps = f64::from(kbps) * 1000.0;
                assert!(coded(pair[0], bps) <= coded(pair[1], bps) + 0.051, "{pair:?} {kbps}");
                assert!(coded(pair[0], bps) <= coded(pair[0], bps + 500.0));
            }
        }
    }

    #[test]
    fn losses_take_what_was_measured() {
        // From 4.54, whose means over bursts of 1 to 3 were 3.02, 2.35, 1.64 and 1.38.
        for (share, measured) in [(0.05, 1.52), (0.1, 2.19), (0.2, 2.9), (0.3, 3.16)] {
            assert!((lost(share) - measured).abs() < 0.15, "{share}: {}", lost(share));
        }
    }
}
