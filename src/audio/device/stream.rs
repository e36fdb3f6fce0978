//! Streams of the sound system: the format that is asked for, and the callbacks joined to it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    thread::Thread,
    time::Duration,
};

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, I24, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedBufferSize, SupportedStreamConfigRange, traits::DeviceTrait,
};

use super::{
    CaptureCallback, DeviceFormat, PlaybackCallback, Wake,
    callback::Counters,
    hosts::{self, Direction},
};
use crate::audio::{Channels, Error, SAMPLE_RATE};

/// Callback sizes that are asked for, in frames at 48 kHz, until one is taken and kept up with: 5 ms costs little,
/// and both ways each callback is delay. The system's own choice can be seconds, so it is never asked for that.
pub(super) const CALLBACK_FRAMES: [u32; 4] = [240, 480, 960, 1920];

/// How many callbacks' worth of sound PulseAudio is asked to hold of a microphone.
///
/// cpal asks for room for one callback (`maxlength` = `fragsize`), and what PulseAudio's main thread does not send before
/// the next piece arrives is dropped: beside a busy player most of the sound. The room is only used when it is late.
const PULSE_ROOM: u32 = 4;

/// A sound system that does not answer for this long is broken.
const MAX_OPEN: Duration = Duration::from_secs(3);

/// Sample formats, the best first: what needs no conversion, then what loses nothing.
const FORMATS: [SampleFormat; 7] = [
    SampleFormat::F32,
    SampleFormat::I16,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::U16,
    SampleFormat::U8,
    SampleFormat::F64,
];

/// A format to open a device in.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choice {
    device: DeviceFormat,
    sample: SampleFormat,
    buffer: SupportedBufferSize,
}

/// The best of what a device can do: the rate of the call before its channels before the sample format.
fn choose(ranges: impl Iterator<Item = SupportedStreamConfigRange>, channels: Channels) -> Option<Choice> {
    ranges
        .filter_map(|range| {
            let sample_rank = FORMATS.iter().position(|&format| format == range.sample_format())?;
            let rate_hz = SAMPLE_RATE.clamp(range.min_sample_rate(), range.max_sample_rate());
            let count = usize::from(range.channels());
            let channel_rank = match count.cmp(&channels.count()) {
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => count,
                std::cmp::Ordering::Less => usize::MAX,
            };
            let device = DeviceFormat { rate_hz, channels: count };
            let choice = Choice { device, sample: range.sample_format(), buffer: *range.buffer_size() };
            (count > 0).then_some(((rate_hz.abs_diff(SAMPLE_RATE), channel_rank, sample_rank), choice))
        })
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, choice)| choice)
}

/// The sizes to ask a device for, within what it can do, the smallest first, without the first `passed_over`.
fn callback_sizes(choice: &Choice, passed_over: usize) -> impl Iterator<Item = u32> {
    let (rate_hz, buffer) = (choice.device.rate_hz, choice.buffer);
    CALLBACK_FRAMES.into_iter().skip(passed_over).map(move |frames| {
        let frames = (u64::from(frames) * u64::from(rate_hz)).div_ceil(u64::from(SAMPLE_RATE)) as u32;
        match buffer {
            SupportedBufferSize::Range { min, max } => frames.clamp(min, max.max(min)),
            SupportedBufferSize::Unknown => frames,
        }
    })
}

/// What went wrong with a stream, told by the sound system's thread: no more than a number, so that telling neither
/// allocates nor locks.
#[derive(Debug, Default)]
pub(super) struct Fault(AtomicU8);

impl Fault {
    /// Notes an error; those that pass by themselves are none.
    fn note(&self, kind: ErrorKind) {
        let code = match kind {
            ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => return,
            ErrorKind::DeviceNotAvailable => 1,
            ErrorKind::StreamInvalidated => 2,
            ErrorKind::HostUnavailable => 3,
            _ => 4,
        };
        self.0.store(code, Relaxed);
    }

    /// What went wrong, in words.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self.0.load(Relaxed) {
            0 => None,
            1 => Some("the device was unplugged"),
            2 => Some("the sound system closed the stream"),
            3 => Some("the sound system went away"),
            _ => Some("the sound system reported an error"),
        }
    }
}

