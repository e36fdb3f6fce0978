//! The numbers of one run.

use super::FlightLog;
use crate::measure::PlayoutMoment;

/// The first part of a run is left out of its delays: a receiver begins before it knows the network.
const SETTLING_MS: f64 = 2000.0;
/// A delay that is so far above the median is a disturbance.
const DISTURBED_MS: f64 = 20.0;
/// IP, UDP, RTP with an extension, and SRTP's tag: what each packet takes beside its payload.
const OVERHEAD_BYTES: f64 = 20.0 + 8.0 + 12.0 + 8.0 + 10.0;

/// The headings of what [`Figures::cells`] gives.
pub(in crate::peer) const HEADINGS: [&str; 9] =
    ["p50 ms", "p95 ms", "max ms", "made up %", "stretch %", "late", "repaired", "recover ms", "kbit/s"];

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::peer) struct Figures {
    /// The delay that half of the time was not exceeded, in milliseconds.
    pub(in crate::peer) p50_ms: f64,
    /// The delay that 95 % of the time was not exceeded.
    pub(in crate::peer) p95_ms: f64,
    /// The greatest delay.
    pub(in crate::peer) max_ms: f64,
    /// Share of what was heard that was made up, in percent.
    pub(in crate::peer) concealed: f64,
    /// Share that was left out or repeated, in percent.
    pub(in crate::peer) stretched: f64,
    /// Packets that came after their time had been concealed.
    pub(in crate::peer) late: f64,
    /// Frames that redundancy of any kind repaired.
    pub(in crate::peer) repaired: f64,
    /// The longest time for which the delay stayed far above its median, in milliseconds.
    pub(in crate::peer) recovery_ms: f64,
    /// What arrived, with all headers, in kbit/s.
    pub(in crate::peer) kbits: f64,
}

impl Figures {
    /// The figures of a run.
    pub(in crate::peer) fn of(log: &FlightLog) -> Figures {
        let samples: f64 = log.moments.iter().map(|moment| moment.samples).sum();
        let sum = |of: fn(&PlayoutMoment) -> f64| log.moments.iter().map(of).sum::<f64>();
        let percent = |part: f64| 100.0 * part / samples.max(1.0);
        let begun_ms = log.moments.first().map_or(0.0, |moment| moment.at_ms);
        let settled: Vec<(f64, f64)> = log
            .moments
            .iter()
            .filter(|moment| moment.at_ms >= begun_ms + SETTLING_MS)
            .filter_map(|moment| Some((moment.at_ms, moment.delay_ms?)))
            .collect();
        let mut delays: Vec<f64> = settled.iter().map(|moment| moment.1).collect();
        delays.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let last = delays.len().saturating_sub(1) as f64;
            delays.get((last * share).round() as usize).copied().unwrap_or(0.0)
        };
        let seconds = log.arrivals.last().map_or(0.0, |last| last.0 / 1000.0).max(1e-3);
        let bytes = log.payload_bytes as f64 + log.arrivals.len() as f64 * OVERHEAD_BYTES;
        Figures {
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            max_ms: quantile(1.0),
            concealed: percent(sum(|moment| moment.concealed)),
            stretched: percent(sum(|moment| moment.stretched)),
            late: log.stats.late as f64,
            repaired: (log.stats.fec_used + log.stats.red_used + log.stats.dred_used) as f64,
            recovery_ms: longest_disturbance(&settled, quantile(0.5) + DISTURBED_MS),
            kbits: bytes * 8.0 / 1000.0 / seconds,
        }
    }

    /// Mean of several runs; the greatest of what is a maximum.
    pub(in crate::peer) fn mean(runs: &[Figures]) -> Figures {
        let mean = |of: fn(&Figures) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
        let most = |of: fn(&Figures) -> f64| runs.iter().map(of).fold(0.0, f64::max);
        Figures {
            p50_ms: mean(|f| f.p50_ms),
            p95_ms: mean(|f| f.p95_ms),
            max_ms: most(|f| f.max_ms),
            concealed: mean(|f| f.concealed),
            stretched: mean(|f| f.stretched),
            late: mean(|f| f.late),
            repaired: mean(|f| f.repaired),
            recovery_ms: most(|f| f.recovery_ms),
            kbits: mean(|f| f.kbits),
        }
    }

    /// As the cells of a table, under [`HEADINGS`].
    pub(in crate::peer) fn cells(&self) -> [String; 9] {
        [
            format!("{:.1}", self.p50_ms),
            format!("{:.1}", self.p95_ms),
            format!("{:.0}", self.max_ms),
            format!("{:.2}", self.concealed),
            format!("{:.2}", self.stretched),
            format!("{:.0}", self.late),
            format!("{:.0}", self.repaired),
            format!("{:.0}", self.recovery_ms),
            format!("{:.1}", self.kbits),
        ]
    }
}

fn longest_disturbance(delays: &[(f64, f64)], limit_ms: f64) -> f64 {
    let mut longest = 0.0f64;
    let mut since = None;
    for &(at_ms, delay_ms) in delays {
        if delay_ms <= limit_ms {
            since = None;
        } else {
            longest = longest.max(at_ms - *since.get_or_insert(at_ms));
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disturbance_lasts_until_the_delay_is_back() {
        let moments = (0..1000).map(|n| PlayoutMoment {
            at_ms: f64::from(n) * 10.0,
            delay_ms: Some(if (500..550).contains(&n) { 80.0 } else { 20.0 }),
            samples: 480.0,
            concealed: if n == 500 { 480.0 } else { 0.0 },
            ..PlayoutMoment::default()
        });
        let log = FlightLog { moments: moments.collect(), ..FlightLog::default() };
        let figures = Figures::of(&log);
        assert_eq!((figures.p50_ms, figures.max_ms, figures.recovery_ms), (20.0, 80.0, 490.0));
        assert!((figures.concealed - 0.1).abs() < 1e-9);
    }

    #[test]
    fn a_run_that_heard_nothing_has_figures() {
        assert_eq!(Figures::of(&FlightLog::default()), Figures::default());
    }
}
