//! From one sample rate to another, at the ends of the wire.

use rubato::{
    Async, FixedAsync, Resampler as _, Resizable as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction, audioadapter_buffers::direct::InterleavedSlice,
};

use super::Error;

/// The slowest and the fastest rate that is converted: a telephone's and a studio's.
pub const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// The most input frames that are converted in one step: 10 ms at 48 kHz, so that buffers stay small.
const MAX_STEP_FRAMES: usize = 480;

/// How good and how late a conversion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// For sound that plays now: half a millisecond late at most.
    Live,
    /// For files: transparent, however late.
    File,
}

/// Every common pair of rates has its samples on a grid this fine or coarser: 44.1 kHz to 48 kHz takes 160, 11.025 kHz
/// to 48 kHz 640. A filter for each point of it is kept, of which only one is then reckoned for a sample.
const FINEST_GRID: u32 = 640;

/// The filters are off by one point of the grid, which must not be heard of: this many points a sample at least.
const COARSEST_GRID: u32 = 128;

impl Quality {
    /// The filters that turn `from_hz` into `to_hz`.
    fn parameters(self, from_hz: u32, to_hz: u32) -> SincInterpolationParameters {
        // Half the taps is the delay. 32 of them keep what Opus keeps of speech; 256 keep all.
        let (taps, window) = match self {
            Quality::Live => (32, WindowFunction::Blackman2),
            Quality::File => (256, WindowFunction::BlackmanHarris2),
        };
        let parameters = SincInterpolationParameters::new(taps, window);
        match to_hz / gcd(from_hz, to_hz) {
            // The nearest point is then the point itself.
            grid @ ..=FINEST_GRID => parameters
                .oversampling_factor(COARSEST_GRID.next_multiple_of(grid) as usize)
                .interpolation(SincInterpolationType::Nearest),
            _ => parameters.interpolation(SincInterpolationType::Quadratic),
        }
    }
}

/// The greatest common divisor (Euclid).
fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Converts a stream of interleaved samples between two rates. Equal rates pass through untouched.
///
/// Call [`Resampler::process`] with blocks in order, then [`Resampler::finish`] at the end of the sound.
/// Allocates when it is made and never again.
pub struct Resampler {
    channels: usize,
    conversion: Option<Conversion>,
}

struct Conversion {
    rubato: Async<f32>,
    output: Vec<f32>,
    /// Output frames of the filter's run-in that are still to be left out.
    run_in: usize,
    ratio: f64,
    frames_in: u64,
    frames_out: u64,
}

impl Resampler {
    /// A converter of `channels` interleaved channels.
    ///
    /// # Errors
    /// [`Error::Resample`] for a rate outside [`SAMPLE_RATES`].
    pub fn new(from_hz: u32, to_hz: u32, channels: usize, quality: Quality) -> Result<Resampler, Error> {
        let failed = |reason: String| Error::Resample { from_hz, to_hz, reason };
        if !SAMPLE_RATES.contains(&from_hz) || !SAMPLE_RATES.contains(&to_hz) {
            let (least, most) = (SAMPLE_RATES.start(), SAMPLE_RATES.end());
            return Err(failed(format!("rates are from {least} to {most} Hz")));
        }
        if from_hz == to_hz {
            return Ok(Resampler { channels, conversion: None });
        }
        let ratio = f64::from(to_hz) / f64::from(from_hz);
        let parameters = quality.parameters(from_hz, to_hz);
        let rubato = Async::new_sinc(ratio, 1.0, &parameters, MAX_STEP_FRAMES, channels, FixedAsync::Input)
            .map_err(|error| failed(error.to_string()))?;
        let output = vec![0.0; rubato.output_frames_max() * channels];
        // Half the taps lie before a sample, and the first that comes out is already one step in. What is live must
        // come out when it goes in, so there the run-in, half a millisecond of near-silence, is kept.
        let run_in = match quality {
            Quality::File => (parameters.sinc_len as f64 / 2.0 * ratio - 1.0).round().max(0.0) as usize,
            Quality::Live => 0,
        };
        let conversion = Conversion { rubato, output, run_in, ratio, frames_in: 0, frames_out: 0 };
        Ok(Resampler { channels, conversion: Some(conversion) })
    }

    /// Converts `input`, whole interleaved frames, and hands what comes out of it to `emit`, in blocks.
    pub fn process(&mut self, input: &[f32], mut emit: impl FnMut(&[f32])) {
        let Some(conversion) = &mut self.conversion else {
            if !input.is_empty() {
                emit(input);
            }
            return;
        };
        for step in input.chunks(MAX_STEP_FRAMES * self.channels) {
            conversion.frames_in += (step.len() / self.channels) as u64;
            conversion.step(step, self.channels, &mut emit);
        }
    }

