//! Something like speech for tests: syllables of changing pitch and colour, with pauses between words.

use std::f64::consts::TAU;

use super::Recording;

/// `seconds` of it at `rate_hz`, starting at 250 ms on its clock. The same at every rate.
pub(super) fn speak(seconds: f64, rate_hz: u32) -> Recording {
    let length = (seconds * f64::from(rate_hz)) as usize;
    let samples = (0..length).map(|n| voice(n as f64 / f64::from(rate_hz)) as f32).collect();
    Recording::new(samples, rate_hz, 250.0)
}

/// The same, slower by `factor`.
pub(super) fn stretched(recording: &Recording, factor: f64) -> Recording {
    let length = (recording.samples().len() as f64 * factor) as usize;
    let rate = f64::from(recording.rate_hz());
    let samples = (0..length).map(|n| voice(n as f64 / factor / rate) as f32).collect();
    Recording::new(samples, recording.rate_hz(), recording.start_ms())
}

/// With white noise of that amplitude.
pub(super) fn with_noise(recording: &Recording, amplitude: f32) -> Recording {
    let mut seed = 99u32;
    let noisy = recording.samples().iter().map(|sample| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sample + amplitude * ((seed >> 8) as f32 / 8_388_608.0 - 1.0)
    });
    Recording::new(noisy.collect(), recording.rate_hz(), recording.start_ms())
}

/// The voice at `t` seconds: three syllables of 220 ms a word, 140 ms of pause after it.
fn voice(t: f64) -> f64 {
    const SYLLABLE: f64 = 0.22;
    const WORD: f64 = 3.0 * SYLLABLE + 0.14;
    let within = t % WORD;
    let word = (t / WORD) as u64;
    if within >= 3.0 * SYLLABLE {
        return 0.0;
    }
    let syllable = word * 3 + (within / SYLLABLE) as u64;
    let part = (within % SYLLABLE) / SYLLABLE;
    let odd = |salt: u64| ((syllable + 1).wrapping_mul(salt) % 101) as f64 / 101.0;
    let pitch = 95.0 + 90.0 * odd(37) + 25.0 * odd(53) * part;
    let formants = [300.0 + 500.0 * odd(29), 900.0 + 1_300.0 * odd(71), 2_400.0 + 500.0 * odd(43)];
    let envelope = (std::f64::consts::PI * part).sin();
    let phase = TAU * (95.0 + 90.0 * odd(37) + 12.5 * odd(53) * part) * part * SYLLABLE;
    let sum: f64 = (1..=24)
        .map(|harmonic| {
            let hz = pitch * f64::from(harmonic);
            let colour: f64 = formants.iter().map(|formant| (-((hz - formant) / 130.0).powi(2)).exp()).sum();
            (colour + 0.02) * (phase * f64::from(harmonic) + f64::from(harmonic * harmonic)).sin()
        })
        .sum();
    0.18 * envelope * sum
}
