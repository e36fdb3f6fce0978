//! What a path carries, found out from the reports on what it did carry.

use std::time::{Duration, Instant};

/// Round trip above the least one from which a queue is suspected, beside its variation.
const QUEUE: Duration = Duration::from_millis(60);
/// A queue this long is one whatever the variation.
const LONG_QUEUE: Duration = Duration::from_millis(250);
/// Reports with a queue, one after the other, that are believed: one alone may have met a stall.
const REPORTS: u32 = 3;
/// Share of what was sent that arrives meanwhile, above which a queue that is not long is none: into one goes more than comes
/// out. Round trips that are high by chance, three in a row, are not rare on a path with much jitter.
const PASSED_ON: f64 = 0.93;
/// A long queue is believed sooner if less than this share arrives meanwhile.
const FILLS_QUICKLY: f64 = 0.85;
/// See [`FILLS_QUICKLY`].
const FEW_REPORTS: u32 = 2;
/// Reports, one after the other, that each bring a longer round trip by this at least ...
const RISE: Duration = Duration::from_millis(8);
/// ... and so many of them show a queue that fills slowly, where altogether it is a queue's length ...
const RISES: u32 = 4;
/// ... and no more than this share arrives meanwhile.
const FILLS_SLOWLY: f64 = 0.98;
/// What arrives as a share of what is sent, above which a queue is being emptied: it is left over from before a fall.
const EMPTIES: f64 = 1.05;
/// So much less of a round trip than before shows that, too.
const SINKS: Duration = Duration::from_millis(20);
/// Memory of how much the round trip varies, in reports.
const VARIATION_REPORTS: u32 = 4;
/// What is asked of a bottleneck, as a share of what it carried, is the less the longer its queue, which the rest empties:
/// this much less than all for each second of it, ...
const BELOW_EACH_SECOND: f64 = 1.0;
/// ... at the least and at the most.
const BELOW: (f64, f64) = (0.81, 0.95);
/// What is asked for the time of a trial: a queue is to be gone by it, however long it may be.
const ON_TRIAL: f64 = 0.85;
/// Time after a fall in which nothing rises.
const HOLD: Duration = Duration::from_secs(5);
/// What reports and checks take beside the packets.
const BESIDE_BPS: f64 = 2_000.0;
/// A queue has filled for so long when word of it comes.
const SEEN_AFTER: Duration = Duration::from_millis(500);
/// A queue is empty where the round trip is longer than the least one by no more than this: near what was too much nothing
/// rises otherwise, ...
const EMPTY: Duration = Duration::from_millis(25);
/// ... and the one that a fall was for is gone where it is so long after it.
const EMPTIED: Duration = Duration::from_millis(1500);
/// Time after a fall in which the other side still sees what was sent before it.
const ANSWER: Duration = Duration::from_millis(1200);
/// Of a queue that goes on filling within this time of a fall ...
const AGAIN: Duration = Duration::from_secs(4);
/// ... less than this share of what came out before comes out now, where it is others who fill it.
const SHARED: f64 = 0.92;
/// Growth a second once the path is clear.
const GROWTH: f64 = 1.04;
/// The same far below the rate that was too much last, which a moment without any packet may have given.
const QUICK_GROWTH: f64 = 1.3;
/// The same near that rate.
const CAREFUL_GROWTH: f64 = 1.002;
/// From this share of that rate on it is near.
const NEAR: f64 = 0.94;
/// A limit of which less than this share is sent does not grow: that more would pass was not seen.
const USED: f64 = 0.85;
/// How long that rate is remembered.
const MEMORY: Duration = Duration::from_secs(60);
/// Loss from which a bottleneck without a queue is suspected.
const SUSPECT_LOSS: f64 = 0.12;
/// Reports with such a loss, one after the other, that are believed, if what they lost adds up to this: a bottleneck loses all
/// the time, one burst of losses is a fifth of what a report covers, and of a path that loses a tenth by chance three reports
/// in a row show more.
const LOSSY_REPORTS: u32 = 3;
const LOSSES: f64 = 0.65;
/// Loss at a lower rate, or round trip above the least one, as a share of that before, below which the rate had to do with
/// it. A bottleneck loses next to nothing of what it can carry.
const LESS: f64 = 0.5;
/// A round trip longer than the least one by this, and by more where arrival times vary, report after report, lets a queue
/// be suspected that comes and goes but stays.
const STANDING: Duration = Duration::from_millis(40);
/// So many times their variation (RFC 3550 section 6.4.1), which a queue before a narrow link does not bring about.
const STANDING_JITTER: u32 = 8;
/// So many reports, one after the other.
const STANDING_REPORTS: u32 = 5;
/// What is sent on trial is less by so much of the share lost: a bottleneck then loses a fourth of that share or less, and
/// where it is none little is spoilt meanwhile.
const LESS_ON_TRIAL: f64 = 0.75;
/// How long a lower rate is tried to see whether less is lost, or the round trip is shorter.
const TRIAL: Duration = Duration::from_secs(6);
/// The reports that come first in a trial are about what was sent before, and the queue that it left.
const BEFORE_TRIAL: Duration = Duration::from_millis(2500);
/// Time until the next such trial where it was in vain.
const NEXT_TRIAL: Duration = Duration::from_secs(60);
/// After each that was in vain it is twice as long, up to so many times.
const MAX_NEXT_TRIALS: u32 = 4;
/// Below this nothing is understood any more.
pub const LEAST_BPS: f64 = 14_000.0;