/// A callback of one direction, and how to join it to a device.
pub(super) trait Endpoint: Sized + Send + 'static {
    /// The run loop's half of the ring.
    type Half: Send + 'static;
    const DIRECTION: Direction;

    /// A callback and the other half of its ring.
    fn pair(
        format: DeviceFormat,
        channels: Channels,
        counters: Arc<Counters>,
        wake: Wake,
    ) -> (Self, Self::Half);

    /// What the device can do.
    fn ranges(device: &Device) -> Result<Vec<SupportedStreamConfigRange>, cpal::Error>;

    /// Joins the callback to the device, for samples of one type.
    fn build<T>(
        self,
        device: &Device,
        config: StreamConfig,
        on_error: impl FnMut(cpal::Error) + Send + 'static,
    ) -> Result<Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32>,
        f32: FromSample<T>;

    /// Does what a device would that is silent, for this many frames.
    fn stand_in(&mut self, frames: usize);
}

impl Endpoint for CaptureCallback {
    type Half = ringbuf::HeapCons<f32>;
    const DIRECTION: Direction = Direction::Input;

    fn pair(
        format: DeviceFormat,
        channels: Channels,
        counters: Arc<Counters>,
        wake: Wake,
    ) -> (Self, Self::Half) {
        CaptureCallback::new(format, channels, counters, wake)
    }

    fn ranges(device: &Device) -> Result<Vec<SupportedStreamConfigRange>, cpal::Error> {
        Ok(device.supported_input_configs()?.collect())
    }

    fn build<T>(
        mut self,
        device: &Device,
        config: StreamConfig,
        on_error: impl FnMut(cpal::Error) + Send + 'static,
    ) -> Result<Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32>,
        f32: FromSample<T>,
    {
        let on_data = move |data: &[T], _: &cpal::InputCallbackInfo| self.on_data(data, f32::from_sample_);
        device.build_input_stream::<T, _, _>(config, on_data, on_error, Some(MAX_OPEN))
    }

    fn stand_in(&mut self, frames: usize) {
        for _ in 0..frames.div_ceil(480) {
            self.on_data(&[0.0f32; 480], |sample| sample);
        }
    }
}

impl Endpoint for PlaybackCallback {
    type Half = ringbuf::HeapProd<f32>;
    const DIRECTION: Direction = Direction::Output;

    fn pair(
        format: DeviceFormat,
        channels: Channels,
        counters: Arc<Counters>,
        wake: Wake,
    ) -> (Self, Self::Half) {
        PlaybackCallback::new(format, channels, counters, wake)
    }

    fn ranges(device: &Device) -> Result<Vec<SupportedStreamConfigRange>, cpal::Error> {
        Ok(device.supported_output_configs()?.collect())
    }

    fn build<T>(
        mut self,
        device: &Device,
        config: StreamConfig,
        on_error: impl FnMut(cpal::Error) + Send + 'static,
    ) -> Result<Stream, cpal::Error>
    where
        T: SizedSample + FromSample<f32>,
        f32: FromSample<T>,
    {
        // Integers wrap in the conversion, so what is too loud is cut off before it.
        let convert = |sample: f32| T::from_sample_(sample.clamp(-1.0, 1.0));
        let on_data = move |data: &mut [T], _: &cpal::OutputCallbackInfo| self.on_data(data, convert);
        device.build_output_stream::<T, _, _>(config, on_data, on_error, Some(MAX_OPEN))
    }

    fn stand_in(&mut self, frames: usize) {
        for _ in 0..frames.div_ceil(480) {
            self.on_data(&mut [0.0f32; 480], |sample| sample);
        }
    }
}

/// A stream that was built and does not run yet.
pub(super) struct Built<E: Endpoint> {
    pub(super) stream: Stream,
    /// A second stream of the same device that nobody hears; see [`pacemaker`].
    pub(super) pacemaker: Option<Stream>,
    pub(super) half: E::Half,
    pub(super) format: DeviceFormat,
    pub(super) fault: Arc<Fault>,
}

/// A stream of a PulseAudio microphone in callbacks of `frames`, whose sound is thrown away.
///
/// The server moves sound at the shortest period that any stream of a device asks for, and hands each stream what has
/// come. The stream that is heard asks for [`PULSE_ROOM`] callbacks to have the room, and would get its sound in
/// pieces as long; this one keeps the pieces short. Without it the call only has more delay.
fn pacemaker(device: &Device, heard: StreamConfig, frames: u32) -> Option<Stream> {
    let config = StreamConfig { buffer_size: BufferSize::Fixed(frames), ..heard };
    let built = device.build_input_stream::<f32, _, _>(config, |_, _| (), |_| (), Some(MAX_OPEN));
    built.inspect_err(|error| tracing::debug!(%error, "a microphone without a pacemaker")).ok()
}

