//! The run loop's half of a speaker.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, Release},
        mpsc,
    },
    time::{Duration, Instant},
};

use ringbuf::{
    HeapProd,
    traits::{Observer, Producer},
};

use super::{
    DeviceFormat, EndEvent, PlaybackCallback, Wake,
    callback::Counters,
    depth::DepthTuner,
    link::{Link, Message},
};
use crate::audio::{
    Channels, Error, SAMPLE_RATE,
    resample::{Quality, Resampler},
};

/// The callback that is reckoned with before the first one was seen, in frames at 48 kHz.
const FIRST_CALLBACK_FRAMES: usize = 240;

/// An output whose device says when it wants sound: a speaker.
///
/// After each wake the run loop renders [`DeviceOutput::wanted`] samples and gives them to [`DeviceOutput::write`], then
/// calls [`DeviceOutput::poll_event`] until it gives nothing. So little lies ready that it must not dawdle.
pub struct DeviceOutput {
    link: Link<HeapProd<f32>>,
    open: Option<Box<Open>>,
    channels: Channels,
    counters: Arc<Counters>,
    /// Lost frames that the depth already answers for.
    seen_lost: u64,
    event: Option<EndEvent>,
}

/// A device that is open, or what stands in for it.
struct Open {
    ring: HeapProd<f32>,
    rate_hz: u32,
    resampler: Resampler,
    depth: DepthTuner,
}

/// A sound card of the embedder's own that plays: call [`PlaybackCallback::on_data`] with what it wants filled, on whatever
/// thread it asks; what it plays is given to the [`DeviceOutput`]. `wake` is called after each callback.
///
/// # Errors
/// [`Error::Resample`] for a rate that cannot be converted.
pub fn playback(
    format: DeviceFormat,
    channels: Channels,
    wake: Wake,
    now: Instant,
) -> Result<(PlaybackCallback, DeviceOutput), Error> {
    let counters = Arc::new(Counters::default());
    let (callback, ring) = PlaybackCallback::new(format, channels, counters.clone(), wake);
    let (_, messages) = mpsc::channel();
    let mut output = DeviceOutput::new(Link::new(messages, None), channels, counters);
    output.open = Some(Box::new(Open::new(ring, format.rate_hz, channels, now)?));
    Ok((callback, output))
}

impl Open {
    fn new(ring: HeapProd<f32>, rate_hz: u32, channels: Channels, now: Instant) -> Result<Open, Error> {
        let resampler = Resampler::new(SAMPLE_RATE, rate_hz, channels.count(), Quality::Live)?;
        let callback = FIRST_CALLBACK_FRAMES * rate_hz as usize / SAMPLE_RATE as usize;
        Ok(Open { ring, rate_hz, resampler, depth: DepthTuner::new(rate_hz, callback, now) })
    }
}

impl DeviceOutput {
    pub(super) fn new(
        link: Link<HeapProd<f32>>,
        channels: Channels,
        counters: Arc<Counters>,
    ) -> DeviceOutput {
        DeviceOutput { link, open: None, channels, counters, seen_lost: 0, event: None }
    }

    /// Channels of the samples that it takes.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// How many interleaved samples at 48 kHz shall be rendered and written now; 0 if enough lies ready.
    pub fn wanted(&mut self, now: Instant) -> usize {
        self.receive(now);
        let Some(open) = &mut self.open else { return 0 };
        let lost = self.counters.lost_frames.load(Relaxed);
        if lost > self.seen_lost {
            self.seen_lost = lost;
            open.depth.on_underrun(now);
        }
        open.depth.on_callback(self.counters.largest.swap(0, Relaxed), now);
        let ready = open.ring.occupied_len() / self.channels.count();
        let missing = open.depth.frames(now).saturating_sub(ready);
        (missing * SAMPLE_RATE as usize).div_ceil(open.rate_hz as usize) * self.channels.count()
    }

    /// Takes rendered sound, whole interleaved frames at 48 kHz. More than half a second ahead of the card is dropped.
    pub fn write(&mut self, samples: &[f32]) {
        let Some(open) = &mut self.open else { return };
        let count = self.channels.count();
        open.resampler.process(samples, |block| {
            let room = open.ring.vacant_len() / count * count;
            open.ring.push_slice(&block[..block.len().min(room)]);
        });
    }

    /// How long the sound that lies ready lasts: the delay that this output adds to the device's own.
    pub fn queued(&self) -> Duration {
        self.open.as_ref().map_or(Duration::ZERO, |open| {
            let frames = open.ring.occupied_len() / self.channels.count();
            Duration::from_secs_f64(frames as f64 / f64::from(open.rate_hz))
        })
    }

    /// What happened to it.
    pub fn poll_event(&mut self, now: Instant) -> Option<EndEvent> {
        self.receive(now);
        self.event.take()
    }

    /// Frames of the device that it played without sound, because there was too little ready.
    pub fn underrun_frames(&self) -> u64 {
        self.counters.lost_frames.load(Relaxed)
    }

    /// Takes what its thread tells, up to the next event.
    fn receive(&mut self, now: Instant) {
        while self.event.is_none() {
            match self.link.poll() {
                None => return,
                Some(Message::Event(event)) => self.event = Some(event),
                Some(Message::Opened { half, format }) => {
                    match Open::new(half, format.rate_hz, self.channels, now) {
                        Ok(open) => self.open = Some(Box::new(open)),
                        Err(error) => self.event = Some(EndEvent::Failed { reason: error.to_string() }),
                    }
                }
            }
        }
    }
}

impl Drop for DeviceOutput {
    fn drop(&mut self) {
        self.counters.closed.store(true, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(rate_hz: u32) -> (PlaybackCallback, DeviceOutput, Instant) {
        let now = Instant::now();
        let format = DeviceFormat { rate_hz, channels: 2 };
        let (callback, output) = playback(format, Channels::Mono, Arc::new(|| {}), now).unwrap();
        (callback, output, now)
    }

    #[test]
    fn it_wants_as_much_as_the_card_took() {
        let (mut callback, mut output, now) = output(48_000);
        let first = output.wanted(now);
        output.write(&vec![0.5; first]);
        assert_eq!(output.wanted(now), 0);
        callback.on_data(&mut [0.0; 2 * 100], |sample| sample);
        assert_eq!(output.wanted(now), 100);
        assert_eq!(output.queued(), Duration::from_secs_f64((first - 100) as f64 / 48_000.0));
    }

    #[test]
    fn a_card_that_found_too_little_gets_more() {
        let (mut callback, mut output, now) = output(48_000);
        let first = output.wanted(now);
        output.write(&vec![0.5; first]);
        callback.on_data(&mut vec![0.0; 2 * (first + 10)], |sample| sample);
        assert_eq!(output.underrun_frames(), 10);
        assert!(output.wanted(now) > first + 10);
    }

    #[test]
    fn a_card_of_another_rate_plays_in_time() {
        let (mut callback, mut output, now) = output(44_100);
        let (mut rendered, mut played) = (0, 0);
        for _ in 0..441 {
            let wanted = output.wanted(now);
            output.write(&vec![0.5; wanted]);
            rendered += wanted;
            callback.on_data(&mut [0.0; 200], |sample| sample);
            played += 100;
        }
        assert_eq!(played, 44_100);
        assert!((48_000..48_700).contains(&rendered), "{rendered}");
        assert_eq!(output.underrun_frames(), 0);
    }
}
