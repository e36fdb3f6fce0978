//! From reports to plans.

use std::time::{Duration, Instant};

use super::{Abilities, Path, Plan, Policy};
use crate::rtp::{Bottleneck, Delivery, LossEstimate, Progress, ReceiverReport, RedHeader};

/// A plan gives way to one whose expected score is greater by this.
const WORTH_A_CHANGE: f64 = 0.04;
/// The same for one of more or fewer bits and nothing else, which nobody hears change.
const WORTH_OTHER_BITS: f64 = 0.004;
/// The same for one of another frame length, which the other side hears for a moment.
const WORTH_ANOTHER_FRAME: f64 = 0.1;
/// Least time between two changes of the frame length.
const FRAME_HOLD: Duration = Duration::from_secs(3);
/// Reports of whose jitter the middle one counts, and how many there have to be at the least.
const JITTER_REPORTS: usize = 5;
/// See [`JITTER_REPORTS`].
const FIRST_JITTER_REPORTS: usize = 3;
/// Memory of what Opus spends, in seconds: turns of speaking and listening are shorter.
const SPENT_MEMORY_S: f64 = 60.0;
/// Reports closer together than this say too little of rates.
const LEAST_SPAN: Duration = Duration::from_millis(200);
/// Round trips of two reports that differ by less are one and the same: the reports name one sender report, since the one
/// after it was lost or has not arrived yet.
const SAME_ROUND_TRIP: Duration = Duration::from_micros(100);
/// A packet that has not arrived for so much longer than the round trip may be lost, and those after it.
const LOST_WAITING: Duration = Duration::from_millis(80);
/// So many seconds that went as expected stand before what is known of that.
const SPENT_GUESS_S: f64 = 8.0;
/// Bounds of it, in thousandths: after a long silence nobody speaks with twice the bits.
const SPENT_PERMILLE: (f64, f64) = (900.0, 1150.0);
/// Kept above what was measured, in thousandths.
const SPENT_MARGIN_PERMILLE: f64 = 10.0;

/// Chooses what is sent, from what the other side reports. Reads no clock and starts nothing.
///
/// Say [`on_sent`](Controller::on_sent) for each packet and [`handle_report`](Controller::handle_report) for each report;
/// [`plan`](Controller::plan) is what holds from then on.
#[derive(Debug, Clone)]
pub struct Controller {
    policy: Policy,
    abilities: Abilities,
    loss: LossEstimate,
    bottleneck: Bottleneck,
    jitter: Jitter,
    path: Path,
    plan: Plan,
    frame_since: Option<Instant>,
    /// Of the last report: when it came, how far the stream was by it, and its round trip.
    last_progress: Option<(Instant, Progress)>,
    last_rtt: Option<Duration>,
    spent: Spent,
}

/// What Opus was told to spend of late, and what it did, in bits.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    told: f64,
    spent: f64,
}

impl Spent {
    fn on_packet(&mut self, plan: &Plan, payload_bytes: usize) {
        let seconds = f64::from(plan.frame.ms()) / 1000.0;
        let kept = (-seconds / SPENT_MEMORY_S).exp();
        self.told = self.told * kept + plan.voices() * f64::from(plan.bitrate.bps()) * seconds;
        let voice = payload_bytes as f64 - plan.carried_header_bytes(RedHeader::Whole);
        self.spent = (self.spent * kept + voice * 8.0).max(0.0);
    }

    /// In thousandths, where so many bits a second are told.
    fn permille(&self, bps: f64) -> u16 {
        let guess = SPENT_GUESS_S * bps;
        let spent = guess * f64::from(Abilities::SPENT_AT_FIRST_PERMILLE) + 1000.0 * self.spent;
        let permille = spent / (guess + self.told) + SPENT_MARGIN_PERMILLE;
        permille.clamp(SPENT_PERMILLE.0, SPENT_PERMILLE.1) as u16
    }
}

/// The jitter of the last reports. A machine or a network that stands still for a moment raises it tenfold for a second and
/// says nothing of the packets that follow.
#[derive(Debug, Clone, Copy, Default)]
struct Jitter {
    last_ms: [f64; JITTER_REPORTS],
    reports: usize,
}

impl Jitter {
    fn observe(&mut self, ms: f64) {
        self.last_ms[self.reports % JITTER_REPORTS] = ms;
        self.reports += 1;
    }

    /// That of the middle one, once there are enough.
    fn usual_ms(&self) -> Option<f64> {
        let known = self.reports.min(JITTER_REPORTS);
        let mut sorted = self.last_ms;
        sorted[..known].sort_by(f64::total_cmp);
        (known >= FIRST_JITTER_REPORTS).then(|| sorted[(known - 1) / 2])
    }
}

