//! Pseudo-random numbers: the same seed, the same numbers, on every machine.

/// A stream of pseudo-random numbers (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of `seed` for one `purpose`. Streams of different purposes do not depend on one another, so that one
    /// more draw of jitter moves no loss.
    pub fn new(seed: u64, purpose: u64) -> Random {
        Random { state: mix(mix(seed) ^ purpose.wrapping_mul(0xd134_2543_de82_ef95)) }
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Evenly between 0 and 1, neither of them included.
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// `true` in a share `probability` of the cases.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From the normal distribution of mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// From the exponential distribution of the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// From the Pareto distribution that begins at 0 (Lomax), of the given scale and shape.
    pub fn pareto(&mut self, scale: f64, shape: f64) -> f64 {
        scale * (self.unit().powf(-1.0 / shape) - 1.0)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(draw: impl FnMut() -> f64) -> f64 {
        std::iter::repeat_with(draw).take(100_000).sum::<f64>() / 100_000.0
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_purpose_others() {
        let (mut a, mut b, mut c) = (Random::new(7, 1), Random::new(7, 1), Random::new(7, 2));
        assert_eq!(a.bits(), b.bits());
        assert_ne!(a.bits(), c.bits());
    }

    #[test]
    fn distributions_have_the_means_that_they_should() {
        let mut random = Random::new(1, 0);
        assert!((mean(|| random.unit()) - 0.5).abs() < 0.01);
        assert!(mean(|| random.normal()).abs() < 0.02);
        assert!((mean(|| random.normal().powi(2)) - 1.0).abs() < 0.03);
        assert!((mean(|| random.exponential(5.0)) - 5.0).abs() < 0.1);
        assert!((mean(|| random.pareto(2.0, 3.0)) - 1.0).abs() < 0.05);
        assert!((mean(|| f64::from(u8::from(random.chance(0.2)))) - 0.2).abs() < 0.01);
    }
}