    /// Ends the sound: hands out what the filter still holds, so that it lasted as long as what went in.
    pub fn finish(&mut self, mut emit: impl FnMut(&[f32])) {
        let Some(conversion) = &mut self.conversion else { return };
        let due = (conversion.frames_in as f64 * conversion.ratio).round() as u64;
        let silence = vec![0.0; MAX_STEP_FRAMES * self.channels];
        while conversion.frames_out < due {
            let wanted = (due - conversion.frames_out) as usize * self.channels;
            let mut last = 0;
            conversion.step(&silence, self.channels, &mut |block: &[f32]| {
                last = block.len();
                emit(&block[..block.len().min(wanted)]);
            });
            if last == 0 && conversion.run_in == 0 {
                break;
            }
        }
    }
}

impl Conversion {
    /// Converts at most [`MAX_STEP_FRAMES`].
    fn step(&mut self, input: &[f32], channels: usize, emit: &mut impl FnMut(&[f32])) {
        let frames = input.len() / channels;
        let room = self.output.len() / channels;
        let converted = self.rubato.set_chunk_size(frames).ok().and_then(|()| {
            let source = InterleavedSlice::new(input, channels, frames).ok()?;
            let mut sink = InterleavedSlice::new_mut(&mut self.output, channels, room).ok()?;
            self.rubato.process_into_buffer(&source, &mut sink, None).ok()
        });
        // The sizes are those that the converter was made for, so it does not refuse them.
        let Some((_, made)) = converted else { return };
        let skipped = made.min(self.run_in);
        self.run_in -= skipped;
        self.frames_out += (made - skipped) as u64;
        if made > skipped {
            emit(&self.output[skipped * channels..made * channels]);
        }
    }
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ratio = self.conversion.as_ref().map_or(1.0, |conversion| conversion.ratio);
        f.debug_struct("Resampler").field("channels", &self.channels).field("ratio", &ratio).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::opus::testing::correlation;

    fn sine(hz: f64, rate: u32, frames: usize) -> Vec<f32> {
        (0..frames)
            .map(|i| (i as f64 * hz * std::f64::consts::TAU / f64::from(rate)).sin() as f32 * 0.5)
            .collect()
    }

    fn convert(from_hz: u32, quality: Quality, input: &[f32], block: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from_hz, 48_000, 1, quality).unwrap();
        let mut output = Vec::new();
        input.chunks(block).for_each(|block| resampler.process(block, |out| output.extend_from_slice(out)));
        resampler.finish(|out| output.extend_from_slice(out));
        output
    }

    #[test]
    fn a_sine_of_every_common_rate_is_the_same_sine_at_48_khz() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000] {
            let output = convert(rate, Quality::File, &sine(1000.0, rate, rate as usize), 441);
            assert_eq!(output.len(), 48_000, "{rate} Hz");
            let expected = sine(1000.0, 48_000, 48_000);
            let alike = correlation(&expected[500..47_500], &output[500..47_500]);
            // In phase to half a sample, which is what the run-in is rounded to.
            assert!(alike > 0.9978, "{rate} Hz: {alike}");
        }
    }

    #[test]
    fn the_blocks_it_is_fed_in_do_not_matter() {
        let input = sine(440.0, 44_100, 4410);
        let expected = convert(44_100, Quality::File, &input, 4410);
        for block in [1, 7, 128, 480, 481] {
            let output = convert(44_100, Quality::File, &input, block);
            let worst = expected.iter().zip(&output).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(output.len() == expected.len() && worst < 1e-4, "blocks of {block}: {worst}");
        }
    }

    #[test]
    fn what_is_live_comes_out_within_half_a_millisecond() {
        let mut resampler = Resampler::new(44_100, 48_000, 1, Quality::Live).unwrap();
        let mut output = Vec::new();
        let mut impulse = vec![0.0; 480];
        impulse[100] = 1.0;
        resampler.process(&impulse, |out| output.extend_from_slice(out));
        let peak = (0..output.len()).max_by(|&a, &b| output[a].total_cmp(&output[b])).unwrap();
        let late = peak as f64 / 48.0 - 100.0 / 44.1;
        assert!((0.0..0.5).contains(&late), "{late} ms");
    }

    #[test]
    fn channels_stay_apart() {
        let mut resampler = Resampler::new(16_000, 48_000, 2, Quality::File).unwrap();
        let input: Vec<f32> = sine(300.0, 16_000, 1600).into_iter().flat_map(|s| [s, 0.0]).collect();
        resampler.process(&input, |out| assert!(out.chunks(2).all(|frame| frame[1] == 0.0)));
    }

    #[test]
    fn rates_beyond_the_limits_are_refused() {
        let error = Resampler::new(1, 48_000, 1, Quality::File).unwrap_err().to_string();
        assert_eq!(error, "cannot convert 1 Hz to 48000 Hz: rates are from 8000 to 192000 Hz");
        assert!(Resampler::new(48_000, 200_000, 1, Quality::Live).is_err());
    }
}
