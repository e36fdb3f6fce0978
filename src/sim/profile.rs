//! Networks with a name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::{Gap, Jitter, LinkConfig, Loss, Rate, Reorder, RouteStep, Stalls};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A network that people call over, or one that a laboratory measures with. `docs/networks.md` says where each number
/// comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// Nothing in the way.
    Clean,
    /// 30 ms each way and nothing else.
    Delay30,
    /// 30 ms, normal jitter of 10 ms.
    Jitter10,
    /// 60 ms, normal jitter of 30 ms, 2 % lost.
    Jitter30Loss2,
    /// 20 ms, 5 % lost in bursts of four.
    Bursts5,
    /// 20 ms, one in ten lost.
    Loss10,
    /// 20 ms, and each 5 s everything is held for 200 ms.
    Stall200,
    /// A flat with good Wi-Fi and a wired line behind it.
    Wifi,
    /// The same with a neighbour's video and a microwave oven.
    WifiBusy,
    /// A telephone on LTE, walking: load, hand-overs.
    Lte,
    /// A hotel: a shared access point far away, a full uplink.
    Hotel,
    /// Europe to the east coast over good lines.
    Transatlantic,
    /// A geostationary satellite.
    Satellite,
    /// Satellites in low orbit, handed over each 15 s.
    LowOrbit,
    /// An ADSL uplink of 384 kbit/s that somebody uploads on from time to time.
    Dsl,
}

/// A word that is no network's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no network is called {found:?}; there are {}", names())]
pub struct NoSuchProfile {
    found: String,
}

fn names() -> String {
    Profile::ALL.map(Profile::name).join(", ")
}

impl Profile {
    /// Every one of them.
    pub const ALL: [Profile; 15] = [
        Profile::Clean,
        Profile::Delay30,
        Profile::Jitter10,
        Profile::Jitter30Loss2,
        Profile::Bursts5,
        Profile::Loss10,
        Profile::Stall200,
        Profile::Wifi,
        Profile::WifiBusy,
        Profile::Lte,
        Profile::Hotel,
        Profile::Transatlantic,
        Profile::Satellite,
        Profile::LowOrbit,
        Profile::Dsl,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Clean => "clean",
            Profile::Delay30 => "d30",
            Profile::Jitter10 => "j10",
            Profile::Jitter30Loss2 => "j30l2",
            Profile::Bursts5 => "ge5",
            Profile::Loss10 => "l10",
            Profile::Stall200 => "spike200",
            Profile::Wifi => "wifi",
            Profile::WifiBusy => "wifi-busy",
            Profile::Lte => "lte",
            Profile::Hotel => "hotel",
            Profile::Transatlantic => "transatlantic",
            Profile::Satellite => "satellite",
            Profile::LowOrbit => "low-orbit",
            Profile::Dsl => "dsl",
        }
    }

    /// One direction of it.
    pub fn link(self) -> LinkConfig {
        let plain = LinkConfig::default();
        match self {
            Profile::Clean => plain,
            Profile::Delay30 => LinkConfig { delay: ms(30), ..plain },
            Profile::Jitter10 => {
                LinkConfig { delay: ms(30), jitter: Jitter::Normal { sd_ms: 10.0 }, ..plain }
            }
            Profile::Jitter30Loss2 => LinkConfig {
                delay: ms(60),
                jitter: Jitter::Normal { sd_ms: 30.0 },
                loss: vec![Loss::Independent { share: 0.02 }],
                ..plain
            },
            Profile::Bursts5 => LinkConfig {
                delay: ms(20),
                loss: vec![Loss::Bursts { share: 0.05, mean_burst: 4.0, in_bad: 1.0 }],
                ..plain
            },
            Profile::Loss10 => {
                LinkConfig { delay: ms(20), loss: vec![Loss::Independent { share: 0.1 }], ..plain }
            }
            Profile::Stall200 => LinkConfig {
                delay: ms(20),
                stalls: Some(Stalls { first: ms(2500), every: ms(5000), length: ms(200), spread: 0.0 }),
                ..plain
            },
            Profile::Wifi => wifi(),
            Profile::WifiBusy => wifi_busy(),
            Profile::Lte => lte(),
            Profile::Hotel => hotel(),
            Profile::Transatlantic => LinkConfig {
                delay: ms(42),
                jitter: Jitter::Exponential { mean_ms: 0.8 },
                loss: vec![Loss::Independent { share: 0.001 }],
                steps: vec![
                    RouteStep { at: ms(20_000), change_ms: 9.0 },
                    RouteStep { at: ms(40_000), change_ms: -9.0 },
                ],
                ..plain
            },
            Profile::Satellite => LinkConfig {
                delay: ms(280),
                jitter: Jitter::Correlated { sd_ms: 6.0, tau_ms: 400.0 },
                loss: vec![Loss::Independent { share: 0.005 }],
                ..plain
            },
            Profile::LowOrbit => low_orbit(),
            Profile::Dsl => LinkConfig {
                delay: ms(18),
                jitter: Jitter::Trace(uploads()),
                rate: Some(Rate { bits_per_second: 384_000, queue: ms(300) }),
                ..plain
            },
        }
    }
}

