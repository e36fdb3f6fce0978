//! A path that is overused, as its receiver sees it: more is sent than the path carries, and a queue fills.
//!
//! Each packet then comes a little later than the one before it, steadily, and what arrives meanwhile is what the path
//! carries. The receiver sees that within a third of a second, from each packet; the sender, who has a round trip once a second,
//! takes several. It is told by REMB (draft-alvestrand-rmcat-remb), which is made for that. What tells a queue from jitter
//! here is a line through the least delays of short windows, in place of that draft's Kalman filter: jitter lies beside the
//! line, a stall or another route is a step.

use std::time::{Duration, Instant};

use super::{RtpTimestamp, Samples};

/// The least delay is taken of so long.
const WINDOW: Duration = Duration::from_millis(50);
/// Lines are drawn through so many windows: the shorter one sees a queue sooner that fills quickly.
const LINES: [usize; 4] = [5, 10, 18, 32];
const MOST: usize = LINES[LINES.len() - 1];
/// A line that rises by less is none,
const LEAST_RISE_US: f64 = 12_000.0;
/// nor one that rises by less than so many times what delays differ from it by,
const NOISE: f64 = 8.0;
/// nor one that rises by less than so many times what delays change by over so many windows,
const UNUSUAL: f64 = 5.0;
const USUAL: usize = 10;
/// by a memory of so many of them, in which what changes at once by more counts as this,
const MEMORY: f64 = 200.0;
const MOST_USUAL_US: f64 = 25_000.0;
/// nor one that rises by less than so many times what a packet's delay differs from the one's before it, beside the rise,
const TO_AND_FRO: f64 = 8.0;
/// nor one most of whose rise is that of one window.
const MOST_AT_ONCE: f64 = 0.5;
/// What delays are taken to change by over [`USUAL`] windows before any was seen: that of a path with some jitter.
const USUAL_AT_FIRST_US: f64 = 6_000.0;
/// Rates are those of so many windows at the least: in fewer a packet more or less is much.
const LEAST_RATED: usize = 4;
/// After one that was told, the sender's answer is waited for.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Without a packet for this time, or with a delay this far from the last, all is forgotten.
const GAP: Duration = Duration::from_millis(300);
const JUMP_US: i64 = 2_000_000;
/// Samples that microseconds can be told of: six thousand years, or a lie.
const MOST_MEDIA: i64 = i64::MAX / 1000;

/// Watches the packets of one stream for a queue that fills. Reads no clock.
#[derive(Debug, Clone)]
pub struct Overuse {
    origin: Option<(RtpTimestamp, Instant)>,
    /// The last windows, the newest last.
    windows: [Window; MOST],
    known: usize,
    /// By how much delays usually change over [`USUAL`] windows.
    usual_us: f64,
    open: Option<Window>,
    quiet_until: Option<Instant>,
}

/// The packets of a short time. Times and delays are microseconds since the first packet, and above its delay.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    began_us: i64,
    latest_us: i64,
    least_us: i64,
    /// The delay of its last packet, and by how much each differed from the one before, altogether.
    last_us: i64,
    moved_us: i64,
    packets: i64,
    bytes: usize,
}

impl Default for Overuse {
    /// One that has seen nothing, and takes the path for one whose delays vary.
    fn default() -> Overuse {
        Overuse {
            origin: None,
            windows: [Window::default(); MOST],
            known: 0,
            usual_us: USUAL_AT_FIRST_US,
            open: None,
            quiet_until: None,
        }
    }
}

impl Overuse {
    /// Takes in a packet of `bytes`. Where it shows that a queue fills, gives what the path carries in bits a second,
    /// counted as the packets' bytes are.
    pub fn on_packet(&mut self, timestamp: RtpTimestamp, arrival: Instant, bytes: usize) -> Option<f64> {
        let (first, began) = *self.origin.get_or_insert((timestamp, arrival));
        let now_us = arrival.saturating_duration_since(began).as_micros() as i64;
        let media = timestamp.since(first).0.clamp(-MOST_MEDIA, MOST_MEDIA);
        let delay_us = now_us.saturating_sub(Samples(media).us());
        let moved_us = self.open.map_or(0, |open| delay_us.saturating_sub(open.last_us).saturating_abs());
        let fresh = Window {
            began_us: now_us,
            latest_us: now_us,
            least_us: delay_us,
            last_us: delay_us,
            moved_us,
            packets: 1,
            bytes,
        };
        let Some(open) = self.open.as_mut() else {
            self.open = Some(fresh);
            return None;
        };
        let is_gap = now_us.saturating_sub(open.latest_us) > GAP.as_micros() as i64;
        if is_gap || moved_us > JUMP_US {
            let Overuse { usual_us, quiet_until, .. } = *self;
            *self = Overuse { usual_us, quiet_until, ..Overuse::default() };
            return self.on_packet(timestamp, arrival, bytes);
        }
        if now_us.saturating_sub(open.began_us) < WINDOW.as_micros() as i64 {
            open.latest_us = open.latest_us.max(now_us);
            open.least_us = open.least_us.min(delay_us);
            open.last_us = delay_us;
            open.moved_us += moved_us;
            open.packets += 1;
            open.bytes += bytes;
            return None;
        }
        let closed = *open;
        *open = fresh;
        self.close(closed, arrival)
    }