/// What one report says of the path's capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delivery {
    /// When the report came.
    pub at: Instant,
    /// What arrived, in bits a second on the wire.
    pub delivered_bps: f64,
    /// What was sent in the same time.
    pub sent_bps: f64,
    /// Share lost, 0 to 1.
    pub lost: f64,
    /// Round trip.
    pub rtt: Option<Duration>,
    /// Variation of the arrival times.
    pub jitter: Duration,
}

/// Estimates the bottleneck of a path. Without signs of one there is none.
///
/// A bottleneck shows in a queue: the round trip grows, and what arrives is what it carries. One without a queue shows
/// in losses alone, one that is all but wide enough in a queue that comes and goes; those losses and those round trips are
/// told from others by sending less for a while.
#[derive(Debug, Clone, Default)]
pub struct Bottleneck {
    limit_bps: Option<f64>,
    /// The least round trip of this window and of the one before it.
    least: [Option<Duration>; 2],
    window: Option<Instant>,
    /// The latest round trip, and how much one differs from the next: a queue grows and then stays, jitter comes and goes.
    latest: Option<Duration>,
    variation: Duration,
    queued: Queued,
    rising: Rising,
    lossy: Mean,
    standing: Mean,
    held_until: Option<Instant>,
    too_much: Option<(f64, Instant)>,
    trial: Option<Trial>,
    /// Of trials for losses, and of those for a standing queue: one kind in vain says nothing of the other.
    rests: [Rest; 2],
    /// The queue that the other side saw fill last, and how long none is heeded.
    overused: Option<Overused>,
    overuse_rest: Rest,
    last: Option<Instant>,
}

/// Reports with a queue, one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Queued {
    reports: u32,
    delivered_bps: f64,
    sent_bps: f64,
    is_long: bool,
}

impl Queued {
    fn add(&mut self, delivery: &Delivery, is_long: bool) {
        self.reports += 1;
        self.delivered_bps += delivery.delivered_bps;
        self.sent_bps += delivery.sent_bps;
        self.is_long = is_long;
    }

    /// Whether they are to be believed. On a path that has a limit a queue shows that it was passed, by however little.
    fn is_one(&self, has_limit: bool) -> bool {
        let fills = |share| self.delivered_bps < share * self.sent_bps;
        let soon = self.reports >= FEW_REPORTS && self.is_long && fills(FILLS_QUICKLY);
        soon || self.reports >= REPORTS && (self.is_long || has_limit || fills(PASSED_ON))
    }
}

/// Reports with a longer round trip than the one before, one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Rising {
    reports: u32,
    by: Duration,
    delivered_bps: f64,
    sent_bps: f64,
}

