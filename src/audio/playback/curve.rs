//! The curve through samples, read between them: a windowed sinc.

use std::sync::OnceLock;

/// Samples that one point of the curve is made of.
pub(crate) const TAPS: usize = 28;
/// Points that are reckoned at once.
pub(crate) const BLOCK: usize = 16;
/// Samples that they are made of.
pub(crate) const WINDOW: usize = BLOCK + TAPS - 1;
/// A point lies behind the sample at this place of its window, by less than a sample.
const CENTRE: usize = TAPS / 2 - 1;
/// Places between two samples for which the filter is kept. Between these, and for a block around one, it is taken to change
/// evenly.
const PLACES: usize = 128;
/// Of Kaiser's window: what the filter lets through of anything else than the curve is 90 dB down.
const BETA: f64 = 9.0;

/// The filters for every place between two samples, and what is to be added to each on the way to the next.
///
/// The sinc is that of the whole band: at a sample the curve is that sample and nothing else. What lies above 19 kHz suffers,
/// of which Opus codes little.
pub(crate) struct Curve {
    places: Box<[[[f32; TAPS]; 2]]>,
}

impl Curve {
    /// The one that all share.
    pub(crate) fn get() -> &'static Curve {
        static CURVE: OnceLock<Curve> = OnceLock::new();
        CURVE.get_or_init(Curve::new)
    }

    fn new() -> Curve {
        let place = |place: usize| {
            let (here, next) = (filter(place), filter(place + 1));
            let steps = std::array::from_fn(|tap| (next[tap] - here[tap]) as f32);
            [here.map(|factor| factor as f32), steps]
        };
        Curve { places: (0..PLACES).map(place).collect() }
    }

    /// The curve at [`BLOCK`] points, each `1 + speed` samples behind the one before. Point `n` has its window at sample `n`
    /// and lies `fraction` + `n` x `speed` behind the sample in the middle of it; for the point in the middle of the block
    /// that is from 0 to 1.
    #[inline]
    pub(crate) fn read(&self, samples: &[f32; WINDOW], fraction: f64, speed: f64) -> [f32; BLOCK] {
        let places = PLACES as f64;
        let middle = (fraction + speed * (BLOCK / 2) as f64) * places;
        let index = (middle as usize).min(PLACES - 1);
        let [factors, steps] = &self.places[index];
        let (mut here, mut change) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
        for (window, (factor, step)) in samples.windows(BLOCK).zip(factors.iter().zip(steps)) {
            for n in 0..BLOCK {
                here[n] += factor * window[n];
                change[n] += step * window[n];
            }
        }
        let (first, further) = ((fraction * places - index as f64) as f32, (speed * places) as f32);
        std::array::from_fn(|n| here[n] + (first + n as f32 * further) * change[n])
    }
}

/// The filter for a place. Its factors sum to one, so that what does not change comes out as it is.
fn filter(place: usize) -> [f64; TAPS] {
    let middle = CENTRE as f64 + place as f64 / PLACES as f64;
    let factors: [f64; TAPS] = std::array::from_fn(|tap| {
        let away = tap as f64 - middle;
        let from_edge = 1.0 - (2.0 * away / TAPS as f64).powi(2);
        sinc(away) * bessel(BETA * from_edge.max(0.0).sqrt()) / bessel(BETA)
    });
    let sum: f64 = factors.iter().sum();
    factors.map(|factor| factor / sum)
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if x == 0.0 { 1.0 } else { angle.sin() / angle }
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let terms = (1..40).scan(1.0, |term, k| {
        *term *= (x / (2.0 * f64::from(k))).powi(2);
        Some(*term)
    });
    1.0 + terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Power of a tone over that of what differs from it, in dB, where it is read faster by `speed`.
    fn clean_db(hz: f64, speed: f64) -> f64 {
        let tone = |at: f64| (std::f64::consts::TAU * hz / 48_000.0 * at).sin();
        let samples: Vec<f32> = (0..6000).map(|n| tone(n as f64) as f32).collect();
        let (mut signal, mut error) = (0.0, 0.0);
        for block in 1..300 {
            let first = (block * BLOCK) as f64 * (1.0 + speed);
            let from = (first + (BLOCK / 2) as f64 * (1.0 + speed)) as usize - BLOCK / 2;
            let window = samples[from..].first_chunk().unwrap();
            let found = Curve::get().read(window, first - from as f64, speed);
            for (n, found) in found.into_iter().enumerate() {
                let wanted = tone(first + n as f64 * (1.0 + speed) + CENTRE as f64);
                signal += wanted * wanted;
                error += (f64::from(found) - wanted).powi(2);
            }
        }
        10.0 * (signal / error).log10()
    }

    #[test]
    fn a_tone_that_is_read_faster_is_the_same_tone_higher() {
        for (speed, least_db) in [
            (1e-5, [90.0, 90.0, 90.0, 90.0, 85.0]),
            (-1e-4, [90.0, 90.0, 90.0, 90.0, 85.0]),
            (1e-3, [90.0, 90.0, 90.0, 85.0, 80.0]),
            // The greatest there is, while a delay of milliseconds is played away.
            (-4e-3, [90.0, 90.0, 80.0, 70.0, 55.0]),
        ] {
            for (hz, least_db) in [100.0, 1000.0, 4000.0, 8000.0, 16_000.0].into_iter().zip(least_db) {
                let db = clean_db(hz, speed);
                assert!(db > least_db, "{hz} Hz, {speed}: {db:.1} dB");
            }
        }
    }

    #[test]
    fn at_a_sample_it_is_that_sample() {
        let samples = std::array::from_fn(|n| (n as f32 * 0.7).sin());
        let found = Curve::get().read(&samples, 0.0, 0.0);
        assert!(found.iter().zip(&samples[CENTRE..]).all(|(found, sample)| (found - sample).abs() < 1e-6));
    }
}
