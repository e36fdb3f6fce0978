//! Packets that never arrive.

use super::Random;

/// How packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each one by itself (Bernoulli).
    Independent {
        /// Share that is lost.
        share: f64,
    },
    /// In bursts (Gilbert-Elliott): a good and a bad state that change from packet to packet.
    Bursts {
        /// Share that is lost.
        share: f64,
        /// Mean length of a stay in the bad state, in packets.
        mean_burst: f64,
        /// Share that is lost in the bad state; 1 makes it the simple Gilbert model.
        in_bad: f64,
    },
    /// In bursts that are a matter of time, however many packets are sent: radio.
    BurstsInTime {
        /// Share of the time that is bad.
        share: f64,
        /// Mean length of a bad time, in milliseconds.
        mean_burst_ms: f64,
    },
    /// Four states after S. Salsano, F. Ludovici, A. Ordine, "Definition of a general and intuitive loss model for
    /// packet networks and its implementation in the Netem module in the Linux kernel", 2012: good (1), burst (3) with
    /// packets that come through in it (2), and a lone loss (4).
    FourStates {
        /// From good to burst.
        p13: f64,
        /// From burst to good.
        p31: f64,
        /// From burst to a packet that comes through in it.
        p32: f64,
        /// And back.
        p23: f64,
        /// From good to a lone loss, which always leads back.
        p14: f64,
    },
}

/// The state of a [`Loss`].
#[derive(Debug, Clone)]
pub(super) struct LossState {
    random: Random,
    state: u8,
    /// For losses in time: when the present state ends, in milliseconds.
    until_ms: f64,
}

impl LossState {
    pub(super) fn new(random: Random) -> LossState {
        LossState { random, state: 1, until_ms: 0.0 }
    }

    /// Whether the packet sent at `ms` is lost.
    pub(super) fn draw(&mut self, loss: &Loss, ms: f64) -> bool {
        match *loss {
            Loss::None => false,
            Loss::Independent { share } => self.random.chance(share),
            Loss::Bursts { share, mean_burst, in_bad } => self.bursts(share, mean_burst, in_bad),
            Loss::BurstsInTime { share, mean_burst_ms } => self.bursts_in_time(share, mean_burst_ms, ms),
            Loss::FourStates { p13, p31, p32, p23, p14 } => self.four_states([p13, p31, p32, p23, p14]),
        }
    }

    fn bursts(&mut self, share: f64, mean_burst: f64, in_bad: f64) -> bool {
        let bad_share = (share / in_bad).min(0.99);
        let leave = 1.0 / mean_burst.max(1.0);
        let enter = leave * bad_share / (1.0 - bad_share);
        let change = if self.state == 3 { leave } else { enter };
        if self.random.chance(change) {
            self.state = 4 - self.state;
        }
        self.state == 3 && self.random.chance(in_bad)
    }

    fn bursts_in_time(&mut self, share: f64, mean_burst_ms: f64, ms: f64) -> bool {
        /// States that may pass between two packets; what lies further apart begins anew.
        const MOST: usize = 10_000;
        let good_ms = mean_burst_ms * (1.0 - share) / share.max(1e-6);
        // The first period is a good one.
        if self.until_ms == 0.0 {
            self.until_ms = self.random.exponential(good_ms);
        }
        for _ in 0..MOST {
            if ms < self.until_ms {
                break;
            }
            self.state = 4 - self.state;
            let mean = if self.state == 3 { mean_burst_ms } else { good_ms };
            self.until_ms += self.random.exponential(mean);
        }
        self.state == 3
    }

    fn four_states(&mut self, [p13, p31, p32, p23, p14]: [f64; 5]) -> bool {
        let draw = self.random.unit();
        self.state = match self.state {
            1 if draw < p13 => 3,
            1 if draw < p13 + p14 => 4,
            2 if draw < p23 => 3,
            3 if draw < p31 => 1,
            3 if draw < p31 + p32 => 2,
            4 => 1,
            stay => stay,
        };
        self.state >= 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: usize = 200_000;

    /// Share lost and mean length of a burst, of packets 10 ms apart.
    fn measure(loss: Loss) -> (f64, f64) {
        let mut state = LossState::new(Random::new(5, 0));
        let lost: Vec<bool> = (0..PACKETS).map(|n| state.draw(&loss, n as f64 * 10.0)).collect();
        let count = lost.iter().filter(|&&l| l).count() as f64;
        let bursts = lost.windows(2).filter(|w| !w[0] && w[1]).count().max(1) as f64;
        (count / PACKETS as f64, count / bursts)
    }

    #[test]
    fn independent_losses_have_their_share() {
        let (share, burst) = measure(Loss::Independent { share: 0.1 });
        assert!((share - 0.1).abs() < 0.005 && (burst - 1.11).abs() < 0.05, "{share} {burst}");
    }

    #[test]
    fn bursts_have_their_share_and_their_length() {
        let (share, burst) = measure(Loss::Bursts { share: 0.05, mean_burst: 4.0, in_bad: 1.0 });
        assert!((share - 0.05).abs() < 0.005 && (burst - 4.0).abs() < 0.3, "{share} {burst}");
        let (share, _) = measure(Loss::Bursts { share: 0.05, mean_burst: 8.0, in_bad: 0.5 });
        assert!((share - 0.05).abs() < 0.006, "{share}");
    }

    #[test]
    fn bursts_in_time_last_as_long_however_many_packets_there_are() {
        let (share, burst) = measure(Loss::BurstsInTime { share: 0.05, mean_burst_ms: 100.0 });
        assert!((share - 0.05).abs() < 0.008 && (burst - 10.0).abs() < 1.5, "{share} {burst}");
    }

    #[test]
    fn four_states_make_bursts_with_holes_and_lone_losses() {
        let lone = Loss::FourStates { p13: 0.0, p31: 1.0, p32: 0.0, p23: 0.0, p14: 0.02 };
        let (share, burst) = measure(lone);
        assert!((share - 0.02).abs() < 0.003 && burst < 1.05, "{share} {burst}");
        let both = Loss::FourStates { p13: 0.01, p31: 0.1, p32: 0.3, p23: 0.6, p14: 0.01 };
        let (share, burst) = measure(both);
        assert!(share > 0.05 && burst > 1.5, "{share} {burst}");
    }
}
