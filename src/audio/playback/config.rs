//! What a receiver is made for.

use std::fmt;
use std::str::FromStr;

use crate::audio::{Channels, Error, opus::DecoderEffort};
use crate::rtp::TargetSettings;

/// What a [`Receiver`](crate::audio::Receiver) is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReceiverConfig {
    /// Channels of what is rendered, whatever the sender's.
    pub channels: Channels,
    /// What delay is traded against.
    pub latency: Latency,
    /// The same in numbers, in the place of both `latency` and `max_delay_ms`.
    pub target: Option<TargetSettings>,
    /// Delay above the fastest packets that playout never exceeds, in milliseconds.
    pub max_delay_ms: u32,
    /// Work put into concealment.
    pub effort: DecoderEffort,
}

impl Default for ReceiverConfig {
    fn default() -> ReceiverConfig {
        ReceiverConfig {
            channels: Channels::Mono,
            latency: Latency::default(),
            target: None,
            max_delay_ms: 400,
            effort: DecoderEffort::default(),
        }
    }
}

impl ReceiverConfig {
    pub(crate) fn target(&self) -> TargetSettings {
        if let Some(settings) = self.target {
            return settings;
        }
        let memory_ms = match self.latency {
            Latency::Ultra => 1000.0,
            Latency::Low => 20_000.0,
            Latency::Balanced => 4000.0,
            Latency::Robust => 8000.0,
        };
        let ms_per_percent = self.latency.ms_per_percent();
        let catches_up = self.latency == Latency::Low;
        TargetSettings {
            ms_per_percent,
            repair_ms_per_percent: self.latency.repair_ms_per_percent(),
            memory_ms,
            max_delay_ms: self.max_delay_ms,
            catches_up,
            ..Default::default()
        }
    }
}

/// How much delay a percent of missed frames is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Latency {
    /// The least delay; frames that come late are missed. For playing music together.
    Ultra,
    /// Low delay at hardly a loss.
    #[default]
    Low,
    /// Few concealed frames on bad networks: stalls are waited for.
    Balanced,
    /// As few as can be, whatever the delay.
    Robust,
}

impl Latency {
    /// Every one of them, from the least delay to the most.
    pub const ALL: [Latency; 4] = [Latency::Ultra, Latency::Low, Latency::Balanced, Latency::Robust];

    /// Delay in milliseconds that one percent of frames missed is worth.
    pub fn ms_per_percent(self) -> f32 {
        match self {
            Latency::Ultra => 2.0,
            Latency::Low => 18.0,
            Latency::Balanced => 25.0,
            Latency::Robust => 60.0,
        }
    }

    /// The same where the frames are lost and it is waited for what repairs them. Few that come late are seldom alone, and what
    /// is waited for the last of them is paid all the time; what is in the next packet is sure to come.
    fn repair_ms_per_percent(self) -> f32 {
        if self == Latency::Low { 30.0 } else { self.ms_per_percent() }
    }

    fn name(self) -> &'static str {
        match self {
            Latency::Ultra => "ultra",
            Latency::Low => "low",
            Latency::Balanced => "balanced",
            Latency::Robust => "robust",
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Latency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Latency, Error> {
        Latency::ALL
            .into_iter()
            .find(|latency| latency.name() == text)
            .ok_or_else(|| Error::Latency { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for latency in Latency::ALL {
            assert_eq!(latency.to_string().parse::<Latency>().unwrap(), latency);
        }
        assert!("fast".parse::<Latency>().is_err());
    }
}