impl Rising {
    fn handle_delivery(&mut self, delivery: &Delivery, before: Option<Duration>) {
        let by = delivery.rtt.zip(before).map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then));
        if by < RISE {
            *self = Rising::default();
            return;
        }
        self.reports += 1;
        self.by += by;
        self.delivered_bps += delivery.delivered_bps;
        self.sent_bps += delivery.sent_bps;
    }

    fn is_queue(&self) -> bool {
        self.reports >= RISES && self.by > QUEUE && self.delivered_bps < FILLS_SLOWLY * self.sent_bps
    }
}

/// How long a queue a report shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Queue {
    None,
    Short,
    Long,
}

/// What reports, one after the other, say of the same thing.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    reports: u32,
    sum: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.reports += 1;
        self.sum += value;
    }

    fn value(&self) -> f64 {
        self.sum / f64::from(self.reports.max(1))
    }
}

/// How long no trial of a kind is made.
#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    until: Option<Instant>,
    /// How many times the usual time it was last; 0 after a trial that was not in vain.
    times: u32,
}

impl Rest {
    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// After a trial in vain.
    fn begin(&mut self, now: Instant) {
        self.times = (2 * self.times).clamp(1, MAX_NEXT_TRIALS);
        self.until = Some(now + NEXT_TRIAL * self.times);
    }
}

/// A queue that the other side saw fill.
#[derive(Debug, Clone, Copy)]
struct Overused {
    at: Instant,
    carried_bps: f64,
    limit_before: Option<f64>,
}

/// What a bottleneck is suspected by: a share lost, or seconds of round trip above the least.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    Loss,
    Standing,
}

/// A lower rate, to see whether the sign of a bottleneck goes away by it.
#[derive(Debug, Clone, Copy)]
struct Trial {
    sign: Sign,
    since: Instant,
    before: f64,
    now: Mean,
    limit_before: Option<f64>,
    /// What came through when it began.
    carried_bps: f64,
}

/// The least round trip is that of the last 30 to 60 s.
const WINDOW: Duration = Duration::from_secs(30);

impl Bottleneck {
    /// What may be sent, in bits a second on the wire; `None` when there is no known limit.
    pub fn limit_bps(&self) -> Option<f64> {
        self.limit_bps
    }

    /// Takes in what a report says. `most_bps` is the rate beyond which no limit matters.
    pub fn handle_delivery(&mut self, delivery: &Delivery, most_bps: f64) {
        let seconds = self
            .last
            .map_or(1.0, |last| delivery.at.saturating_duration_since(last).as_secs_f64().clamp(0.0, 10.0));
        self.last = Some(delivery.at);
        let latest = self.latest;
        self.rising.handle_delivery(delivery, latest);
        match self.queue(delivery) {
            Queue::None => self.queued = Queued::default(),
            _ if self.empties(latest, delivery) => self.queued = Queued::default(),
            queue => self.queued.add(delivery, queue == Queue::Long),
        }
        self.suspect(delivery);
        let has_limit = self.limit_bps.is_some() && self.trial.is_none();
        if self.queued.is_one(has_limit) || self.rising.is_queue() {
            self.fall(delivery);
        } else if !self.on_trial(delivery) && self.queued.reports == 0 {
            self.rise(delivery, seconds, most_bps);
        }
    }

    /// Whether a queue is what was left over from before a fall, by a round trip that was `latest` before.
    fn empties(&self, latest: Option<Duration>, delivery: &Delivery) -> bool {
        let fell = self.held_until.is_some_and(|until| delivery.at < until);
        let sinks = latest.zip(delivery.rtt).is_some_and(|(before, now)| now + SINKS < before);
        fell && (sinks || delivery.delivered_bps > EMPTIES * delivery.sent_bps)
    }

