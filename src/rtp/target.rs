//! How much delay is worth its cost.
//!
//! More delay is heard as a slower conversation, less as frames that are not there when they are due. Both are put
//! on one scale, milliseconds, and the target is where their sum is least:
//!
//! ```text
//! cost(d) = dear(d) + price x ( EVENT x P(late)  +  (1 - EVENT) x E[share of the frame that is missed] )
//! ```
//!
//! over the delays at which frames became available of late, by whichever copy came first. A frame that redundancy
//! repairs counts with the delay of its repair, so the target reaches for redundancy exactly when that pays. Who waits for
//! whatever comes has `dear(d) = d`. For the others it is a curve: a little delay is not noticed, and of much each further
//! millisecond is (Idd of ITU-T G.107 has that shape); what the price says holds where its slope is 1. Where jitter is
//! wide that sum is flat, and a target that went to and fro along it would change the tempo for nothing: it stays where it is
//! while no other is clearly cheaper.
//!
//! Jitter is known well only from many seconds, and what a stall did must be forgotten within two. So arrivals are
//! remembered twice, and the long memory asks for no more above what the short one does than half of what frames usually
//! wait: nothing where they come as they were sent but for a stall. A few milliseconds it may ask for anywhere where
//! [hiccups](super::hiccups) come back.
//!
//! What repairs are worth waiting for no stall changes: they come so long after what they repair as the sender sends them.
//! They are rare, so that is known from a third and longest memory. It is waited for at the least, and added to what the
//! short one allows: a target that swings between waiting and not waiting is worse than either.
//!
//! [Stalls](super::stalls) that come back are waited for beside all that, and so is what a [queue that fills](super::ramp) is
//! about to add to the delay of all packets. What comes later than that is played late only by a
//! little: to speak the rest of a burst faster costs more than the words that it has not got.

use super::Samples;
use super::hiccups::Hiccups;
use super::histogram::{BIN_US, Histogram};
use super::ramp::{Ramp, Reach};
use super::stalls::Stalls;

/// A frame that is late by little is concealed for little, but the seam itself is heard: this share of a lost
/// frame's cost falls due however small the lateness.
const EVENT_SHARE: f32 = 0.4;
/// A delay is left for one that is cheaper by more than this share of how far that one is above the fastest packets'.
const KEPT_SHARE: f32 = 0.05;
/// At most this share of the frames is given up, whatever delay costs: a receiver that finds a path too slow to wait for
/// would be silent for good.
const MAX_MISSED: f32 = 0.5;
/// The short memory, in milliseconds, and its price: what it knows is little, and half of that chance.
const RECENT_MS: f32 = 2000.0;
/// See [`RECENT_MS`].
const RECENT_MS_PER_PERCENT: f32 = 10.0;
/// The memory of repairs, in milliseconds.
const REPAIRS_MS: f32 = 20_000.0;
/// How far above the short memory's optimum the long one goes at the most.
const LONGER_US: i64 = 20_000;
/// And how far it may go wherever there are hiccups.
const HICCUP_US: i64 = 8_000;
/// The delay above the fastest packets', in milliseconds, at which a percent of missed frames is worth what its price says. By
/// the root of the delay it is worth more below and less above.
const PRICED_AT_MS: f32 = 35.0;
/// Kept above the computed optimum: scheduling of our own threads, and the width of a bin.
const MARGIN_US: i64 = 700;
/// The target follows a rise at once, and a fall at this rate: a target that sinks between two late packets only to
/// rise again costs two changes of tempo.
const FALL_US_PER_SECOND: i64 = 60_000;
/// How much later than the target a frame is still played where sound goes on.
const LATE_US: i64 = 40_000;
/// The same behind what was made up, where a pull takes `pull_us` at once and is as late as its last sample: less than that by
/// this, ...
const RESUMED_SOONER_US: i64 = 3_000;
/// ... and no less than this. By PESQ the change of tempo that it takes to be on time again costs more than what is left out.
const RESUMED_LATE_US: i64 = 2_000;

/// Finds the delay with the least cost.
#[derive(Debug, Clone)]
pub(super) struct Target {
    delays: Histogram,
    /// Of the last seconds alone, and without what was repaired.
    recent: Histogram,
    /// By how much later than the frame itself whatever brought it was sent: nothing but for repairs.
    sent_later: Histogram,
    /// Whether anything was repaired yet.
    has_repairs: bool,
    settings: TargetSettings,
    /// Scratch for the cost search: integral of the share that is later, by bin from the top.
    areas: Vec<f32>,
    target_us: i64,
    floor_us: i64,
    hiccups: Hiccups,
    stalls: Stalls,
    ramp: Ramp,
}