/// Builds a stream on `device` with the smallest callbacks that it takes, but for the first `passed_over` of
/// [`CALLBACK_FRAMES`]; `watcher` is unparked when it breaks.
pub(super) fn build<E: Endpoint>(
    device: &Device,
    passed_over: usize,
    channels: Channels,
    counters: &Arc<Counters>,
    wake: &Wake,
    watcher: &Thread,
) -> Result<Built<E>, Error> {
    let failed = |error: cpal::Error| Error::Device { reason: format!("{device} cannot be opened: {error}") };
    let ranges = E::ranges(device).map_err(failed)?;
    let choice = choose(ranges.into_iter(), channels)
        .ok_or_else(|| Error::Device { reason: format!("{device} offers no format that can be used") })?;
    let mut refused = None;
    for frames in callback_sizes(&choice, passed_over) {
        let fault = Arc::new(Fault::default());
        let on_error = {
            let (fault, watcher) = (fault.clone(), watcher.clone());
            move |error: cpal::Error| {
                fault.note(error.kind());
                watcher.unpark();
            }
        };
        let (endpoint, half) = E::pair(choice.device, channels, counters.clone(), wake.clone());
        let room =
            if E::DIRECTION == Direction::Input && hosts::is_pulseaudio(device) { PULSE_ROOM } else { 1 };
        let config = StreamConfig {
            channels: choice.device.channels as u16,
            sample_rate: choice.device.rate_hz,
            buffer_size: BufferSize::Fixed(frames * room),
        };
        let built = match choice.sample {
            SampleFormat::I16 => endpoint.build::<i16>(device, config, on_error),
            SampleFormat::I32 => endpoint.build::<i32>(device, config, on_error),
            SampleFormat::I24 => endpoint.build::<I24>(device, config, on_error),
            SampleFormat::U16 => endpoint.build::<u16>(device, config, on_error),
            SampleFormat::U8 => endpoint.build::<u8>(device, config, on_error),
            SampleFormat::F64 => endpoint.build::<f64>(device, config, on_error),
            _ => endpoint.build::<f32>(device, config, on_error),
        };
        match built {
            Ok(stream) => {
                let pacemaker = (room > 1).then(|| pacemaker(device, config, frames)).flatten();
                return Ok(Built { stream, pacemaker, half, format: choice.device, fault });
            }
            Err(error) if error.kind() == ErrorKind::UnsupportedConfig => refused = Some(error),
            Err(error) => return Err(failed(error)),
        }
    }
    Err(refused.map_or_else(|| Error::Device { reason: format!("{device} cannot be opened") }, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUFFER: SupportedBufferSize = SupportedBufferSize::Range { min: 64, max: 300 };

    fn range(channels: u16, min: u32, max: u32, format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, min, max, BUFFER, format)
    }

    fn chosen(ranges: &[SupportedStreamConfigRange], channels: Channels) -> (u32, usize, SampleFormat) {
        let choice = choose(ranges.iter().copied(), channels).unwrap();
        (choice.device.rate_hz, choice.device.channels, choice.sample)
    }

    #[test]
    fn the_rate_of_the_call_counts_most_then_its_channels_then_the_format() {
        let ranges = [
            range(1, 8_000, 44_100, SampleFormat::F32),
            range(2, 8_000, 192_000, SampleFormat::I16),
            range(6, 8_000, 192_000, SampleFormat::F32),
            range(2, 8_000, 192_000, SampleFormat::I32),
        ];
        assert_eq!(chosen(&ranges, Channels::Stereo), (48_000, 2, SampleFormat::I16));
        assert_eq!(chosen(&ranges, Channels::Mono), (48_000, 2, SampleFormat::I16));
        assert_eq!(chosen(&ranges[..1], Channels::Stereo), (44_100, 1, SampleFormat::F32));
    }

    #[test]
    fn formats_that_cannot_be_converted_are_passed_over() {
        assert_eq!(choose([range(2, 48_000, 48_000, SampleFormat::DsdU8)].into_iter(), Channels::Mono), None);
        assert_eq!(choose([].into_iter(), Channels::Mono), None);
    }

    #[test]
    fn callback_sizes_keep_to_what_the_device_can_do() {
        let choice =
            choose([range(2, 96_000, 96_000, SampleFormat::F32)].into_iter(), Channels::Mono).unwrap();
        assert_eq!(callback_sizes(&choice, 0).collect::<Vec<_>>(), [300; 4]);
        let choice = Choice { buffer: SupportedBufferSize::Unknown, ..choice };
        assert_eq!(callback_sizes(&choice, 1).collect::<Vec<_>>(), [960, 1920, 3840]);
    }

    #[test]
    fn errors_that_pass_are_no_fault() {
        let fault = Fault::default();
        fault.note(ErrorKind::Xrun);
        assert_eq!(fault.reason(), None);
        fault.note(ErrorKind::DeviceNotAvailable);
        assert_eq!(fault.reason(), Some("the device was unplugged"));
    }
}
