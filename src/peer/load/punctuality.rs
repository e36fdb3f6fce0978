//! How late things were done, counted.

use std::time::Duration;

/// Width of a class.
const STEP: Duration = Duration::from_micros(50);
/// Classes: what is later than 100 ms counts as the last.
const CLASSES: usize = 2000;

/// How late each of many things was done.
#[derive(Debug, Clone)]
pub(super) struct Punctuality {
    classes: Vec<u64>,
    done: u64,
    missed: u64,
    latest: Duration,
    deadline: Duration,
}

impl Punctuality {
    /// Counts what is later than `deadline` as missed.
    pub(super) fn new(deadline: Duration) -> Punctuality {
        Punctuality { classes: vec![0; CLASSES], done: 0, missed: 0, latest: Duration::ZERO, deadline }
    }

    /// Something was done, so late.
    pub(super) fn add(&mut self, late: Duration) {
        let class = (late.as_nanos() / STEP.as_nanos()).min(CLASSES as u128 - 1);
        self.classes[class as usize] += 1;
        self.done += 1;
        self.missed += u64::from(late > self.deadline);
        self.latest = self.latest.max(late);
    }

    /// Takes in what another one counted.
    pub(super) fn merge(&mut self, other: &Punctuality) {
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            *mine += theirs;
        }
        self.done += other.done;
        self.missed += other.missed;
        self.latest = self.latest.max(other.latest);
    }

    /// How many things were done.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// How many of them too late.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// The latest.
    pub(super) fn latest_ms(&self) -> f64 {
        self.latest.as_secs_f64() * 1000.0
    }

    /// What this share of them was not later than, to the class.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = (self.done as f64 * share).ceil() as u64;
        let mut seen = 0;
        let class = self.classes.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        (class.map_or(0, |class| class + 1) as f64) * STEP.as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_later_than_the_deadline_is_missed() {
        let ms = Duration::from_millis;
        let mut one = Punctuality::new(ms(10));
        (0..98).for_each(|_| one.add(Duration::from_micros(20)));
        one.add(ms(10));
        let mut other = Punctuality::new(ms(10));
        other.add(ms(500));
        one.merge(&other);
        assert_eq!((one.done(), one.missed(), one.latest_ms()), (100, 1, 500.0));
        assert_eq!(one.quantile_ms(0.5), 0.05);
        assert!((one.quantile_ms(0.99) - 10.05).abs() < 1e-9, "{}", one.quantile_ms(0.99));
        assert_eq!(one.quantile_ms(1.0), 100.0);
    }
}