/// What the target trades against what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetSettings {
    /// Delay in milliseconds that one percent of frames missed is worth: anywhere, or, for who catches up, at 35 ms above the
    /// fastest packets.
    pub ms_per_percent: f32,
    /// The same where it is waited for repairs of what was lost.
    pub repair_ms_per_percent: f32,
    /// Time constant with which arrivals are forgotten, in milliseconds.
    pub memory_ms: f32,
    /// Delay above the fastest packets that is never exceeded, in milliseconds.
    pub max_delay_ms: u32,
    /// Delay above the fastest packets that is kept at the least, in milliseconds, from the first packet on: for those who
    /// would rather wait than be surprised. Nothing by default.
    pub min_delay_ms: u32,
    /// Whether a stall that came alone is given up: what it held back is left out, and forgotten within two seconds, however
    /// long the memory of jitter is. One in the first seconds is taken for one that comes back.
    pub catches_up: bool,
}

impl Default for TargetSettings {
    fn default() -> TargetSettings {
        TargetSettings {
            ms_per_percent: 18.0,
            repair_ms_per_percent: 30.0,
            memory_ms: 20_000.0,
            max_delay_ms: 400,
            min_delay_ms: 0,
            catches_up: true,
        }
    }
}

impl Target {
    /// Nothing seen yet.
    pub(super) fn new(settings: TargetSettings) -> Target {
        Target {
            delays: Histogram::default(),
            recent: Histogram::default(),
            sent_later: Histogram::default(),
            has_repairs: false,
            settings,
            areas: Vec::with_capacity(2048),
            target_us: 0,
            floor_us: 0,
            hiccups: Hiccups::default(),
            stalls: Stalls::default(),
            ramp: Ramp::default(),
        }
    }

    /// Begins again with a stream whose first frame came at `delay_us`, and is played `start_us` later or as much later as
    /// is kept at the least. Returns by how much.
    pub(super) fn restart(&mut self, delay_us: i64, start_us: i64) -> i64 {
        let start_us = start_us.max(self.least_us());
        self.delays.clear();
        self.recent.clear();
        self.sent_later.clear();
        self.has_repairs = false;
        (self.hiccups, self.stalls, self.ramp) = Default::default();
        self.target_us = delay_us + start_us;
        self.floor_us = delay_us;
        start_us
    }

    /// What is kept above the fastest packets at the least.
    fn least_us(&self) -> i64 {
        i64::from(self.settings.min_delay_ms.min(self.settings.max_delay_ms)) * 1000
    }

    /// Takes in that a packet came at `now_us` with a delay of `delay_us`, both on the same clock.
    pub(super) fn handle_arrival(&mut self, delay_us: i64, now_us: i64) {
        self.ramp.observe(delay_us, now_us);
    }

    /// Takes in that a frame of `frame` became available at `delay_us`, and finds the new target. What brought it was sent
    /// `later` than the frame itself would have been: by nothing, but for repairs.
    pub(super) fn observe(&mut self, delay_us: i64, later: Samples, frame: Samples) {
        let frame_ms = frame.ms() as f32;
        let is_repair = !later.is_empty();
        self.has_repairs |= is_repair;
        self.delays.fade((-frame_ms / self.settings.memory_ms).exp());
        self.delays.observe(delay_us, frame_ms);
        self.sent_later.fade((-frame_ms / REPAIRS_MS).exp());
        self.sent_later.observe(later.us(), frame_ms);
        self.recent.fade((-frame_ms / RECENT_MS).exp());
        if !is_repair {
            self.recent.observe(delay_us, frame_ms);
        }
        let known = if self.settings.memory_ms > RECENT_MS { &self.recent } else { &self.delays };
        self.floor_us = known.quantile(0.01).unwrap_or(delay_us) - BIN_US / 2;
        let ceiling = self.floor_us + i64::from(self.settings.max_delay_ms) * 1000;
        if !is_repair {
            self.hiccups.observe(delay_us - self.floor_us, self.usual_us(), frame_ms);
        }
        let usual = self.wanted(frame);
        if self.settings.catches_up && !is_repair {
            self.stalls.observe(delay_us - self.floor_us, usual - self.floor_us, frame_ms);
        }
        let asked = self.floor_us + self.stalls.asked_us().max(self.least_us());
        let reach = if self.settings.catches_up { Reach::NEAR } else { Reach::FAR };
        let expected = self.ramp.expected_us(reach).unwrap_or(asked);
        let wanted = (usual.max(asked).max(expected) + MARGIN_US).min(ceiling);
        let fall = (f64::from(frame_ms) * FALL_US_PER_SECOND as f64 / 1000.0) as i64;
        self.target_us = wanted.max((self.target_us - fall).min(ceiling));
    }