    fn close(&mut self, window: Window, now: Instant) -> Option<f64> {
        self.windows.rotate_left(1);
        self.windows[MOST - 1] = window;
        self.known = (self.known + 1).min(MOST);
        if self.known > USUAL {
            let change = (window.least_us - self.windows[MOST - 1 - USUAL].least_us).abs() as f64;
            self.usual_us += (change.min(MOST_USUAL_US) - self.usual_us) / MEMORY;
        }
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        let known = &self.windows[MOST - self.known..];
        let mut lines = LINES.into_iter().filter_map(|n| known.get(known.len().checked_sub(n)?..));
        let usual_us = self.usual_us;
        let carried = lines.find(|windows| rises(windows, usual_us)).and_then(carried_bps)?;
        self.quiet_until = Some(now + PATIENCE);
        self.known = 0;
        Some(carried)
    }
}

/// Whether these windows lie on a line that rises, where delays usually change by `usual_us` over [`USUAL`] of them: as a walk
/// goes, further in a longer time.
fn rises(windows: &[Window], usual_us: f64) -> bool {
    let n = windows.len() as f64;
    let usual_us = usual_us * (n / USUAL as f64).sqrt().max(1.0);
    let least_us = LEAST_RISE_US.max(UNUSUAL * usual_us);
    let at = |window: &Window| window.began_us as f64;
    let least = |window: &Window| window.least_us as f64;
    let mean = |of: &dyn Fn(&Window) -> f64| windows.iter().map(of).sum::<f64>() / n;
    let (mean_at, mean_least) = (mean(&at), mean(&least));
    let spread = mean(&|w| (at(w) - mean_at).powi(2));
    let slope = mean(&|w| (at(w) - mean_at) * (least(w) - mean_least)) / spread;
    let beside = mean(&|w| (least(w) - mean_least - slope * (at(w) - mean_at)).powi(2));
    let noise = (beside * n / (n - 2.0)).sqrt();
    let rise = slope * (at(&windows[windows.len() - 1]) - at(&windows[0]));
    let at_once = windows.windows(2).map(|pair| least(&pair[1]) - least(&pair[0])).fold(0.0, f64::max);
    rise > least_us.max(NOISE * noise).max(TO_AND_FRO * to_and_fro_us(windows))
        && at_once < MOST_AT_ONCE * rise
}

/// By how much a packet's delay differs from the one's before it, in the mean, beside what all of them rise by.
fn to_and_fro_us(windows: &[Window]) -> f64 {
    let Some((first, rest)) = windows.split_first() else { return 0.0 };
    let risen_us = windows[windows.len() - 1].last_us - first.last_us;
    let moved_us: i64 = rest.iter().map(|window| window.moved_us).sum();
    let packets: i64 = rest.iter().map(|window| window.packets).sum();
    (moved_us - risen_us.abs()).max(0) as f64 / packets.max(1) as f64
}

/// What arrived in the later windows of a line: the queue of its first ones may have been empty now and then, and then less
/// came out of it than could have.
fn carried_bps(windows: &[Window]) -> Option<f64> {
    let halves = [windows.len() / 2, windows.len() / 4].map(|n| n.max(LEAST_RATED));
    let rates = halves.into_iter().filter_map(|n| rate_bps(&windows[windows.len() - n - 1..]));
    rates.max_by(f64::total_cmp)
}

