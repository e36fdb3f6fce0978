//! Normalised cross-correlation: where in a stretch of sound a template is, and how like it.

use realfft::RealFftPlanner;

/// A place whose power is this far below the template's is silence, not a quiet copy: dividing by its rounding noise
/// would make a match of nothing. -50 dB.
const SILENCE: f64 = 1e-5;

/// Where a template fits best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    /// Offset of the template in the stretch, in samples and parts of one.
    pub(super) offset: f64,
    /// The correlation there: 1 is the same up to loudness, 0 is nothing in common.
    pub(super) similarity: f32,
}

/// Keeps the Fourier plans of the lengths seen so far.
pub(super) struct Correlator {
    planner: RealFftPlanner<f64>,
}

impl Correlator {
    pub(super) fn new() -> Self {
        Self { planner: RealFftPlanner::new() }
    }

    /// The best place for `template` wholly inside `stretch`; none if it does not fit or is silent.
    pub(super) fn best(&mut self, stretch: &[f32], template: &[f32]) -> Option<Peak> {
        let values = self.likeness(stretch, template);
        let at = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?.0;
        Some(refine(&values, at))
    }

    /// The correlation at each place for `template` wholly inside `stretch`; nothing if it does not fit or is silent.
    pub(super) fn likeness(&mut self, stretch: &[f32], template: &[f32]) -> Vec<f32> {
        let template_energy = energy(template);
        if template_energy <= 0.0 || stretch.len() < template.len() {
            return Vec::new();
        }
        let products = self.correlate(stretch, template);
        normalise(&products, stretch, template.len(), template_energy)
    }

    /// Sum of products at each offset, by way of the frequency domain.
    fn correlate(&mut self, stretch: &[f32], template: &[f32]) -> Vec<f64> {
        // Long enough that the offsets which are kept do not wrap around.
        let length = stretch.len().next_power_of_two();
        let forward = self.planner.plan_fft_forward(length);
        let inverse = self.planner.plan_fft_inverse(length);
        let spectrum = |samples: &[f32]| {
            let mut input = forward.make_input_vec();
            input.iter_mut().zip(samples).for_each(|(to, from)| *to = f64::from(*from));
            let mut output = forward.make_output_vec();
            forward.process(&mut input, &mut output).expect("both buffers were made by the plan");
            output
        };
        let mut product = spectrum(stretch);
        for (bin, other) in product.iter_mut().zip(spectrum(template)) {
            *bin *= other.conj();
        }
        // Rounding leaves the first and last bin a hair off the real axis, which the plan does not accept.
        let last = product.len() - 1;
        product[0].im = 0.0;
        product[last].im = 0.0;
        let mut output = inverse.make_output_vec();
        inverse.process(&mut product, &mut output).expect("both buffers were made by the plan");
        output.truncate(stretch.len() - template.len() + 1);
        output.iter_mut().for_each(|value| *value /= length as f64);
        output
    }
}

/// Divides each product by the energies of the two pieces it compares.
fn normalise(products: &[f64], stretch: &[f32], length: usize, template_energy: f64) -> Vec<f32> {
    let mut sums = Vec::with_capacity(stretch.len() + 1);
    sums.push(0.0f64);
    for sample in stretch {
        sums.push(sums[sums.len() - 1] + f64::from(*sample) * f64::from(*sample));
    }
    products
        .iter()
        .enumerate()
        .map(|(offset, product)| {
            let local = sums[offset + length] - sums[offset];
            if local < SILENCE * template_energy {
                return 0.0;
            }
            (product / (local * template_energy).sqrt()) as f32
        })
        .collect()
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum()
}

/// Puts a parabola through the highest value and its two neighbours.
fn refine(values: &[f32], at: usize) -> Peak {
    let similarity = values[at];
    let whole = Peak { offset: at as f64, similarity };
    if at == 0 || at + 1 == values.len() {
        return whole;
    }
    let (before, after) = (values[at - 1], values[at + 1]);
    let curve = before - 2.0 * similarity + after;
    if curve >= 0.0 {
        return whole;
    }
    let shift = f64::from((0.5 * (before - after) / curve).clamp(-0.5, 0.5));
    let height = similarity - 0.25 * (before - after) * shift as f32;
    Peak { offset: at as f64 + shift, similarity: height.min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<f32> {
        let mut seed = 7u32;
        std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .take(length)
        .collect()
    }

    #[test]
    fn finds_a_piece_where_it_was_cut_out() {
        let stretch = noise(5_000);
        let peak = Correlator::new().best(&stretch, &stretch[1_234..2_000]).unwrap();
        assert!((peak.offset - 1_234.0).abs() < 0.05, "{peak:?}");
        assert!(peak.similarity > 0.999);
    }

    #[test]
    fn loudness_does_not_matter_and_polarity_does() {
        let stretch = noise(3_000);
        let quiet: Vec<f32> = stretch[100..900].iter().map(|sample| sample * 0.01).collect();
        assert!(Correlator::new().best(&stretch, &quiet).unwrap().similarity > 0.999);
        let inverted: Vec<f32> = quiet.iter().map(|sample| -sample).collect();
        assert!(Correlator::new().best(&stretch, &inverted).unwrap().similarity < 0.3);
    }

    #[test]
    fn silence_is_no_match() {
        let mut correlator = Correlator::new();
        assert_eq!(correlator.best(&noise(100), &[0.0; 50]), None);
        let peak = correlator.best(&[0.0; 500], &noise(100)).unwrap();
        assert_eq!(peak.similarity, 0.0);
    }

    #[test]
    fn a_template_that_does_not_fit_has_no_place() {
        assert_eq!(Correlator::new().best(&noise(10), &noise(11)), None);
        assert_eq!(Correlator::new().best(&noise(10), &[]), None);
    }
}