    /// The delay to play at, in microseconds on the clock of the observations.
    pub(super) fn us(&self) -> i64 {
        self.target_us
    }

    /// The delay of the fastest packets, on the same clock.
    pub(super) fn floor_us(&self) -> i64 {
        self.floor_us
    }

    /// The delay that must not be exceeded, on the same clock.
    pub(super) fn ceiling_us(&self) -> i64 {
        self.floor_us + i64::from(self.settings.max_delay_ms) * 1000
    }

    /// The delay beyond which a frame is left out as long as newer ones wait, on the same clock.
    pub(super) fn overdue_us(&self) -> i64 {
        self.later_by_us(LATE_US)
    }

    /// The same of frames behind what was made up, where so much is taken at once.
    pub(super) fn resumed_us(&self, pull_us: i64) -> i64 {
        self.later_by_us((pull_us - RESUMED_SOONER_US).max(RESUMED_LATE_US))
    }

    fn later_by_us(&self, later_us: i64) -> i64 {
        let ceiling = self.ceiling_us();
        if self.settings.catches_up {
            ceiling.min(self.target_us.max(self.floor_us) + later_us)
        } else {
            ceiling
        }
    }

    /// Whether `delay_us` is so far from what was seen that it is another timeline, not jitter.
    pub(super) fn is_foreign(&self, delay_us: i64) -> bool {
        /// Above the ceiling: more than any playout could use. Below the floor: a faster route saves tens of
        /// milliseconds, not this much.
        const JUMP_US: i64 = 500_000;
        delay_us > self.ceiling_us() + JUMP_US || delay_us < self.floor_us - JUMP_US
    }

    /// The optimum of the long memory, as far as the short one does not object, and of repairs.
    fn wanted(&mut self, frame: Samples) -> i64 {
        let TargetSettings { ms_per_percent, catches_up, .. } = self.settings;
        let repair = self.worth_repair(frame);
        let least = self.floor_us + repair;
        let kept = Kept { us: self.target_us - MARGIN_US, floor_us: self.floor_us };
        let dear = if catches_up { Dear::Curve { floor_us: self.floor_us } } else { Dear::Line };
        let mut optimum = |delays, dear, price, kept| {
            cheapest(delays, &mut self.areas, dear, price, frame, kept).unwrap_or(self.floor_us)
        };
        let long = optimum(&self.delays, dear, ms_per_percent, Some(kept));
        if !catches_up {
            return long.max(least);
        }
        let recent = optimum(&self.recent, Dear::Line, ms_per_percent.min(RECENT_MS_PER_PERCENT), None);
        let least_longer = if self.hiccups.come_back() { HICCUP_US } else { 0 };
        let longer = (self.usual_us() / 2).clamp(least_longer, LONGER_US);
        long.min(recent + longer + repair).max(least)
    }

    /// How much later than the fastest ones frames usually come.
    fn usual_us(&self) -> i64 {
        self.delays.quantile(0.5).map_or(0, |us| us - self.floor_us)
    }

    /// How long a repair is worth waiting for where packets come as they were sent.
    fn worth_repair(&mut self, frame: Samples) -> i64 {
        if !self.has_repairs {
            return 0;
        }
        let price = self.settings.repair_ms_per_percent;
        cheapest(&self.sent_later, &mut self.areas, Dear::Line, price, frame, None).unwrap_or(0)
    }
}

/// A delay that is kept while no other is clearly cheaper, and that of the fastest packets.
#[derive(Debug, Clone, Copy)]
struct Kept {
    us: i64,
    floor_us: i64,
}

/// How dear delay is.
#[derive(Debug, Clone, Copy)]
enum Dear {
    /// Each millisecond as much as any other.
    Line,
    /// The dearer the more there is above the fastest packets'.
    Curve { floor_us: i64 },
}

impl Dear {
    /// What a delay of `to_us` costs more than one of `from_us`, in milliseconds.
    fn ms(self, from_us: i64, to_us: i64) -> f32 {
        match self {
            Dear::Line => (to_us - from_us) as f32 / 1000.0,
            Dear::Curve { floor_us } => curve(to_us - floor_us) - curve(from_us - floor_us),
        }
    }
}

