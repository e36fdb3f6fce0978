//! What runs on the sound card's own thread, a few hundred times a second.
//!
//! Architecture Invariant: nothing here allocates, locks, logs, reads a clock or blocks. A callback moves samples
//! between the card's buffer and its half of a ring, counts in atomics, and wakes the run loop. A test with a counting
//! allocator runs this code.

use std::sync::{
    Arc,
    atomic::{
        AtomicBool, AtomicU64, AtomicUsize,
        Ordering::{Relaxed, Release},
    },
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};

use super::Wake;
use crate::audio::Channels;

/// How much recorded sound waits for the run loop, in milliseconds. It takes it within one; this is for a loop that was
/// held up.
const CAPTURE_RING_MS: usize = 500;

/// The most sound that waits for the card, in milliseconds: what the deepest output asks for, and the largest
/// callback beside it.
const PLAYBACK_RING_MS: usize = 500;

/// How fast the last sample fades when there is nothing to play: to a thousandth within a few milliseconds.
const FADE: f32 = 0.97;

/// How a sound card gives and takes samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceFormat {
    /// Frames a second.
    pub rate_hz: u32,
    /// Interleaved channels, at least 1.
    pub channels: usize,
}

/// What a callback counts and is told.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Callbacks since the end was opened: whoever watches sees whether the card lives.
    pub(super) callbacks: AtomicU64,
    /// Frames of the card that callbacks moved since then.
    pub(super) frames: AtomicU64,
    /// Frames of the card that were lost: recorded without room, or played without sound.
    pub(super) lost_frames: AtomicU64,
    /// Frames of the largest callback since somebody last set this to 0.
    pub(super) largest: AtomicUsize,
    /// Whether recorded sound is wanted yet.
    pub(super) started: AtomicBool,
    /// Whether the run loop's half is gone.
    pub(super) closed: AtomicBool,
}

impl Counters {
    fn on_callback(&self, frames: usize) {
        self.callbacks.fetch_add(1, Relaxed);
        self.largest.fetch_max(frames, Relaxed);
        self.frames.fetch_add(frames as u64, Release);
    }
}

/// The recording side of a sound card: hands what it records to a [`LiveInput`](super::LiveInput).
pub struct CaptureCallback {
    ring: HeapProd<f32>,
    counters: Arc<Counters>,
    wake: Wake,
    channels: Channels,
    device_channels: usize,
}

/// The playing side of a sound card: plays what a [`DeviceOutput`](super::DeviceOutput) was given.
pub struct PlaybackCallback {
    ring: HeapCons<f32>,
    counters: Arc<Counters>,
    wake: Wake,
    channels: Channels,
    device_channels: usize,
    /// Whether it ever had something to play: before that there is nothing to miss.
    primed: bool,
    last: [f32; 2],
}

/// A ring of this many milliseconds. Its size is a multiple of the channels, so that a frame never lies
/// astride its end and is seen whole or not at all.
fn ring(ms: usize, format: DeviceFormat, channels: Channels) -> HeapRb<f32> {
    HeapRb::new((format.rate_hz as usize * ms / 1000).max(1) * channels.count())
}

impl CaptureCallback {
    pub(super) fn new(
        format: DeviceFormat,
        channels: Channels,
        counters: Arc<Counters>,
        wake: Wake,
    ) -> (CaptureCallback, HeapCons<f32>) {
        let (ring, reader) = ring(CAPTURE_RING_MS, format, channels).split();
        (CaptureCallback { ring, counters, wake, channels, device_channels: format.channels }, reader)
    }

    /// Takes what the card recorded, interleaved in its own channels, any number of frames; `to_f32` converts one
    /// sample, without allocating or blocking.
    pub fn on_data<T: Copy>(&mut self, data: &[T], to_f32: impl Fn(T) -> f32) {
        let frames = data.len() / self.device_channels;
        self.counters.on_callback(frames);
        if !self.counters.started.load(Relaxed) {
            return;
        }
        let room = self.ring.vacant_len() / self.channels.count();
        let taken = data.chunks_exact(self.device_channels).take(room);
        match self.channels {
            Channels::Mono => {
                let share = 1.0 / self.device_channels as f32;
                self.ring.push_iter(taken.map(|f| f.iter().map(|&s| to_f32(s)).sum::<f32>() * share));
            }
            Channels::Stereo => {
                let right = 1.min(self.device_channels - 1);
                self.ring.push_iter(taken.flat_map(|f| [to_f32(f[0]), to_f32(f[right])]));
            }
        }
        self.counters.lost_frames.fetch_add(frames.saturating_sub(room) as u64, Relaxed);
        (self.wake)();
    }
}

impl PlaybackCallback {
    pub(super) fn new(
        format: DeviceFormat,
        channels: Channels,
        counters: Arc<Counters>,
        wake: Wake,
    ) -> (PlaybackCallback, HeapProd<f32>) {
        let (writer, ring) = ring(PLAYBACK_RING_MS, format, channels).split();
        let device_channels = format.channels;
        let (primed, last) = (false, [0.0; 2]);
        (PlaybackCallback { ring, counters, wake, channels, device_channels, primed, last }, writer)
    }

