//! The code that runs on the sound card's thread allocates nothing, whatever the card asks of it.
//!
//! An allocator that counts runs under this whole program; the tests run the callbacks themselves, the same ones that
//! are joined to a real card.
#![cfg(feature = "audio")]
#![expect(unsafe_code, reason = "an allocator is unsafe to write; this one only counts and passes on")]
#![allow(clippy::disallowed_methods, reason = "a moment to count from")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use handset::audio::{
    Channels, FrameLength, Sender, SenderConfig,
    device::{self, DeviceFormat, Wake},
};

struct Counting;

thread_local! {
    /// What this thread allocated and freed. Const and without a destructor, so that counting does neither.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller keeps the contract of this method, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above; `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `code` allocated or freed.
fn allocations(code: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    code();
    CALLS.get() - before
}

const FORMATS: [DeviceFormat; 6] = [
    DeviceFormat { rate_hz: 48_000, channels: 1 },
    DeviceFormat { rate_hz: 48_000, channels: 2 },
    DeviceFormat { rate_hz: 44_100, channels: 2 },
    DeviceFormat { rate_hz: 16_000, channels: 1 },
    DeviceFormat { rate_hz: 96_000, channels: 6 },
    DeviceFormat { rate_hz: 192_000, channels: 8 },
];

fn wake() -> (Wake, Arc<AtomicU64>) {
    let woken = Arc::new(AtomicU64::new(0));
    let counter = woken.clone();
    let wake = move || {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    (Arc::new(wake), woken)
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 2);
}

#[test]
fn recording_allocates_nothing_for_any_size_rate_channels_and_sample_format() {
    for format in FORMATS {
        for channels in [Channels::Mono, Channels::Stereo] {
            let (wake, woken) = wake();
            let (mut callback, mut input) = device::capture(format, channels, wake).unwrap();
            input.start();
            let (shorts, floats) = (vec![1i16; 480 * format.channels], vec![0.1f32; 480 * format.channels]);
            // Twice through all sizes, with nobody reading: the ring runs over, and that allocates nothing either.
            for size in (1..=480).chain(1..=480) {
                let count = allocations(|| {
                    callback
                        .on_data(&shorts[..size * format.channels], |sample| f32::from(sample) / 32_768.0);
                    callback.on_data(&floats[..size * format.channels], |sample| sample);
                });
                assert_eq!(count, 0, "{format:?} {size}");
            }
            assert_eq!(woken.load(Ordering::Relaxed), 4 * 480);
            assert!(format.rate_hz > 96_000 || input.overrun_samples() > 0);
        }
    }
}

#[test]
fn playing_allocates_nothing_for_any_size_rate_channels_and_sample_format() {
    for format in FORMATS {
        for channels in [Channels::Mono, Channels::Stereo] {
            let (wake, woken) = wake();
            let mut now = Instant::now();
            let (mut callback, mut output) = device::playback(format, channels, wake, now).unwrap();
            let (mut shorts, mut floats) =
                (vec![1i16; 480 * format.channels], vec![0.1f32; 480 * format.channels]);
            for size in 1..=480 {
                // Every third time it finds nothing ready.
                if size % 3 != 0 {
                    while output.poll_due(now).is_some() {
                        output.write(&vec![0.1; 240 * channels.count()]);
                    }
                }
                now += Duration::from_millis(10);
                let count = allocations(|| {
                    callback
                        .on_data(&mut shorts[..size * format.channels], |sample| (sample * 32_767.0) as i16);
                    callback.on_data(&mut floats[..size * format.channels], |sample| sample);
                });
                assert_eq!(count, 0, "{format:?} {size}");
            }
            assert_eq!(woken.load(Ordering::Relaxed), 2 * 480);
        }
    }
}

#[test]
fn the_run_loops_side_of_a_device_settles_to_allocating_nothing() {
    for format in FORMATS {
        let (capture_wake, _) = wake();
        let (playback_wake, _) = wake();
        let mut now = Instant::now();
        let (mut recording, mut input) = device::capture(format, Channels::Mono, capture_wake).unwrap();
        let (mut playing, mut output) = device::playback(format, Channels::Mono, playback_wake, now).unwrap();
        input.start();
        let mut card = vec![0.1f32; 480 * format.channels];
        let mut sound = vec![0.0; 48_000];
        let mut round = || {
            recording.on_data(&card, |sample| sample);
            while input.read(&mut sound[..960]) > 0 {}
            while output.poll_due(now).is_some() {
                output.write(&sound[..480]);
            }
            playing.on_data(&mut card, |sample| sample);
            now += Duration::from_millis(10);
        };
        round();
        assert_eq!(allocations(|| (0..100).for_each(|_| round())), 0, "{format:?}");
    }
}

#[test]
fn encoding_allocates_nothing_per_frame() {
    for frame in FrameLength::ALL {
        let config =
            SenderConfig { frame, expected_loss_percent: 10, redundancy_ms: 200, ..Default::default() };
        let mut sender = Sender::new(config).unwrap();
        let sound: Vec<f32> = (0..4800).map(|i| (i as f32 * 0.05).sin() * 0.3).collect();
        let now = Instant::now();
        let mut frames = 0;
        let mut second = || {
            for block in sound.chunks(441) {
                sender.push(block, now);
                while sender.poll_frame().is_some() {
                    frames += 1;
                }
            }
        };
        assert_eq!(allocations(&mut second), 0, "{frame} ms");
        assert_eq!(frames, 4800 / frame.samples());
    }
}