    fn queue(&mut self, delivery: &Delivery) -> Queue {
        let Some(rtt) = delivery.rtt else { return Queue::None };
        if self.window.is_none_or(|since| delivery.at.saturating_duration_since(since) > WINDOW) {
            self.window = Some(delivery.at);
            // A path that was full for the whole window would seem to have no queue: the old window stays then.
            if self.queued.reports == 0 {
                self.least = [self.least[1], None];
            }
        }
        self.least[1] = Some(self.least[1].map_or(rtt, |least| least.min(rtt)));
        let queue = self.excess(Some(rtt));
        let change = self.latest.replace(rtt).map_or(Duration::ZERO, |latest| latest.abs_diff(rtt));
        self.variation = (self.variation * (VARIATION_REPORTS - 1) + change) / VARIATION_REPORTS;
        // Jitter on a path that keeps order is more than neighbouring packets show of it.
        let jitter = (delivery.jitter * 3).max(self.variation * 2);
        if queue > LONG_QUEUE.max(delivery.jitter * 4) {
            Queue::Long
        } else if queue > QUEUE + jitter {
            Queue::Short
        } else {
            Queue::None
        }
    }

    fn fall(&mut self, delivery: &Delivery) {
        if self.held_until.is_some_and(|until| delivery.at + HOLD - Duration::from_secs(2) < until) {
            return;
        }
        let carried = delivery.delivered_bps.min(delivery.sent_bps);
        let before = self.limit_bps.unwrap_or(f64::INFINITY).min(delivery.sent_bps);
        // What went into the queue was too much, but so is whatever is more than came out of it.
        let queue_s = self.excess(delivery.rtt).as_secs_f64();
        self.fall_below(carried.min(before), queue_s, delivery.at);
    }

    /// Takes in that the other side saw a queue fill at `at`: `carried_bps` came out of it, reports and checks included, while
    /// `sent_bps` of packets went in.
    pub fn handle_overuse(&mut self, at: Instant, carried_bps: f64, sent_bps: f64) {
        let is_old_news = self.held_until.is_some_and(|until| at + HOLD < until + ANSWER);
        if is_old_news || !self.overuse_rest.is_over(at) || !carried_bps.is_finite() {
            return;
        }
        let carried_bps = carried_bps - BESIDE_BPS;
        if BELOW.1 * carried_bps >= sent_bps {
            return;
        }
        let told = self.overused.filter(|told| at.saturating_duration_since(told.at) < AGAIN);
        if let Some(told) = told.filter(|told| carried_bps < SHARED * told.carried_bps) {
            // The less is sent, the less gets through: others fill that queue.
            (self.limit_bps, self.held_until, self.overused) = (told.limit_before, None, None);
            self.overuse_rest.begin(at);
            return;
        }
        let limit_before = told.map_or(self.limit_bps, |told| told.limit_before);
        self.overused = Some(Overused { at, carried_bps, limit_before });
        let queue_s = (sent_bps / carried_bps.max(LEAST_BPS) - 1.0).max(0.0) * SEEN_AFTER.as_secs_f64();
        self.fall_below(carried_bps, queue_s, at);
    }

    /// Asks less of a path that carries so much, and has a queue of so many seconds.
    fn fall_below(&mut self, carried_bps: f64, queue_s: f64, at: Instant) {
        let share = (1.0 - BELOW_EACH_SECOND * queue_s).clamp(BELOW.0, BELOW.1);
        self.too_much = Some((carried_bps, at));
        let limit = share * carried_bps.min(self.limit_bps.unwrap_or(f64::INFINITY));
        self.limit_bps = Some(limit.max(LEAST_BPS));
        self.held_until = Some(at + HOLD);
        self.trial = None;
        self.queued = Queued::default();
        self.rising = Rising::default();
    }

    /// Counts reports with much loss, and those with a queue. What was lost or waited in the queue that led to a fall is no
    /// sign of another.
    fn suspect(&mut self, delivery: &Delivery) {
        let fell = self.held_until.is_some_and(|until| delivery.at < until);
        if fell || self.trial.is_some() {
            (self.lossy, self.standing) = (Mean::default(), Mean::default());
            return;
        }
        match delivery.lost {
            lost if lost < SUSPECT_LOSS => self.lossy = Mean::default(),
            lost => self.lossy.add(lost),
        }
        match self.excess(delivery.rtt) {
            excess if excess < STANDING + delivery.jitter * STANDING_JITTER => {
                self.standing = Mean::default()
            }
            excess => self.standing.add(excess.as_secs_f64()),
        }
    }