/// Contention: mostly less than a millisecond, a tail of retries, and the channel scans of a laptop.
fn wifi() -> LinkConfig {
    LinkConfig {
        delay: ms(12),
        jitter: Jitter::Pareto { scale_ms: 2.5, shape: 2.2, max_ms: 60.0 },
        loss: vec![Loss::BurstsInTime { share: 0.003, mean_burst_ms: 15.0 }],
        stalls: Some(Stalls { first: ms(7000), every: ms(20_000), length: ms(60), spread: 0.5 }),
        ..LinkConfig::default()
    }
}

/// A channel that others use: longer queues, losses in bursts, frames that overtake in the block-ack window.
fn wifi_busy() -> LinkConfig {
    LinkConfig {
        delay: ms(15),
        jitter: Jitter::Pareto { scale_ms: 12.0, shape: 2.5, max_ms: 150.0 },
        loss: vec![Loss::BurstsInTime { share: 0.02, mean_burst_ms: 25.0 }],
        reorder: Some(Reorder { share: 0.003, extra: ms(8) }),
        duplicated: 0.001,
        stalls: Some(Stalls { first: ms(4000), every: ms(8000), length: ms(90), spread: 0.6 }),
        ..LinkConfig::default()
    }
}

/// Scheduling requests and retransmissions in steps of 8 ms, load that comes and goes, a hand-over now and then.
fn lte() -> LinkConfig {
    LinkConfig {
        delay: ms(32),
        jitter: Jitter::Correlated { sd_ms: 9.0, tau_ms: 250.0 },
        loss: vec![
            Loss::Independent { share: 0.002 },
            Loss::BurstsInTime { share: 0.003, mean_burst_ms: 30.0 },
        ],
        stalls: Some(Stalls { first: ms(6000), every: ms(12_000), length: ms(55), spread: 0.4 }),
        gaps: vec![Gap { at: ms(31_000), length: ms(120) }],
        ..LinkConfig::default()
    }
}

/// Everything at once.
fn hotel() -> LinkConfig {
    LinkConfig {
        delay: ms(28),
        jitter: Jitter::Pareto { scale_ms: 25.0, shape: 2.8, max_ms: 250.0 },
        loss: vec![
            Loss::FourStates { p13: 0.008, p31: 0.25, p32: 0.3, p23: 0.6, p14: 0.008 },
            Loss::BurstsInTime { share: 0.01, mean_burst_ms: 40.0 },
        ],
        reorder: Some(Reorder { share: 0.005, extra: ms(15) }),
        duplicated: 0.002,
        rate: Some(Rate { bits_per_second: 256_000, queue: ms(400) }),
        stalls: Some(Stalls { first: ms(5000), every: ms(15_000), length: ms(150), spread: 0.5 }),
        ..LinkConfig::default()
    }
}

/// A satellite each 15 s: a step of the delay, and some packets lost with it.
fn low_orbit() -> LinkConfig {
    let changes = [6.0, -9.0, 12.0, -5.0, 3.0, -8.0, 10.0, -7.0];
    let at = |n: usize| ms(15_000 * (n as u64 + 1));
    LinkConfig {
        delay: ms(26),
        jitter: Jitter::Exponential { mean_ms: 2.5 },
        loss: vec![Loss::BurstsInTime { share: 0.005, mean_burst_ms: 20.0 }],
        gaps: (0..changes.len()).map(|n| Gap { at: at(n), length: ms(40) }).collect(),
        steps: changes.iter().enumerate().map(|(n, &change_ms)| RouteStep { at: at(n), change_ms }).collect(),
        ..LinkConfig::default()
    }
}

/// A queue that fills while somebody uploads for four seconds in each twenty, and empties again.
fn uploads() -> Vec<(f64, f64)> {
    (0..2000)
        .map(|n| {
            let t = f64::from(n) * 10.0;
            let into = t - 8000.0;
            let queue = match into {
                0.0..4000.0 => (into * 0.08).min(140.0) - 12.0 * (into / 90.0).sin().abs(),
                4000.0..4700.0 => 140.0 * (1.0 - (into - 4000.0) / 700.0),
                _ => 0.0,
            };
            (t, queue.max(0.0))
        })
        .collect()
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = NoSuchProfile;

    fn from_str(text: &str) -> Result<Profile, NoSuchProfile> {
        Profile::ALL
            .into_iter()
            .find(|profile| profile.name() == text)
            .ok_or_else(|| NoSuchProfile { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_a_wrong_one_says_which_there_are() {
        for profile in Profile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
        }
        assert!("modem".parse::<Profile>().unwrap_err().to_string().contains("hotel"));
    }
}