/// The integral of the root of the delay over [`PRICED_AT_MS`], in milliseconds.
fn curve(above_us: i64) -> f32 {
    let above_ms = above_us.max(0) as f32 / 1000.0;
    above_ms * (above_ms / PRICED_AT_MS).sqrt() / 1.5
}

/// The delay with the least cost, by what is remembered of arrivals, or the one that is `kept`.
///
/// Walks the histogram from the top down. At each edge `d`, `later` is P(delay > d) and `area` its integral above d; a
/// frame's missed share is the area between d and d + frame, over the frame. `areas` is scratch.
fn cheapest(
    delays: &Histogram,
    areas: &mut Vec<f32>,
    dear: Dear,
    ms_per_percent: f32,
    frame: Samples,
    kept: Option<Kept>,
) -> Option<i64> {
    let price = ms_per_percent * 100.0;
    let frame_bins = ((frame.us() / BIN_US) as usize).max(1);
    areas.clear();
    let (mut later, mut area) = (0.0f32, 0.0f32);
    let (mut best_us, mut best_cost) = (None, f32::INFINITY);
    let (mut base_us, mut kept_at) = (None, None);
    for (index, (edge_us, share)) in delays.downwards().enumerate() {
        if later > MAX_MISSED {
            break;
        }
        let base = *base_us.get_or_insert(edge_us);
        areas.push(area);
        let beyond = if index >= frame_bins { areas[index - frame_bins] } else { 0.0 };
        let missed = (area - beyond) / frame_bins as f32;
        let cost = dear.ms(base, edge_us) + price * (EVENT_SHARE * later + (1.0 - EVENT_SHARE) * missed);
        if kept.is_some_and(|kept| (edge_us - kept.us).abs() <= BIN_US / 2) {
            kept_at = Some((edge_us, cost));
        }
        if cost <= best_cost {
            (best_cost, best_us) = (cost, Some(edge_us));
        }
        later += share;
        area += later;
    }
    let best = best_us?;
    let Some(kept) = kept else { return Some(best) };
    let above_ms = (best - kept.floor_us).max(0) as f32 / 1000.0;
    let stays = |&(_, cost): &(i64, f32)| cost - best_cost <= KEPT_SHARE * above_ms;
    Some(kept_at.filter(stays).map_or(best, |(kept_us, _)| kept_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Samples = Samples::from_ms(20);

    fn ms(us: i64) -> f64 {
        us as f64 / 1000.0
    }

    #[test]
    fn on_a_quiet_network_it_is_a_millisecond_or_two() {
        let mut target = Target::new(TargetSettings::default());
        target.restart(0, 2000);
        for n in 0..200 {
            target.observe(n % 4 * 80, Samples::ZERO, FRAME);
        }
        assert!((700..=1500).contains(&target.us()), "{}", target.us());
    }

    #[test]
    fn one_stray_packet_in_seconds_is_not_worth_waiting_for() {
        let mut target = Target::new(TargetSettings::default());
        target.restart(0, 2000);
        for n in 0..500 {
            target.observe(if n % 200 == 199 { 80_000 } else { 200 }, Samples::ZERO, FRAME);
        }
        assert!(target.us() < 5_000, "{}", target.us());
    }

    #[test]
    fn hiccups_that_come_back_are_waited_for_where_there_is_hardly_any_delay_and_not_where_there_is_much() {
        let waits_ms = |jitter_us: i64| {
            let mut target = Target::new(TargetSettings::default());
            target.restart(0, 2000);
            let mut waits = [0.0; 2];
            for n in 0..3000 {
                let hiccup_us = if n % 150 == 149 { 6000 } else { 0 };
                target.observe(n % 2 * jitter_us + hiccup_us, Samples::ZERO, FRAME);
                waits[usize::from(n > 2000 && n % 150 == 148)] = ms(target.us() - jitter_us);
            }
            waits[1]
        };
        let (quick, slow) = (waits_ms(200), waits_ms(100_000));
        assert!((6.0..8.0).contains(&quick), "one of 150 comes 6 ms late: {quick}");
        assert!(slow < 2.0, "the same above 100 ms of jitter: {slow}");
    }

    #[test]
    fn repairs_that_pay_are_waited_for() {
        let mut target = Target::new(TargetSettings::default());
        target.restart(0, 2000);
        for n in 0..500 {
            let later = if n % 10 == 9 { FRAME } else { Samples::ZERO };
            target.observe(200 + later.us(), later, FRAME);
        }
        assert!((20_500..=22_000).contains(&target.us()), "one in ten comes a frame later: {}", target.us());
    }

    #[test]
    fn it_does_not_swing_between_repairs_that_are_rare_but_worth_waiting_for() {
        let mut target = Target::new(TargetSettings::default());
        target.restart(0, 2000);
        let mut least = i64::MAX;
        for n in 0..3000 {
            // Bursts of three each two seconds, of which a copy three frames later brings the most.
            let later = if n % 100 < 3 { Samples(3 * FRAME.0) } else { Samples::ZERO };
            target.observe(200 + later.us(), later, FRAME);
            least = if n > 600 { least.min(target.us()) } else { least };
        }
        assert!((60_500..=62_000).contains(&least), "{least}");
    }

    #[test]
    fn it_rises_at_once_and_falls_within_two_seconds() {
        let mut target = Target::new(TargetSettings::default());
        target.restart(0, 2000);
        for _ in 0..200 {
            target.observe(200, Samples::ZERO, FRAME);
        }
        for n in 0..10 {
            target.observe(60_000 + n, Samples::ZERO, FRAME);
        }
        assert!(target.us() > 55_000, "{}", ms(target.us()));
        for _ in 0..100 {
            target.observe(200, Samples::ZERO, FRAME);
        }
        for _ in 0..100 {
            target.observe(200, Samples::ZERO, FRAME);
        }
        assert!(target.us() < 5_000, "after four seconds: {}", ms(target.us()));
    }

    #[test]
    fn it_stays_where_it_is_while_no_other_delay_is_clearly_cheaper() {
        let mut target =
            Target::new(TargetSettings { ms_per_percent: 8.0, catches_up: false, ..Default::default() });
        target.restart(0, 2000);
        let (mut moved_us, mut last, mut seed) = (0, 0, 7u32);
        for n in 0..6000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Ever fewer the later: at the far end it makes little difference where it stands.
            let delay_us = -10_000.0 * (f64::from(seed >> 8) / f64::from(1 << 24)).max(1e-3).ln();
            target.observe(delay_us as i64, Samples::ZERO, FRAME);
            moved_us += if n > 1000 { (target.us() - last).abs() } else { 0 };
            last = target.us();
        }
        assert!((20_000..70_000).contains(&last), "{last}");
        assert!(moved_us < 50_000, "in 100 s by {} ms", ms(moved_us));
    }

    #[test]
    fn a_path_that_has_become_much_slower_is_waited_for_however_dear_delay_is() {
        let mut target = Target::new(TargetSettings { ms_per_percent: 2.0, ..Default::default() });
        target.restart(0, 2000);
        for n in 0..500 {
            target.observe(if n < 100 { 200 } else { 380_000 }, Samples::ZERO, FRAME);
        }
        assert!((380_000..382_000).contains(&target.us()), "{}", target.us());
    }

    #[test]
    fn a_least_delay_is_kept_from_the_first_packet_on() {
        let mut target = Target::new(TargetSettings { min_delay_ms: 60, ..Default::default() });
        assert_eq!(target.restart(0, 2000), 60_000);
        for n in 0..500 {
            assert!(target.us() >= 59_000, "{n}: {}", target.us());
            target.observe(200, Samples::ZERO, FRAME);
        }
        assert!(target.us() < 62_000, "{}", target.us());
        for n in 0..500 {
            target.observe(n % 2 * 100_000, Samples::ZERO, FRAME);
        }
        assert!(target.us() > 100_000, "what packets need above it is waited for as ever: {}", target.us());
    }

    #[test]
    fn a_queue_that_fills_is_waited_for_before_it_delays_anything() {
        let mut target = Target::new(TargetSettings { ms_per_percent: 2.0, ..Default::default() });
        target.restart(0, 2000);
        let mut missed = 0;
        for n in 0..300 {
            // A twelfth of a second in each second.
            let delay_us = (n - 200).max(0) * 1700;
            missed += i32::from(n > 230 && delay_us > target.us());
            target.handle_arrival(delay_us, n * FRAME.us() + delay_us);
            target.observe(delay_us, Samples::ZERO, FRAME);
        }
        assert_eq!(missed, 0);
    }

    #[test]
    fn it_never_passes_its_ceiling() {
        let mut target = Target::new(TargetSettings { max_delay_ms: 100, ..Default::default() });
        target.restart(0, 2000);
        for n in 0..500 {
            target.observe(n * 7919 % 900_000, Samples::ZERO, FRAME);
            assert!(target.us() <= target.ceiling_us());
        }
    }
}