/// What arrived behind the first of these windows, by the time in which it did.
fn rate_bps(windows: &[Window]) -> Option<f64> {
    let (first, rest) = windows.split_first()?;
    let bytes: usize = rest.iter().map(|window| window.bytes).sum();
    let us = rest.last()?.latest_us - first.latest_us;
    (us > 0).then(|| bytes as f64 * 8_000_000.0 / us as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{LinkConfig, Path, Profile, Rate};

    /// What is told of packets of 10 ms and `bytes(n)` over this link: when, in seconds, and what it carries.
    fn told(link: LinkConfig, seconds: u64, bytes: impl Fn(u64) -> usize) -> Vec<(f64, f64)> {
        told_by(link, 7, seconds, 10, bytes)
    }

    fn told_by(
        link: LinkConfig,
        seed: u64,
        seconds: u64,
        frame_ms: u64,
        bytes: impl Fn(u64) -> usize,
    ) -> Vec<(f64, f64)> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut path = Path::new([link], seed, start);
        let mut overuse = Overuse::default();
        let mut told = Vec::new();
        for n in 0..seconds * 1000 / frame_ms {
            let at = start + Duration::from_millis(frame_ms * n);
            path.send(at, bytes(n), n);
            while let Some((arrival, n)) = path.poll(at) {
                let timestamp = RtpTimestamp(1_000_000 + 48 * frame_ms * n);
                if let Some(bps) = overuse.on_packet(timestamp, arrival, bytes(n)) {
                    told.push((arrival.duration_since(start).as_secs_f64(), bps));
                }
            }
        }
        told
    }

    fn narrow(bits_per_second: u32) -> LinkConfig {
        let queue = Duration::from_millis(500);
        LinkConfig {
            delay: Duration::from_millis(20),
            rate: Some(Rate { bits_per_second: bits_per_second.into(), queue }),
            ..LinkConfig::default()
        }
    }

    /// 64 kbit/s, now more and now less as syllables are.
    fn voice(n: u64) -> usize {
        [72, 84, 90, 86, 78, 70][(n / 7 % 6) as usize]
    }

    #[test]
    fn a_queue_that_fills_is_seen_within_half_a_second_and_so_is_what_the_path_carries() {
        for (kbps, within_s) in [(24, 0.4), (40, 0.4), (48, 0.4), (56, 0.4), (60, 0.5)] {
            let told = told(narrow(kbps * 1000), 3, voice);
            let (at, bps) = *told.first().unwrap_or_else(|| panic!("{kbps} kbit/s"));
            assert!(at < within_s, "{kbps} kbit/s after {at:.2} s");
            let share = bps / f64::from(kbps * 1000);
            assert!((0.96..1.04).contains(&share), "{bps:.0} bit/s of {kbps} kbit/s");
        }
    }

    #[test]
    fn a_path_with_room_and_jitter_is_not_overused() {
        assert!(told(narrow(80_000), 600, voice).is_empty());
        // Wandering delays (satellite, lte) look like it now and then; uploads of others are a queue that fills.
        for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::Dsl) {
            let told = told(profile.link(), 3600, voice);
            assert!(told.len() <= 6, "{profile}: {} in an hour", told.len());
        }
        assert!((180..=540).contains(&told(Profile::Dsl.link(), 3600, voice).len()));
    }

    #[test]
    fn jitter_is_no_queue() {
        let cases =
            [(10.0, 10, 1), (20.0, 10, 1), (30.0, 10, 1), (40.0, 10, 1), (30.0, 20, 1), (30.0, 40, 12)];
        for (sd_ms, frame_ms, most) in cases {
            let jitter = crate::sim::Jitter::Normal { sd_ms };
            let link = LinkConfig { delay: Duration::from_millis(60), jitter, ..LinkConfig::default() };
            let told = |seed| told_by(link.clone(), seed, 60, frame_ms, voice);
            let told_in = (0..50).filter(|&seed| !told(seed).is_empty()).count();
            assert!(told_in <= most, "{told_in} of 50 calls, {sd_ms} ms, frames of {frame_ms} ms");
        }
    }

    #[test]
    fn days_of_talk_fill_no_queue() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut overuse = Overuse::default();
        for n in 0..3 * 86_400 * 4u64 {
            let arrival = start + Duration::from_millis(250 * n);
            assert_eq!(overuse.on_packet(RtpTimestamp(n * 12_000), arrival, 80), None, "{n}");
        }
    }

    #[test]
    fn a_silence_and_a_jump_of_the_clock_begin_anew() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let mut overuse = Overuse::default();
        for n in 0..200u64 {
            let arrival = start + Duration::from_millis(400 * n);
            assert_eq!(overuse.on_packet(RtpTimestamp(n * 480), arrival, 80), None);
        }
        for n in 0..200u64 {
            let arrival = start + Duration::from_millis(80_000 + 10 * n);
            let lie = if n % 2 == 0 { u64::MAX / 2 } else { 0 };
            assert_eq!(overuse.on_packet(RtpTimestamp(lie), arrival, 80), None);
        }
    }
}