    /// Sends less for a while where much is lost or the round trip is long. `true` while that goes on.
    fn on_trial(&mut self, delivery: &Delivery) -> bool {
        if let Some(mut trial) = self.trial.take() {
            let passed = delivery.at.saturating_duration_since(trial.since);
            if passed >= BEFORE_TRIAL {
                trial.now.add(match trial.sign {
                    Sign::Loss => delivery.lost,
                    Sign::Standing => self.excess(delivery.rtt).as_secs_f64(),
                });
            }
            if passed < TRIAL {
                self.trial = Some(trial);
            } else {
                self.end_trial(trial, delivery);
            }
            return self.trial.is_some();
        }
        let is_lossy = self.lossy.reports >= LOSSY_REPORTS && self.lossy.sum >= LOSSES;
        let is_long = self.standing.reports >= STANDING_REPORTS;
        let suspicions = [(Sign::Loss, self.lossy, is_lossy), (Sign::Standing, self.standing, is_long)];
        let suspicion = suspicions
            .into_iter()
            .find(|(sign, _, is_sure)| *is_sure && self.rests[*sign as usize].is_over(delivery.at));
        let Some((sign, seen, _)) = suspicion else { return false };
        let before = seen.value();
        let (since, limit_before, now) = (delivery.at, self.limit_bps, Mean::default());
        let carried_bps = delivery.delivered_bps.min(delivery.sent_bps);
        self.trial = Some(Trial { sign, since, before, now, limit_before, carried_bps });
        let tried_bps = match sign {
            Sign::Loss => (1.0 - LESS_ON_TRIAL * before) * delivery.sent_bps,
            Sign::Standing => ON_TRIAL * carried_bps,
        };
        self.limit_bps = Some(tried_bps.max(LEAST_BPS));
        true
    }

    fn end_trial(&mut self, trial: Trial, delivery: &Delivery) {
        let now = trial.now.value();
        if now >= LESS * trial.before {
            // As much is lost of less, or it takes as long: that is not a matter of the rate.
            self.limit_bps = trial.limit_before;
            self.rests[trial.sign as usize].begin(delivery.at);
            return;
        }
        self.rests[trial.sign as usize] = Rest::default();
        if trial.sign == Sign::Loss {
            // As long as it loses, what comes through is what it carries.
            let carried_bps = trial.carried_bps.min(delivery.delivered_bps);
            self.limit_bps = Some((BELOW.1 * carried_bps).max(LEAST_BPS));
        }
        self.too_much = Some((trial.carried_bps, delivery.at));
        self.held_until = Some(delivery.at + HOLD);
    }

    /// How much longer than the least round trip this one is.
    fn excess(&self, rtt: Option<Duration>) -> Duration {
        let least = self.least.into_iter().flatten().min();
        rtt.zip(least).map_or(Duration::ZERO, |(rtt, least)| rtt.saturating_sub(least))
    }

    /// A round trip that was measured outside of the reports, on a path that may be empty still.
    pub fn handle_round_trip(&mut self, rtt: Duration) {
        self.least[1] = Some(self.least[1].map_or(rtt, |least| least.min(rtt)));
    }

    /// What may be sent once the queue that a fall was for is gone, while nothing else rises.
    fn room_after_fall(&self, delivery: &Delivery) -> Option<f64> {
        let is_soon =
            self.held_until.is_some_and(|until| delivery.at < until && delivery.at + HOLD >= until + EMPTIED);
        let is_empty = delivery.rtt.is_some() && self.excess(delivery.rtt) < EMPTY;
        self.too_much.filter(|_| is_soon && is_empty).map(|(bps, _)| NEAR * bps)
    }

