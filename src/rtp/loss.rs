//! How much a path loses, and in how long bursts, from receiver reports alone.

use std::time::Instant;

use super::ReceiverReport;

/// Packets over which losses are remembered: about ten seconds of 10 ms frames.
const MEMORY_PACKETS: f64 = 1000.0;
/// The same in seconds, for frames so long that so many packets take minutes.
const MEMORY_S: f64 = 30.0;
/// Packets over which a rise shows.
const QUICK_PACKETS: f64 = 150.0;
/// Lost packets that are as good as none known: a mean burst is told from its guess only beyond them.
const GUESS_WEIGHT: f64 = 12.0;
/// Bursts where nothing is known yet: a little more than independent losses.
const GUESSED_BURST: f64 = 1.3;
/// Longer bursts look like outages, which no redundancy repairs in time.
const MAX_BURST: f64 = 12.0;
/// Share lost of one report alone that is an outage rather than the path's habit, unless the next report says the same.
const OUTAGE: f64 = 0.3;
/// A report that covers more packets than this follows a gap, and says nothing of the present.
const MAX_PACKETS: u64 = 4000;

/// Share lost and mean burst, as a Gilbert model has them.
///
/// A report tells how many of how many packets were lost, not which. But bursts make these counts vary: for a Gilbert
/// model of mean burst `b` the variance of the count is about `2b - 1` times that of independent losses. So the spread
/// of the counts gives the length of the bursts.
#[derive(Debug, Clone, Default)]
pub struct LossEstimate {
    last: Option<Counts>,
    quick: Average,
    slow: Average,
    /// Sums of squared deviations of the counts, and of what they would be without bursts.
    deviation: f64,
    expected: f64,
    /// Whether the last report was taken for one of an outage.
    outage: bool,
    /// Whether the next packets to be reported are the first of a new path.
    is_fresh: bool,
}

/// What a report said, and when.
#[derive(Debug, Clone, Copy)]
struct Counts {
    at: Instant,
    highest: u64,
    lost: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Average {
    lost: f64,
    packets: f64,
}

impl Average {
    /// Takes packets in, after what was known has become older by `age` times the memory.
    fn observe(&mut self, lost: f64, packets: f64, age: f64) {
        let kept = (-age).exp();
        self.lost = self.lost * kept + lost;
        self.packets = self.packets * kept + packets;
    }

    /// The share lost, with `prior` packets that came through before anything was known.
    fn share(self, prior: f64) -> f64 {
        self.lost / (self.packets + prior).max(1.0)
    }
}

impl LossEstimate {
    /// Takes a report in. Returns how many packets it covers and how many of them were lost; `None` for the first and
    /// for one that does not go on from the one before it.
    pub fn handle_report(&mut self, report: &ReceiverReport) -> Option<(u64, u64)> {
        let counts = Counts { at: report.at, highest: report.highest, lost: report.lost };
        let before = self.last.replace(counts)?;
        let packets = report.highest.checked_sub(before.highest).filter(|n| (1..=MAX_PACKETS).contains(n))?;
        if std::mem::take(&mut self.is_fresh) {
            return None;
        }
        // Late packets and duplicates can lower the count (RFC 3550, section 6.4.1).
        let lost = report.lost.saturating_sub(before.lost).min(packets);
        let (n, k) = self.without_outage(packets as f64, lost as f64);
        let seconds = report.at.saturating_duration_since(before.at).as_secs_f64();
        let age = (n / MEMORY_PACKETS).max(seconds / MEMORY_S);
        let before = if self.slow.packets > 0.0 { self.slow.share(0.0) } else { k / n };
        self.quick.observe(k, n, n / QUICK_PACKETS);
        self.slow.observe(k, n, age);
        let share = 0.5 * (before + self.slow.share(0.0));
        let kept = (-age / 4.0).exp();
        self.deviation = self.deviation * kept + (k - n * share).powi(2);
        self.expected = self.expected * kept + n * share * (1.0 - share);
        Some((packets, lost))
    }

    /// Forgets all: the packets take another path from now on. What is reported next is the time between the two.
    pub fn start_over(&mut self) {
        *self = Self { last: self.last, is_fresh: self.last.is_some(), ..Self::default() };
    }

    /// Packets and losses of a report; of one that tells of an outage, no more losses than a long burst has.
    fn without_outage(&mut self, packets: f64, lost: f64) -> (f64, f64) {
        let habit = self.slow.share(0.0);
        let is_strange = self.slow.packets > 0.0 && lost > OUTAGE * packets && habit < OUTAGE / 2.0;
        self.outage = is_strange && !self.outage;
        match self.outage {
            true => (packets - lost + MAX_BURST.min(lost), MAX_BURST.min(lost)),
            false => (packets, lost),
        }
    }

    /// Share of the packets lost, 0 to 1: quick to rise and slow to fall.
    pub fn share(&self) -> f64 {
        self.quick.share(20.0).max(self.slow.share(0.0)).clamp(0.0, 1.0)
    }