    /// Fills what the card wants to play, interleaved in its own channels, any number of frames; `from_f32` converts one
    /// sample (which may lie beyond ±1.0), without allocating or blocking. Missing sound fades out.
    pub fn on_data<T: Copy>(&mut self, data: &mut [T], from_f32: impl Fn(f32) -> T) {
        let wanted = data.len() / self.device_channels;
        // Before anything is taken: the other half reckons with the sum of what was taken and what is ready.
        self.counters.on_callback(wanted);
        let there = (self.ring.occupied_len() / self.channels.count()).min(wanted);
        let silence = from_f32(0.0);
        let mut samples = self.ring.pop_iter();
        for (at, frame) in data.chunks_mut(self.device_channels).enumerate() {
            let [left, right] = match self.channels {
                _ if at >= there => self.last.map(|sample| sample * FADE),
                Channels::Mono => [samples.next().unwrap_or(0.0); 2],
                Channels::Stereo => [samples.next().unwrap_or(0.0), samples.next().unwrap_or(0.0)],
            };
            self.last = [left, right];
            match frame {
                [only] => *only = from_f32((left + right) * 0.5),
                [front_left, front_right, others @ ..] => {
                    *front_left = from_f32(left);
                    *front_right = from_f32(right);
                    others.fill(silence);
                }
                [] => {}
            }
        }
        self.primed |= there > 0;
        if self.primed {
            self.counters.lost_frames.fetch_add((wanted - there) as u64, Relaxed);
        }
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: DeviceFormat = DeviceFormat { rate_hz: 48_000, channels: 2 };

    fn no_wake() -> Wake {
        Arc::new(|| {})
    }

    fn capture(
        device_channels: usize,
        channels: Channels,
    ) -> (CaptureCallback, HeapCons<f32>, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        counters.started.store(true, Relaxed);
        let format = DeviceFormat { channels: device_channels, ..CARD };
        let (callback, ring) = CaptureCallback::new(format, channels, counters.clone(), no_wake());
        (callback, ring, counters)
    }

    fn playback(
        device_channels: usize,
        channels: Channels,
    ) -> (PlaybackCallback, HeapProd<f32>, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let format = DeviceFormat { channels: device_channels, ..CARD };
        let (callback, ring) = PlaybackCallback::new(format, channels, counters.clone(), no_wake());
        (callback, ring, counters)
    }

    fn recorded(device_channels: usize, channels: Channels, data: &[i16]) -> Vec<f32> {
        let (mut callback, ring, _) = capture(device_channels, channels);
        callback.on_data(data, |sample| f32::from(sample) / 8.0);
        ring.iter().copied().collect()
    }

    #[test]
    fn recorded_channels_are_mixed_to_those_of_the_call() {
        assert_eq!(recorded(1, Channels::Mono, &[1, 2]), [0.125, 0.25]);
        assert_eq!(recorded(2, Channels::Mono, &[1, 3, 2, 2]), [0.25, 0.25]);
        assert_eq!(recorded(1, Channels::Stereo, &[1, 2]), [0.125, 0.125, 0.25, 0.25]);
        assert_eq!(recorded(2, Channels::Stereo, &[1, 2]), [0.125, 0.25]);
        assert_eq!(recorded(4, Channels::Stereo, &[1, 2, 8, 8]), [0.125, 0.25]);
    }

    #[test]
    fn nothing_is_recorded_before_the_start_but_the_card_is_seen_to_live() {
        let (mut callback, ring, counters) = capture(1, Channels::Mono);
        counters.started.store(false, Relaxed);
        callback.on_data(&[0.5f32; 10], |sample| sample);
        assert_eq!((ring.occupied_len(), counters.callbacks.load(Relaxed)), (0, 1));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let (mut callback, ring, counters) = capture(2, Channels::Stereo);
        for _ in 0..51 {
            callback.on_data(&[0.5f32; 960], |sample| sample);
        }
        assert_eq!(ring.occupied_len(), 2 * 24_000);
        assert_eq!(counters.lost_frames.load(Relaxed), 480);
    }

    fn played(device_channels: usize, channels: Channels, sound: &[f32], frames: usize) -> Vec<f32> {
        let (mut callback, mut ring, _) = playback(device_channels, channels);
        ring.push_slice(sound);
        let mut data = vec![9.0; frames * device_channels];
        callback.on_data(&mut data, |sample| sample);
        data
    }

    #[test]
    fn played_channels_are_those_of_the_card() {
        assert_eq!(played(1, Channels::Mono, &[0.1, 0.2], 2), [0.1, 0.2]);
        assert_eq!(played(2, Channels::Mono, &[0.1, 0.2], 2), [0.1, 0.1, 0.2, 0.2]);
        assert_eq!(played(4, Channels::Mono, &[0.1], 1), [0.1, 0.1, 0.0, 0.0]);
        assert_eq!(played(2, Channels::Stereo, &[0.1, 0.2], 1), [0.1, 0.2]);
        assert_eq!(played(1, Channels::Stereo, &[0.25, 0.75], 1), [0.5]);
    }

    #[test]
    fn missing_sound_fades_out_and_is_counted_once_there_was_some() {
        let (mut callback, mut ring, counters) = playback(1, Channels::Mono);
        let mut data = [9.0; 480];
        callback.on_data(&mut data, |sample| sample);
        assert_eq!((data, counters.lost_frames.load(Relaxed)), ([0.0; 480], 0));
        ring.push_slice(&[1.0; 100]);
        callback.on_data(&mut data, |sample| sample);
        assert_eq!(counters.lost_frames.load(Relaxed), 380);
        assert!(data.windows(2).all(|pair| pair[1] <= pair[0] && pair[0] - pair[1] < 0.05));
        assert!(data[479] < 0.001);
    }

    #[test]
    fn callbacks_of_any_size_play_every_sample_once() {
        let (mut callback, mut ring, _) = playback(1, Channels::Mono);
        let sound: Vec<f32> = (0..20_000).map(|i| i as f32).collect();
        ring.push_slice(&sound);
        let mut heard = Vec::new();
        for size in (1..=480).cycle() {
            let mut data = vec![0.0; size.min(sound.len() - heard.len())];
            callback.on_data(&mut data, |sample| sample);
            heard.extend_from_slice(&data);
            if heard.len() == sound.len() {
                break;
            }
        }
        assert_eq!(heard, sound);
    }
}