impl Controller {
    /// One that knows nothing of the path.
    pub fn new(policy: Policy, abilities: Abilities) -> Controller {
        let path = Path::default();
        Controller {
            policy,
            abilities,
            loss: LossEstimate::default(),
            bottleneck: Bottleneck::default(),
            jitter: Jitter::default(),
            path,
            plan: Plan::best(&policy, &abilities, &path),
            frame_since: None,
            last_progress: None,
            last_rtt: None,
            spent: Spent::default(),
        }
    }

    /// What both sides understand has become known, or has changed.
    pub fn set_abilities(&mut self, abilities: Abilities) {
        self.abilities = Abilities { spent_permille: self.abilities.spent_permille, ..abilities };
        self.plan = Plan::best(&self.policy, &self.abilities, &self.path);
    }

    /// What is wanted has changed.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.plan = Plan::best(&self.policy, &self.abilities, &self.path);
    }

    /// A packet with so many bytes of payload was sent, as [`Sender`](crate::audio::Sender) made it.
    pub fn on_sent(&mut self, payload_bytes: usize) {
        self.spent.on_packet(&self.plan, payload_bytes);
    }

    /// Takes in a round trip that was measured outside of the reports.
    pub fn handle_round_trip(&mut self, rtt: Duration) {
        self.bottleneck.handle_round_trip(rtt);
    }

    /// The packets take another path from now on: what is known of the old one says nothing of it.
    pub fn start_over(&mut self) {
        self.loss.start_over();
        self.bottleneck = Bottleneck::default();
        self.jitter = Jitter::default();
        self.path = Path::default();
        self.last_progress = None;
        self.last_rtt = None;
        self.plan = Plan::best(&self.policy, &self.abilities, &self.path);
    }

    /// Takes a report in, and chooses anew.
    pub fn handle_report(&mut self, report: &ReceiverReport) {
        let covered = self.loss.handle_report(report);
        self.jitter.observe(report.jitter.as_secs_f64().min(2.0) * 1000.0);
        self.path.jitter_ms = self.jitter.usual_ms().unwrap_or(self.path.jitter_ms);
        let rtt = self.round_trip(report);
        let Some(progress) = report.progress else { return };
        let before = *self.last_progress.get_or_insert((report.at, progress));
        let Some((expected, lost)) = covered else { return };
        let span = report.at.saturating_duration_since(before.0);
        if span < LEAST_SPAN {
            return;
        }
        self.last_progress = Some((report.at, progress));
        let bps = |bits: f64| bits / span.as_secs_f64();
        let overhead_bytes = self.abilities.overhead_bytes;
        let lost = lost as f64 / expected as f64;
        let arrived = progress.covered.since(before.1.covered).wire_bits(overhead_bytes) * (1.0 - lost);
        let sent = progress.sent.since(before.1.sent).wire_bits(overhead_bytes);
        let delivery = Delivery {
            at: report.at,
            delivered_bps: bps(arrived),
            sent_bps: bps(sent),
            lost,
            rtt,
            jitter: report.jitter,
        };
        self.bottleneck.handle_delivery(&delivery, f64::from(self.policy.max_bitrate_bps()));
        tracing::trace!(?delivery, limit_bps = self.bottleneck.limit_bps(), "what a report says of the path");
        self.path.lost = self.loss.share();
        self.path.burst = self.loss.burst();
        self.abilities.spent_permille = self.spent.permille(f64::from(self.plan.bitrate.bps()));
        self.heed_limit(report.at);
    }

    /// Takes in that the other side saw a queue fill, and what came out of it meanwhile, in bits a second on the wire.
    pub fn handle_overuse(&mut self, at: Instant, carried_bps: f64) {
        self.bottleneck.handle_overuse(at, carried_bps, self.plan.wire_bps(&self.abilities));
        tracing::trace!(carried_bps, limit_bps = self.bottleneck.limit_bps(), "a queue was seen to fill");
        self.heed_limit(at);
    }

    fn heed_limit(&mut self, now: Instant) {
        self.path.limit_bps = self.bottleneck.limit_bps();
        if self.path.limit_bps.is_some() {
            // What pauses leave free is of no use to the speech between them on a path that cannot carry more.
            let least = Abilities::SPENT_AT_FIRST_PERMILLE;
            self.abilities.spent_permille = self.abilities.spent_permille.max(least);
        }
        self.choose(now);
    }

    /// The round trip when this report came. It is measured by sender reports, one a second, and one of those that is lost
    /// leaves the time of the one before: then it is told from the packet that had not arrived.
    fn round_trip(&mut self, report: &ReceiverReport) -> Option<Duration> {
        let before = std::mem::replace(&mut self.last_rtt, report.rtt);
        let is_new = report.rtt.zip(before).is_none_or(|(now, then)| now.abs_diff(then) > SAME_ROUND_TRIP);
        let Some(waiting) = report.progress.and_then(|progress| progress.waiting) else { return report.rtt };
        if is_new { report.rtt.max(Some(waiting.saturating_sub(LOST_WAITING))) } else { Some(waiting) }
    }

    fn choose(&mut self, now: Instant) {
        let best = Plan::best(&self.policy, &self.abilities, &self.path);
        if best == self.plan {
            return;
        }
        let score = |plan: &Plan| plan.score(&self.policy, &self.abilities, &self.path);
        let gain = score(&best) - score(&self.plan);
        let limit =
            self.path.limit_bps.unwrap_or(f64::INFINITY).min(f64::from(self.policy.max_bitrate_bps()));
        let fits = self.plan.wire_bps(&self.abilities) <= limit;
        let other_frame = best.frame != self.plan.frame;
        let held = self.frame_since.is_some_and(|since| now.saturating_duration_since(since) < FRAME_HOLD);
        let other_bits = Plan { bitrate: best.bitrate, ..self.plan } == best;
        let worth = match (other_frame, other_bits) {
            (true, _) => gain > WORTH_ANOTHER_FRAME && !held,
            (false, true) => gain > WORTH_OTHER_BITS,
            (false, false) => gain > WORTH_A_CHANGE,
        };
        if !fits || worth {
            if other_frame {
                self.frame_since = Some(now);
            }
            tracing::debug!(plan = ?best, path = ?self.path, "another plan for what is sent");
            self.plan = best;
        }
    }

    /// What is to be sent now.
    pub fn plan(&self) -> Plan {
        self.plan
    }

    /// What both sides understand, and what Opus was seen to spend.
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// What is known of the path.
    pub fn path(&self) -> Path {
        self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{FrameLength, SenderConfig};
    use crate::rtp::Sent;

    /// A call of `seconds` over a path of `capacity_bps` with a queue of 300 ms that loses each `nth` packet.
    fn call(controller: &mut Controller, seconds: u64, capacity_bps: f64, nth: u64) -> Vec<Plan> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let (mut highest, mut lost, mut queue_ms) = (0u64, 0u64, 0.0f64);
        let mut sent = Sent::default();
        (1..=seconds)
            .map(|second| {
                let plan = controller.plan();
                let packets = 48_000 / plan.frame.samples() as u64;
                let bytes = plan.bitrate.bps() as f64 / 8.0 / packets as f64;
                let copies = plan.voices();
                for _ in 0..packets {
                    controller.on_sent((bytes * copies) as usize);
                    sent.packets += 1;
                    sent.payload_bytes += (bytes * copies) as u64;
                }
                let wire_bps = plan.wire_bps(&controller.abilities);
                let wanted = queue_ms + 1000.0 * (wire_bps - capacity_bps) / capacity_bps;
                let dropped = (wanted - 300.0).max(0.0) / 1000.0 * capacity_bps / wire_bps;
                queue_ms = wanted.clamp(0.0, 300.0);
                highest += packets;
                // What is in the queue has not arrived yet.
                let share = (queue_ms / 1000.0 * capacity_bps / wire_bps).min(1.0);
                let queued = |of: u64| (of as f64 * share) as u64;
                let covered = Sent {
                    packets: sent.packets - queued(packets),
                    payload_bytes: sent.payload_bytes - queued((bytes * copies) as u64 * packets),
                };
                lost += packets / nth + (packets as f64 * dropped) as u64;
                controller.handle_report(&ReceiverReport {
                    at: start + Duration::from_secs(second),
                    highest,
                    lost,
                    jitter: Duration::from_millis(2),
                    rtt: Some(Duration::from_secs_f64((40.0 + queue_ms) / 1000.0)),
                    progress: Some(Progress { sent, covered, waiting: None }),
                });
                controller.plan()
            })
            .collect()
    }

    fn controller() -> Controller {
        let abilities = Abilities { red: true, dred: true, ..Abilities::plain(&SenderConfig::default()) };
        Controller::new(Policy::default(), abilities)
    }

    #[test]
    fn a_clean_path_changes_nothing() {
        let mut controller = controller();
        let first = controller.plan();
        assert!(call(&mut controller, 60, 1e9, u64::MAX).iter().all(|plan| *plan == first));
    }

    #[test]
    fn losses_bring_redundancy_and_their_end_takes_it_away() {
        let mut controller = controller();
        let plans = call(&mut controller, 20, 1e9, 10);
        let last = plans.last().unwrap();
        assert!(last.fec || last.red_distance > 0 || last.dred_ms > 0, "{last:?}");
        let again = call(&mut controller, 120, 1e9, u64::MAX);
        let last = again.last().unwrap();
        assert_eq!((last.red_distance, last.dred_ms), (0, 0), "{last:?}");
    }

    #[test]
    fn the_jitter_of_a_moment_is_none_and_that_of_seconds_is() {
        let mut jitter = Jitter::default();
        let mut usual = |ms: [f64; 8]| {
            ms.map(|ms| {
                jitter.observe(ms);
                jitter.usual_ms()
            })
        };
        let moment = usual([1.0, 1.0, 12.0, 9.0, 1.0, 2.0, 1.0, 30.0]);
        let usual_ms = moment.map(|ms| ms.unwrap_or_default());
        assert_eq!(usual_ms, [0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(usual([20.0; 8])[2..], [Some(20.0); 6]);
    }

    #[test]
    fn a_link_of_forty_kilobits_works() {
        let mut controller = controller();
        let plans = call(&mut controller, 60, 40_000.0, u64::MAX);
        let over = |plan: &&Plan| plan.wire_bps(&controller.abilities) > 41_000.0;
        assert!(plans[6..].iter().filter(over).count() < 6, "{plans:?}");
        assert!(plans[30..].iter().all(|plan| plan.bitrate.bps() >= 8_000), "{plans:?}");
    }

    #[test]
    fn what_pauses_leave_goes_to_the_voice() {
        let abilities = Abilities::plain(&SenderConfig::default());
        let policy = Policy { frame: Some(FrameLength::Ms10), ..Policy::default() };
        let mut controller = Controller::new(policy, abilities);
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let (first, mut sent) = (controller.plan().bitrate.bps(), Sent::default());
        for second in 1..=60u64 {
            for packet in 0..100 {
                // Three quarters of the time it spends as it is told, else half of that.
                let told = controller.plan().bitrate.bps() as usize / 800;
                let payload = if packet < 75 { told } else { told / 2 };
                controller.on_sent(payload);
                sent.packets += 1;
                sent.payload_bytes += payload as u64;
            }
            controller.handle_report(&ReceiverReport {
                at: start + Duration::from_secs(second),
                highest: second * 100,
                lost: 0,
                jitter: Duration::from_millis(2),
                rtt: None,
                progress: Some(Progress { sent, covered: sent, waiting: None }),
            });
        }
        let bps = sent.wire_bits(abilities.overhead_bytes) / 60.0;
        assert!(controller.plan().bitrate.bps() > first, "{first}");
        assert!((62_000.0..=64_000.0).contains(&bps), "{bps}");
    }

    #[test]
    fn what_headers_of_copies_take_is_not_held_against_the_voice() {
        let abilities =
            Abilities { overhead_bytes: 35, red: true, ..Abilities::plain(&SenderConfig::default()) };
        let policy = Policy { frame: Some(FrameLength::Ms10), red_distance: Some(1), ..Policy::default() };
        let mut controller = Controller::new(policy, abilities);
        for _ in 0..60 * 100 {
            // Opus spends what it is told to.
            let copies = 2 * controller.plan().bitrate.bps() as usize / 800;
            controller.on_sent(RedHeader::Whole.bytes(1) + copies);
        }
        let told = controller.spent.permille(f64::from(controller.plan().bitrate.bps()));
        assert!((980..1030).contains(&told), "{told}");
    }

    #[test]
    fn reports_that_lie_never_lead_out_of_the_limits() {
        let mut controller = controller();
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut state = 7u64;
        for n in 0..20_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            controller.on_sent((state >> 50) as usize);
            controller.handle_report(&ReceiverReport {
                at: start + Duration::from_millis(state % 100_000 + n * 5),
                highest: if state.is_multiple_of(3) { state } else { n * 100 },
                lost: if state.is_multiple_of(5) { state >> 3 } else { n },
                jitter: Duration::from_micros(state >> (state % 60)),
                rtt: (!state.is_multiple_of(7)).then(|| Duration::from_micros(state >> (20 + state % 40))),
                progress: (!state.is_multiple_of(11)).then(|| Progress {
                    sent: Sent { packets: n, payload_bytes: state >> 30 },
                    covered: Sent { packets: state >> (state % 60), payload_bytes: state >> 20 },
                    waiting: (!state.is_multiple_of(13)).then(|| Duration::from_micros(state >> 30)),
                }),
            });
            let plan = controller.plan();
            let wire = plan.wire_bps(&controller.abilities);
            assert!((13_000.0..=64_001.0).contains(&wire), "{n}: {plan:?} {wire}");
            assert!(plan.frame >= FrameLength::Ms10);
        }
    }
}