    fn rise(&mut self, delivery: &Delivery, seconds: f64, most_bps: f64) {
        let Some(limit) = self.limit_bps else { return };
        let now = delivery.at;
        if let Some(bps) = self.room_after_fall(delivery) {
            self.limit_bps = Some(limit.max(bps));
            return;
        }
        if delivery.sent_bps < USED * limit || self.held_until.is_some_and(|until| now < until) {
            return;
        }
        let too_much = self.too_much.filter(|(_, at)| now.saturating_duration_since(*at) < MEMORY);
        let growth = match too_much {
            Some((bps, _)) if limit > NEAR * bps && self.excess(delivery.rtt) > EMPTY => 1.0,
            Some((bps, _)) if limit > NEAR * bps => CAREFUL_GROWTH,
            Some((bps, _)) if limit < 0.5 * bps => QUICK_GROWTH,
            _ => GROWTH,
        };
        let limit = limit * growth.powf(seconds);
        self.limit_bps = (limit < most_bps).then_some(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a path of `capacity` bits a second with a queue of `queue_ms`, one report a second; gives the limits.
    fn run(capacity: f64, queue_ms: f64, loss: f64, seconds: u64) -> Vec<f64> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let most = 64_000.0;
        let mut bottleneck = Bottleneck::default();
        // By the checks, before anything was sent.
        bottleneck.handle_round_trip(Duration::from_millis(40));
        let mut queue = 0.0;
        (0..seconds)
            .map(|second| {
                let sent = bottleneck.limit_bps().unwrap_or(most).min(most);
                let wanted = queue + 1000.0 * (sent - capacity) / capacity;
                let dropped = (wanted - queue_ms).max(0.0) / 1000.0 * capacity / sent;
                let before = std::mem::replace(&mut queue, wanted.clamp(0.0, queue_ms));
                let passed = sent * (1.0 - dropped.min(1.0)) + (before - queue) / 1000.0 * capacity;
                let delivery = Delivery {
                    at: start + Duration::from_secs(second),
                    delivered_bps: passed * (1.0 - loss),
                    sent_bps: sent,
                    lost: (loss + dropped).min(1.0),
                    rtt: Some(Duration::from_secs_f64((40.0 + queue) / 1000.0)),
                    jitter: Duration::from_millis(3),
                };
                bottleneck.handle_delivery(&delivery, most);
                bottleneck.limit_bps().unwrap_or(most)
            })
            .collect()
    }

    #[test]
    fn a_path_with_room_has_no_limit() {
        assert!(run(1e6, 300.0, 0.0, 60).iter().all(|&limit| limit == 64_000.0));
    }

    #[test]
    fn a_narrow_path_is_found_in_seconds_and_kept_below() {
        let limits = run(40_000.0, 300.0, 0.0, 120);
        assert!(limits[2] < 40_000.0, "{limits:?}");
        let later = &limits[20..];
        let full = later.iter().filter(|&&limit| limit > 41_000.0).count();
        assert!(full < later.len() / 10, "{later:?}");
        assert!(later.iter().sum::<f64>() / later.len() as f64 > 28_000.0, "{later:?}");
    }

    #[test]
    fn a_path_that_is_all_but_wide_enough_is_found_before_its_queue_is_long() {
        let limits = run(60_500.0, 500.0, 0.0, 60);
        assert!(limits[6] < 60_500.0, "{limits:?}");
        assert!(limits.iter().all(|&limit| limit > 0.8 * 60_500.0), "{limits:?}");
    }

    /// Runs a path with a queue of half a second of which the other side says when it fills, in tenths of a second; gives
    /// the limits and the queues (ms). `carried` is what the path carries of so much.
    fn told(seconds: u64, carried: impl Fn(u64, f64) -> f64) -> Vec<(f64, f64)> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let most = 62_000.0;
        let mut bottleneck = Bottleneck::default();
        bottleneck.handle_round_trip(Duration::from_millis(40));
        let (mut queue_ms, mut rises) = (0.0, 0);
        (1..=seconds * 10)
            .map(|tenth| {
                let at = start + Duration::from_millis(100 * tenth);
                let sent = bottleneck.limit_bps().unwrap_or(most).min(most);
                let carried = carried(tenth, sent);
                let before: f64 = queue_ms;
                queue_ms = (queue_ms + 100.0 * (sent - carried) / carried).clamp(0.0, 500.0);
                rises = if queue_ms > before { rises + 1 } else { 0 };
                if rises % 10 == 5 {
                    bottleneck.handle_overuse(at, carried + BESIDE_BPS, sent);
                }
                if tenth % 10 == 0 {
                    let delivery = Delivery {
                        at,
                        delivered_bps: if queue_ms > 0.0 { carried } else { sent },
                        sent_bps: sent,
                        lost: 0.0,
                        rtt: Some(Duration::from_secs_f64((40.0 + queue_ms) / 1000.0)),
                        jitter: Duration::from_millis(2),
                    };
                    bottleneck.handle_delivery(&delivery, most);
                }
                (bottleneck.limit_bps().unwrap_or(most), queue_ms)
            })
            .collect()
    }

