//! What can be chosen about a load.

use std::time::Duration;

use clap::Args;

use crate::audio::{Bitrate, FrameLength, Mode};

/// Options of `peer load`.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// Calls at the same time, both ends of each
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub calls: u16,
    /// How long is measured, once all calls stand, in seconds
    #[arg(long, value_name = "S", default_value_t = 30.0, value_parser = seconds)]
    pub seconds: f64,
    /// Threads that run the calls [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Length of an Opus frame: 2.5, 5, 10, 20, 40 or 60
    #[arg(long, value_name = "MS", default_value = "20")]
    pub frame_ms: FrameLength,
    /// Bitrate of Opus, 6000 to 510000 (or 6k to 510k) [default: as in a call]
    #[arg(long, value_name = "BPS")]
    pub bitrate: Option<Bitrate>,
    /// Code as for music: by transform alone, which costs less than half of what coding for a voice does
    #[arg(long)]
    pub music: bool,
    /// Share of the time in which each end speaks, in percent; it is silent for the rest
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub talk: u8,
    /// Leave out silence
    #[arg(long)]
    pub dtx: bool,
    /// How hard encoders work, 0 to 10; by default as hard as is heard
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub complexity: Option<u8>,
    /// How late a frame may leave after its last sample was spoken, and sound be rendered after it was due, before it
    /// counts as a missed deadline, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10.0, value_parser = millis)]
    pub deadline_ms: f64,
}

impl LoadArgs {
    /// From when on something is too late.
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs_f64(self.deadline_ms / 1000.0)
    }

    /// What the encoders are tuned for.
    pub(super) fn mode(&self) -> Mode {
        if self.music { Mode::Music } else { Mode::Voice }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text, 0.1..=86_400.0)
}

fn millis(text: &str) -> Result<f64, String> {
    number(text, 0.1..=1000.0)
}

fn number(text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    value
        .ok_or_else(|| format!("expected a number from {} to {}, found {text:?}", range.start(), range.end()))
}
