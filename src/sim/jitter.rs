//! Delay that changes from packet to packet.

use super::Random;

/// How delay varies around or above a link's own.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Independent draws from a normal distribution around 0, cut at three standard deviations.
    Normal {
        /// Standard deviation in milliseconds.
        sd_ms: f64,
    },
    /// Independent draws, evenly from minus to plus this.
    Uniform {
        /// Half the width in milliseconds.
        half_ms: f64,
    },
    /// Independent draws from an exponential distribution: queues that are empty most of the time.
    Exponential {
        /// Mean in milliseconds.
        mean_ms: f64,
    },
    /// Independent draws from a Pareto distribution that begins at 0: mostly little, now and then much.
    Pareto {
        /// Scale in milliseconds: half of the packets have less than `scale x (2^(1/shape) - 1)`.
        scale_ms: f64,
        /// The less, the heavier the tail; above 1.
        shape: f64,
        /// Cut here, in milliseconds.
        max_ms: f64,
    },
    /// A normal distribution whose values hang together (an Ornstein-Uhlenbeck process): load that comes and goes.
    Correlated {
        /// Standard deviation in milliseconds.
        sd_ms: f64,
        /// Time in milliseconds over which it forgets.
        tau_ms: f64,
    },
    /// What was measured: pairs of time and delay, both in milliseconds, ascending in time, held until the next one
    /// and begun again at the end. A delay below 0 is a loss.
    Trace(Vec<(f64, f64)>),
}

/// The state of a [`Jitter`].
#[derive(Debug, Clone)]
pub(super) struct JitterState {
    random: Random,
    /// Value and time of the last correlated draw.
    last: Option<(f64, f64)>,
}

impl JitterState {
    pub(super) fn new(random: Random) -> JitterState {
        JitterState { random, last: None }
    }

    /// Delay in milliseconds for a packet sent at `ms`; `None` when a trace says that it was lost.
    pub(super) fn draw(&mut self, jitter: &Jitter, ms: f64) -> Option<f64> {
        let random = &mut self.random;
        Some(match jitter {
            Jitter::None => 0.0,
            Jitter::Normal { sd_ms } => sd_ms * random.normal().clamp(-3.0, 3.0),
            Jitter::Uniform { half_ms } => half_ms * (2.0 * random.unit() - 1.0),
            Jitter::Exponential { mean_ms } => random.exponential(*mean_ms),
            Jitter::Pareto { scale_ms, shape, max_ms } => random.pareto(*scale_ms, *shape).min(*max_ms),
            Jitter::Correlated { sd_ms, tau_ms } => {
                let fresh = sd_ms * random.normal();
                let value = match self.last {
                    None => fresh,
                    Some((value, at)) => {
                        let kept = (-(ms - at).max(0.0) / tau_ms).exp();
                        kept * value + (1.0 - kept * kept).sqrt() * fresh
                    }
                };
                self.last = Some((value, ms));
                value
            }
            Jitter::Trace(points) => return from_trace(points, ms),
        })
    }
}

fn from_trace(points: &[(f64, f64)], ms: f64) -> Option<f64> {
    let span = points.last().map_or(1.0, |point| point.0).max(1.0);
    let at = ms.rem_euclid(span);
    let next = points.partition_point(|point| point.0 <= at);
    let delay = points.get(next.saturating_sub(1)).map_or(0.0, |point| point.1);
    (delay >= 0.0).then_some(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(jitter: &Jitter, every_ms: f64) -> Vec<f64> {
        let mut state = JitterState::new(Random::new(3, 0));
        (0..50_000).map(|n| state.draw(jitter, n as f64 * every_ms).unwrap()).collect()
    }

    fn deviation(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn correlated_jitter_has_its_deviation_and_moves_slowly() {
        let values = draws(&Jitter::Correlated { sd_ms: 10.0, tau_ms: 500.0 }, 10.0);
        assert!((deviation(&values) - 10.0).abs() < 1.0);
        let steps: Vec<f64> = values.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(deviation(&steps) < 2.5);
    }

    #[test]
    fn normal_jitter_is_cut_at_three_deviations() {
        let values = draws(&Jitter::Normal { sd_ms: 10.0 }, 10.0);
        assert!((deviation(&values) - 10.0).abs() < 0.3);
        assert!(values.iter().all(|v| v.abs() <= 30.0));
    }

    #[test]
    fn a_trace_is_held_and_begins_again_and_may_lose() {
        let trace = Jitter::Trace(vec![(0.0, 5.0), (10.0, -1.0), (20.0, 7.0), (30.0, 7.0)]);
        let mut state = JitterState::new(Random::new(1, 0));
        let delays: Vec<_> = [0.0, 9.0, 10.0, 25.0, 30.0, 41.0].map(|ms| state.draw(&trace, ms)).to_vec();
        assert_eq!(delays, [Some(5.0), Some(5.0), None, Some(7.0), Some(5.0), None]);
    }
}