    #[test]
    fn a_queue_that_the_other_side_sees_fill_is_gone_within_three_seconds_and_the_path_made_use_of() {
        for capacity in [60_000.0, 56_000.0, 48_000.0, 40_000.0, 32_000.0] {
            let path = told(60, |_, _| capacity);
            let longest = path.iter().map(|(_, queue_ms)| *queue_ms).fold(0.0, f64::max);
            assert!(longest < 60.0 + 600.0 * (62_000.0 / capacity - 1.0), "{capacity}: {longest}");
            assert!(path[35..].iter().all(|(_, queue_ms)| *queue_ms < 50.0), "{capacity}: {path:?}");
            let later = path[70..].iter().map(|(limit, _)| *limit);
            let mean = later.clone().sum::<f64>() / later.len() as f64;
            assert!((0.93..1.02).contains(&(mean / capacity)), "{capacity}: {mean}");
        }
    }

    #[test]
    fn a_queue_that_others_fill_takes_nothing_for_long() {
        // What gets through is a share of what is sent; four seconds in each twenty.
        let path = told(200, |tenth, sent| if tenth % 200 < 40 { 0.965 * sent } else { 1e6 });
        let low = path.iter().filter(|(limit, _)| *limit < 56_000.0).count();
        assert!(low < path.len() / 20, "{low} of {}: {path:?}", path.len());
    }

