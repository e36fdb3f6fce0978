//! How late packets come: a histogram of arrival delay that forgets.
//!
//! Delays are microseconds against any fixed clock; only their differences matter. Bins stand on that same clock, so
//! a clock that drifts walks slowly through them and nothing has to be re-based: the window of bins follows.

/// Width of a bin. Half a millisecond is finer than what the ear or a paced sink can use.
pub(super) const BIN_US: i64 = 500;
/// Bins in the window: 1.024 s between the earliest and the latest packet that still count. What lies further
/// apart is a jump of the clock, not jitter.
const BINS: usize = 2048;
/// Past this gain all bins are scaled down again; far below where `f32` would lose a single frame.
const MAX_GAIN: f32 = 1e6;
/// Share of the whole below which a bin counts as forgotten.
const FORGOTTEN: f32 = 1e-5;

/// Weighted counts of delay, the older the lighter.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    bins: Box<[f32]>,
    /// Bin number (delay / width) of the lowest and one past the highest bin in use.
    lowest: i64,
    end: i64,
    /// Weight of a fresh observation: growing it is the same as fading everything older.
    gain: f32,
    total: f32,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { bins: vec![0.0; BINS].into(), lowest: 0, end: 0, gain: 1.0, total: 0.0 }
    }
}

impl Histogram {
    /// Whether nothing has been observed.
    pub(super) fn is_empty(&self) -> bool {
        self.lowest == self.end
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bins.fill(0.0);
        (self.lowest, self.end, self.gain, self.total) = (0, 0, 1.0, 0.0);
    }

    /// Fades what has been seen so far by `factor`, in 0..1.
    pub(super) fn fade(&mut self, factor: f32) {
        self.gain /= factor.max(1e-3);
        if self.gain > MAX_GAIN {
            self.rescale();
        }
    }

    /// Adds `weight` at `delay_us`. A delay further above the lowest than the window is wide counts as the window's
    /// highest; one further below pushes the top of the window out.
    pub(super) fn observe(&mut self, delay_us: i64, weight: f32) {
        let mut bin = delay_us.div_euclid(BIN_US);
        if self.is_empty() {
            (self.lowest, self.end) = (bin, bin + 1);
        }
        if bin >= self.lowest + BINS as i64 {
            self.raise_floor(bin + 1 - BINS as i64);
            bin = bin.min(self.lowest + BINS as i64 - 1);
        }
        if bin < self.lowest {
            self.lower_floor(bin);
        }
        self.end = self.end.max(bin + 1);
        let added = weight * self.gain;
        self.bins[slot(bin)] += added;
        self.total += added;
    }

    /// Drops forgotten bins at the bottom, as far up as `wanted`.
    fn raise_floor(&mut self, wanted: i64) {
        while self.lowest < wanted && self.lowest + 1 < self.end {
            let bin = &mut self.bins[slot(self.lowest)];
            if *bin > self.total * FORGOTTEN {
                break;
            }
            self.total -= *bin;
            *bin = 0.0;
            self.lowest += 1;
        }
    }

    fn lower_floor(&mut self, bin: i64) {
        let new_end = self.end.min(bin.saturating_add(BINS as i64)).max(bin + 1);
        for dropped in new_end.max(self.lowest)..self.end {
            let weight = std::mem::take(&mut self.bins[slot(dropped)]);
            self.total -= weight;
        }
        (self.lowest, self.end) = (bin, new_end);
    }

    fn rescale(&mut self) {
        let scale = 1.0 / self.gain;
        let floor = self.total * scale * FORGOTTEN;
        self.total = 0.0;
        for bin in &mut self.bins {
            *bin *= scale;
            if *bin < floor {
                *bin = 0.0;
            }
            self.total += *bin;
        }
        self.gain = 1.0;
        while self.lowest + 1 < self.end && self.bins[slot(self.lowest)] == 0.0 {
            self.lowest += 1;
        }
        while self.lowest + 1 < self.end && self.bins[slot(self.end - 1)] == 0.0 {
            self.end -= 1;
        }
    }

    /// The delay that a share `quantile` of the weight does not exceed: the upper edge of its bin.
    pub(super) fn quantile(&self, quantile: f32) -> Option<i64> {
        let mut left = self.total * quantile;
        (self.lowest..self.end)
            .find(|&bin| {
                left -= self.bins[slot(bin)];
                left <= 0.0
            })
            .or((!self.is_empty()).then_some(self.end - 1))
            .map(|bin| (bin + 1) * BIN_US)
    }

    /// Every bin in use from the top down: (upper edge in microseconds, share of the whole).
    pub(super) fn downwards(&self) -> impl Iterator<Item = (i64, f32)> {
        let scale = if self.total > 0.0 { 1.0 / self.total } else { 0.0 };
        (self.lowest..self.end).rev().map(move |bin| ((bin + 1) * BIN_US, self.bins[slot(bin)] * scale))
    }
}

fn slot(bin: i64) -> usize {
    bin.rem_euclid(BINS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(histogram: &Histogram) -> f32 {
        histogram.total / histogram.gain
    }

    fn span(histogram: &Histogram) -> usize {
        (histogram.end - histogram.lowest) as usize
    }

    #[test]
    fn quantiles_are_upper_edges() {
        let mut histogram = Histogram::default();
        for us in [100, 600, 1100, 1600] {
            histogram.observe(us, 1.0);
        }
        assert_eq!(histogram.quantile(0.25), Some(500));
        assert_eq!(histogram.quantile(0.5), Some(1000));
        assert_eq!(histogram.quantile(1.0), Some(2000));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn what_is_old_weighs_less() {
        let mut histogram = Histogram::default();
        for _ in 0..100 {
            histogram.observe(50_000, 1.0);
        }
        for _ in 0..1000 {
            histogram.fade(0.99);
            histogram.observe(0, 1.0);
        }
        assert_eq!(histogram.quantile(0.99), Some(500));
        assert!((weight(&histogram) - 100.0).abs() < 1.0, "a hundred observations are in memory");
    }

    #[test]
    fn a_clock_may_drift_for_ever() {
        let mut histogram = Histogram::default();
        for step in 0..100_000i64 {
            histogram.fade(0.99);
            histogram.observe(step * 100, 1.0);
        }
        let spread = histogram.quantile(1.0).unwrap() - histogram.quantile(0.01).unwrap();
        assert!(spread < 100_000, "{spread}");
        for step in (0..100_000i64).rev() {
            histogram.fade(0.99);
            histogram.observe(step * 100, 1.0);
        }
        assert!(histogram.quantile(0.01).unwrap() < 1000);
        assert!(span(&histogram) <= BINS);
    }

    #[test]
    fn arbitrary_delays_stay_in_the_window() {
        let mut histogram = Histogram::default();
        let mut state = 1u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            histogram.fade(0.9);
            histogram.observe((state >> 20) as i64 % 10_000_000_000 - 5_000_000_000, 1.0);
            assert!(span(&histogram) <= BINS);
        }
        assert!(weight(&histogram) > 0.0 && weight(&histogram) < 11.0, "{}", weight(&histogram));
    }
}