    /// Mean length of a burst in packets, 1 or more.
    pub fn burst(&self) -> f64 {
        let dispersion =
            (self.deviation + GUESS_WEIGHT * (2.0 * GUESSED_BURST - 1.0)) / (self.expected + GUESS_WEIGHT);
        ((dispersion + 1.0) / 2.0).clamp(1.0, MAX_BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Reports on a Gilbert model: every second over 100 packets.
    fn estimate(share: f64, burst: f64, seconds: u64) -> LossEstimate {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let at = Instant::now();
        let mut state = 88_172_645_463_325_252u64;
        let mut unit = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let leave = 1.0 / burst;
        let enter = leave * share / (1.0 - share);
        let (mut bad, mut lost) = (false, 0);
        let mut estimate = LossEstimate::default();
        for second in 0..seconds {
            for _ in 0..100 {
                bad = if bad { unit() >= leave } else { unit() < enter };
                lost += u64::from(bad);
            }
            let report = ReceiverReport {
                at: at + Duration::from_secs(second),
                highest: (second + 1) * 100,
                lost,
                jitter: Duration::ZERO,
                rtt: None,
                progress: None,
            };
            estimate.handle_report(&report);
        }
        estimate
    }

    #[test]
    fn independent_losses_and_bursts_are_told_apart() {
        let lone = estimate(0.1, 1.0 / 0.9, 40);
        assert!((lone.share() - 0.1).abs() < 0.05, "{}", lone.share());
        assert!(lone.burst() < 1.9, "{}", lone.burst());
        let bursts = estimate(0.1, 4.0, 40);
        assert!((2.5..7.0).contains(&bursts.burst()), "{}", bursts.burst());
    }

    #[test]
    fn a_path_that_loses_nothing_has_no_share_and_the_guessed_burst() {
        let clean = estimate(1e-9, 1.0, 30);
        assert_eq!(clean.share(), 0.0);
        assert!((clean.burst() - GUESSED_BURST).abs() < 1e-6);
    }

    #[test]
    fn one_outage_is_not_taken_for_the_habit_of_the_path_and_two_reports_of_it_are() {
        let mut estimate = estimate(1e-9, 1.0, 30);
        let mut report = |second: u64, lost| {
            let report = ReceiverReport {
                #[expect(clippy::disallowed_methods, reason = "any instant will do")]
                at: Instant::now(),
                highest: 3000 + second * 100,
                lost,
                jitter: Duration::ZERO,
                rtt: None,
                progress: None,
            };
            estimate.handle_report(&report);
            estimate.share()
        };
        assert!(report(1, 80) < 0.35);
        assert!(report(2, 160) > 0.3);
    }

    fn report(highest: u64, lost: u64) -> ReceiverReport {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let at = Instant::now();
        ReceiverReport { at, highest, lost, jitter: Duration::ZERO, rtt: None, progress: None }
    }

    #[test]
    fn on_the_first_path_the_second_report_counts() {
        let mut estimate = LossEstimate::default();
        estimate.start_over();
        assert_eq!(estimate.handle_report(&report(100, 0)), None, "of how many packets is not known");
        assert_eq!(estimate.handle_report(&report(200, 30)), Some((100, 30)));
    }

    #[test]
    fn what_was_lost_between_two_paths_says_nothing_of_the_new_one() {
        let mut estimate = estimate(0.2, 2.0, 30);
        estimate.start_over();
        let lost = estimate.last.map_or(0, |counts| counts.lost);
        assert_eq!(estimate.handle_report(&report(3000, lost)), None, "nothing new is heard yet");
        assert_eq!(estimate.handle_report(&report(3300, lost + 250)), None);
        assert_eq!(estimate.handle_report(&report(3400, lost + 250)), Some((100, 0)));
        assert_eq!(estimate.share(), 0.0);
        assert!((estimate.burst() - GUESSED_BURST).abs() < 1e-6);
    }

    #[test]
    fn counts_that_jump_or_go_back_are_not_taken_for_losses() {
        let mut estimate = estimate(1e-9, 1.0, 5);
        let liar = |highest, lost| ReceiverReport {
            #[expect(clippy::disallowed_methods, reason = "any instant will do")]
            at: Instant::now(),
            highest,
            lost,
            jitter: Duration::ZERO,
            rtt: None,
            progress: None,
        };
        assert_eq!(estimate.handle_report(&liar(u64::MAX, u64::MAX)), None);
        assert_eq!(estimate.handle_report(&liar(10, 5)), None);
        assert_eq!(estimate.handle_report(&liar(20, 3)), Some((10, 0)));
        assert!(estimate.share() <= 1.0);
    }

    #[test]
    fn a_dead_zone_is_forgotten_in_long_frames_too() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let at = Instant::now();
        let mut estimate = LossEstimate::default();
        // Sixteen packets a second: frames of 60 ms.
        for second in 0..150u64 {
            estimate.handle_report(&ReceiverReport {
                at: at + Duration::from_secs(second),
                highest: (second + 1) * 16,
                lost: second.min(30) * 14,
                jitter: Duration::ZERO,
                rtt: None,
                progress: None,
            });
        }
        assert!(estimate.share() < 0.03, "{}", estimate.share());
    }
}
