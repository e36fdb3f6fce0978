//! How fast the sender's clock runs by ours.
//!
//! Crystals differ by tens of parts per million, sound cards by up to 300: 18 ms a minute, by which the delay of every
//! packet seems to change. The least delay of each half second moves by that alone, so the line through those of the last
//! minute is the clocks' difference, wherever they lie close enough to a line to say so.

/// The least delay is taken of so long.
const WINDOW_US: i64 = 500_000;
/// Windows that the line is drawn through, from the fewest that say anything.
const WINDOWS: usize = 128;
/// See [`WINDOWS`].
const FEWEST: usize = 6;
/// A line is believed when its slope is known to this standard error: 25 ppm, half a millisecond in 20 s,
const BELIEVED: f64 = 25e-6;
/// and when its two halves rise like the whole: a change of the route is a step, and no half of a step is like it.
const ALIKE: f64 = 60e-6;
/// No clock is further off: what is steeper is a queue that fills or drains.
const STEEPEST: f64 = 1e-3;

/// Our clock, made to run at the sender's pace. Times are microseconds since the stream began.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Least delays of past windows, with their times, in a ring.
    least: [(f64, f64); WINDOWS],
    count: usize,
    window: Option<Window>,
    /// Change of the delay by time.
    slope: f64,
    /// Where the present slope begins: true time, and the clock's by then.
    since_us: i64,
    clock_us: i64,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began_us: i64,
    at_us: i64,
    delay_us: i64,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { least: [(0.0, 0.0); WINDOWS], count: 0, window: None, slope: 0.0, since_us: 0, clock_us: 0 }
    }
}

impl Pace {
    /// What the clock shows at `true_us`.
    pub(super) fn clock_us(&self, true_us: i64) -> i64 {
        let passed = true_us.saturating_sub(self.since_us);
        let gained = -(passed as f64 * self.slope).round() as i64;
        self.clock_us.saturating_add(passed).saturating_add(gained)
    }

    /// Takes in a packet whose delay, by true time, was `delay_us`.
    pub(super) fn observe(&mut self, true_us: i64, delay_us: i64) {
        let fresh = Window { began_us: true_us, at_us: true_us, delay_us };
        let Some(window) = &mut self.window else {
            self.window = Some(fresh);
            return;
        };
        if true_us.saturating_sub(window.began_us) < WINDOW_US {
            if delay_us < window.delay_us {
                (window.at_us, window.delay_us) = (true_us, delay_us);
            }
            return;
        }
        self.least[self.count % WINDOWS] = (window.at_us as f64, window.delay_us as f64);
        self.count += 1;
        self.window = Some(fresh);
        if let Some(slope) = self.line() {
            (self.clock_us, self.since_us) = (self.clock_us(true_us), true_us);
            self.slope = slope;
        }
    }

    /// The slope of the line through the least delays, where they lie on one.
    fn line(&self) -> Option<f64> {
        if self.count < FEWEST {
            return None;
        }
        // From the oldest on: the ring turned so far that it is in order.
        let mut points = self.least;
        let points = &mut points[..self.count.min(WINDOWS)];
        points.rotate_left(if self.count > WINDOWS { self.count % WINDOWS } else { 0 });
        let (slope, error) = slope(points)?;
        let (older, newer) = points.split_at(points.len() / 2);
        let is_line = [older, newer]
            .into_iter()
            .all(|half| self::slope(half).is_some_and(|half| (half.0 - slope).abs() < ALIKE));
        (is_line && error < BELIEVED && slope.abs() < STEEPEST).then_some(slope)
    }
}

/// The slope of the line through points with the least squares, and its standard error.
fn slope(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
    let xx = sum(&|x, _| x * x);
    if xx <= 0.0 {
        return None;
    }
    let slope = sum(&|x, y| x * y) / xx;
    let left = sum(&|x, y| (y - slope * x) * (y - slope * x));
    Some((slope, (left / (count - 2.0).max(1.0) / xx).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets each 20 ms over `seconds` of a sender that is `ppm` fast, with what the network adds to each; returns
    /// the greatest change of the least delay by the clock from second 30 on.
    fn wander_us(ppm: f64, seconds: i64, network_us: impl Fn(i64) -> i64) -> i64 {
        let mut pace = Pace::default();
        let mut delays = Vec::new();
        for n in 0..seconds * 50 {
            let sent_us = n * 20_000;
            let true_us = sent_us + network_us(n);
            let media_us = (sent_us as f64 * (1.0 + ppm * 1e-6)) as i64;
            pace.observe(true_us, true_us - media_us);
            if n > 30 * 50 && network_us(n) == 0 {
                delays.push(pace.clock_us(true_us) - media_us);
            }
        }
        delays.iter().max().unwrap() - delays.iter().min().unwrap()
    }

    #[test]
    fn a_clock_that_runs_at_another_pace_is_followed() {
        for ppm in [-300.0, -20.0, 0.0, 20.0, 300.0] {
            assert!(wander_us(ppm, 300, |_| 0) < 300, "{ppm}: {}", wander_us(ppm, 300, |_| 0));
            let jitter = |n: i64| (n * 7919 % 31) * 500;
            assert!(wander_us(ppm, 300, jitter) < 600, "{ppm}: {}", wander_us(ppm, 300, jitter));
        }
    }

    #[test]
    fn a_change_of_the_route_is_not_a_clock() {
        // Within the first half minute, and back again later.
        for step_us in [3_000, 9_000, 30_000] {
            let route = |n: i64| if (500..4000).contains(&n) { step_us } else { 0 };
            assert!(wander_us(0.0, 300, route) < 1500, "{step_us}: {}", wander_us(0.0, 300, route));
        }
    }

    #[test]
    fn no_arrivals_make_it_run_faster_than_any_clock() {
        let (mut pace, mut state, mut at_us) = (Pace::default(), 1u64, 0i64);
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at_us += (state >> 40) as i64 % 5_000_000 - 400_000;
            pace.observe(at_us, (state >> 20) as i64 % 1_000_000_000 - 500_000_000);
            let second = pace.clock_us(at_us + 1_000_000) - pace.clock_us(at_us);
            assert!((999_000..=1_001_000).contains(&second), "{second}");
        }
        pace.observe(i64::MAX / 2, i64::MIN / 2);
        pace.observe(i64::MIN / 2, 0);
    }
}