    #[test]
    fn a_limit_that_is_not_made_use_of_does_not_grow() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut bottleneck = Bottleneck { limit_bps: Some(40_000.0), ..Bottleneck::default() };
        let mut after = |second, bps| {
            let delivery = Delivery {
                at: start + Duration::from_secs(second),
                delivered_bps: bps,
                sent_bps: bps,
                lost: 0.0,
                rtt: Some(Duration::from_millis(40)),
                jitter: Duration::from_millis(3),
            };
            bottleneck.handle_delivery(&delivery, 64_000.0);
            bottleneck.limit_bps().unwrap()
        };
        assert!((1..60).all(|second| after(second, 30_000.0) == 40_000.0));
        assert!(after(60, 37_000.0) > 40_000.0);
    }

    #[test]
    fn the_queue_that_a_fall_leaves_to_empty_is_no_reason_to_fall_again() {
        for (capacity, queue_ms) in [(48_000.0, 300.0), (40_000.0, 1000.0), (32_000.0, 500.0)] {
            let limits = run(capacity, queue_ms, 0.0, 30);
            assert!(limits[29] < 1.03 * capacity, "{limits:?}");
            assert!(limits.iter().all(|&limit| limit > 0.8 * capacity), "{limits:?}");
        }
    }

    #[test]
    fn a_narrow_path_without_a_queue_is_found_by_sending_less() {
        let limits = run(40_000.0, 5.0, 0.0, 40);
        assert!(limits[10] < 40_000.0, "{limits:?}");
    }

    #[test]
    fn what_is_lost_by_chance_is_hardly_ever_taken_for_a_bottleneck_and_costs_little_then() {
        for (lost, at_most) in [(0.05, 0.0), (0.1, 0.02), (0.15, 0.2), (0.2, 0.2)] {
            let (mut seconds, mut limited) = (0, 0);
            for seed in 0..50 {
                // Of a hundred packets a second.
                let mut random = crate::sim::Random::new(seed, 1);
                let mut count = || (0..100).filter(|_| random.unit() < lost).count() as f64 / 100.0;
                let limits = reports(120, |_| (count(), 40.0));
                let low: Vec<f64> = limits.into_iter().flatten().collect();
                assert!(low.iter().all(|&bps| bps > 0.75 * 64_000.0), "{lost}: {low:?}");
                (seconds, limited) = (seconds + 120, limited + low.len());
            }
            let share = limited as f64 / f64::from(seconds);
            assert!(share <= at_most, "{lost}: limited for {share:.3} of the time");
        }
    }

    /// One report a second with what `what` says of its loss and round trip (ms); gives the limits.
    fn reports(seconds: u64, mut what: impl FnMut(u64) -> (f64, f64)) -> Vec<Option<f64>> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut bottleneck = Bottleneck::default();
        let mut report = |second| {
            let (lost, rtt_ms) = what(second);
            // Reports come sooner or later by the jitter: what they say of rates is a little more, then less.
            let early = if second % 2 == 0 { 1.06 } else { 0.94 };
            let delivery = Delivery {
                at: start + Duration::from_secs(second),
                delivered_bps: 64_000.0 * (1.0 - lost) * early,
                sent_bps: 64_000.0,
                lost,
                rtt: Some(Duration::from_secs_f64(rtt_ms / 1000.0)),
                jitter: Duration::from_millis(13),
            };
            bottleneck.handle_delivery(&delivery, 64_000.0);
            bottleneck.limit_bps()
        };
        (0..seconds).map(&mut report).collect()
    }

    #[test]
    fn a_trial_for_a_long_round_trip_in_vain_does_not_keep_losses_from_theirs() {
        // The way is longer from the tenth second on; from the thirtieth much is lost as well.
        let limits = reports(60, |second| {
            (if second < 30 { 0.0 } else { 0.25 }, if second < 10 { 40.0 } else { 240.0 })
        });
        let trial = |seconds: std::ops::Range<usize>| limits[seconds].iter().any(Option::is_some);
        assert!(trial(10..30), "{limits:?}");
        assert!(!trial(28..30) && trial(30..40), "{limits:?}");
    }

    #[test]
    fn a_burst_of_losses_is_no_bottleneck() {
        let bursts = |second: u64| (if second % 5 < 2 { 0.18 } else { 0.0 }, 40.0);
        assert!(reports(300, bursts).iter().all(Option::is_none));
    }

    #[test]
    fn a_round_trip_that_varies_is_no_queue() {
        // Two directions of normal jitter by 30 ms each, in order: neighbouring packets differ by far less.
        let mut state = 9u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let limits = reports(600, |_| (0.02, 75.0 + 120.0 * (uniform() + uniform()) / 2.0));
        assert!(limits.iter().all(Option::is_none), "{limits:?}");
    }

    #[test]
    fn high_round_trips_that_follow_each_other_by_chance_are_no_queue() {
        let mut limited = 0;
        for seed in 0..200u64 {
            let mut state = seed;
            let mut uniform = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64
            };
            // The sum of four is about normal: 140 ms with a deviation of 42.
            let mut rtt = || 140.0 + 73.0 * (uniform() + uniform() + uniform() + uniform() - 2.0);
            let low = reports(60, |_| (0.02, rtt())).iter().filter(|limit| limit.is_some()).count();
            limited += u32::from(low as u64 > TRIAL.as_secs());
        }
        assert!(limited <= 3, "{limited} of 200 minutes for longer than a trial");
    }

    #[test]
    fn losses_that_have_nothing_to_do_with_the_rate_do_not_hold_it_down() {
        let limits = run(1e6, 300.0, 0.2, 60);
        let low = limits.iter().filter(|&&limit| limit < 64_000.0).count();
        assert!(low < 15, "{limits:?}");
    }
}
