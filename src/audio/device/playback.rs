//! The run loop's half of a speaker.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Relaxed, Release},
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
    demand::Demand,
    link::{Link, Message},
    margin::Margin,
};
use crate::audio::{
    Channels, Error, SAMPLE_RATE,
    resample::{Quality, Resampler},
};

/// The callback that is reckoned with before the first one was seen: longer than most. What of it was too much is taken before
/// more is rendered.
const FIRST_CALLBACK: Duration = Duration::from_millis(20);

/// An output whose device says when it wants sound: a speaker.
///
/// After each wake, and when [`DeviceOutput::deadline`] has come, the run loop calls [`DeviceOutput::poll_event`] until it
/// gives nothing, then renders and [writes](DeviceOutput::write) as long as [`DeviceOutput::poll_due`] says that sound is due, in
/// pieces of any length. So little lies ready that it must not dawdle.
pub struct DeviceOutput {
    link: Link<HeapProd<f32>>,
    open: Option<Box<Open>>,
    channels: Channels,
    counters: Arc<Counters>,
    /// Lost frames that the margin already answers for.
    seen_lost: u64,
    /// Frames that lay ready before what was written last.
    ready_before: usize,
    event: Option<EndEvent>,
}

/// Sound that is to be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Since when.
    pub since: Instant,
    /// How many samples per channel at 48 kHz have become due since then.
    pub overdue: usize,
}

/// A device that is open, or what stands in for it.
struct Open {
    ring: HeapProd<f32>,
    rate_hz: u32,
    resampler: Resampler,
    demand: Demand,
    margin: Margin,
    opened: Instant,
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
    output.open = Some(Box::new(Open::new(ring, format.rate_hz, channels, 0, now)?));
    Ok((callback, output))
}

impl Open {
    /// For a device that has taken so many frames before.
    fn new(
        ring: HeapProd<f32>,
        rate_hz: u32,
        channels: Channels,
        taken: u64,
        now: Instant,
    ) -> Result<Open, Error> {
        let resampler = Resampler::new(SAMPLE_RATE, rate_hz, channels.count(), Quality::Live)?;
        let (demand, margin) = (Demand::new(rate_hz, taken, now), Margin::new(now));
        Ok(Open { ring, rate_hz, resampler, demand, margin, opened: now })
    }

    /// When more has to lie ready than `ready` frames.
    fn deadline(&self, ready: usize) -> Option<Instant> {
        if self.ring.is_full() {
            return None;
        }
        let further = ready as f64 - self.demand.frames(self.margin.get());
        if self.demand.is_known() {
            return self.demand.when(further);
        }
        (further < self.demand.frames(FIRST_CALLBACK)).then_some(self.opened)
    }
}

impl DeviceOutput {
    pub(super) fn new(
        link: Link<HeapProd<f32>>,
        channels: Channels,
        counters: Arc<Counters>,
    ) -> DeviceOutput {
        DeviceOutput { link, open: None, channels, counters, seen_lost: 0, ready_before: 0, event: None }
    }

    /// Channels of the samples that it takes.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// The sound that is due at `now`, if any is.
    pub fn poll_due(&mut self, now: Instant) -> Option<Due> {
        self.receive(now);
        // In this order: a callback counts what it takes before it takes it, so what it took is never missed here and not
        // counted there.
        let ready = self.ready();
        self.observe(now);
        let open = self.open.as_ref()?;
        let since = open.deadline(ready).filter(|&since| since <= now)?;
        let since = if open.demand.is_known() { since } else { now };
        let overdue = (now - since).as_micros() as u64 * u64::from(SAMPLE_RATE) / 1_000_000;
        Some(Due { since, overdue: overdue as usize })
    }

    /// When sound will be due, by what was seen of the device last. `None` until it shows that it goes on.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.as_ref()?.deadline(self.ready())
    }

    /// Takes in what the device did.
    fn observe(&mut self, now: Instant) {
        let Some(open) = &mut self.open else { return };
        let taken = self.counters.frames.load(Acquire);
        open.demand.observe(taken, self.counters.largest.swap(0, Relaxed), now);
        let lost = self.counters.lost_frames.load(Relaxed);
        if lost > self.seen_lost {
            self.seen_lost = lost;
            open.margin.on_underrun(now);
        }
        open.margin.update(now);
    }

    /// Frames of the device that lie ready.
    fn ready(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.ring.occupied_len() / self.channels.count())
    }

    /// Takes rendered sound, whole interleaved frames at 48 kHz. More than half a second ahead of the card is dropped.
    pub fn write(&mut self, samples: &[f32]) {
        self.ready_before = self.ready();
        let Some(open) = &mut self.open else { return };
        let count = self.channels.count();
        open.resampler.process(samples, |block| {
            let room = open.ring.vacant_len() / count * count;
            open.ring.push_slice(&block[..block.len().min(room)]);
        });
    }

    /// How long the sound that lies ready lasts.
    pub fn queued(&self) -> Duration {
        self.lasts(self.ready())
    }

    /// How long the sound lasts that lay ready before what was written last: the delay that this output adds to the device's
    /// own.
    pub fn delay(&self) -> Duration {
        self.lasts(self.ready_before)
    }

    /// How long so many frames of the device last.
    fn lasts(&self, frames: usize) -> Duration {
        self.open
            .as_ref()
            .map_or(Duration::ZERO, |open| Duration::from_secs_f64(frames as f64 / f64::from(open.rate_hz)))
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
                    let taken = self.counters.frames.load(Acquire);
                    match Open::new(half, format.rate_hz, self.channels, taken, now) {
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

    const MS: usize = 48;

    /// A card in virtual time, and a run loop that keeps its deadlines.
    struct Rig {
        callback: PlaybackCallback,
        output: DeviceOutput,
        began: Instant,
        rendered: usize,
        /// Ready, in microseconds, at least, just before a callback.
        least_ready_us: u128,
    }

    impl Rig {
        fn new(rate_hz: u32) -> Rig {
            let began = Instant::now();
            let format = DeviceFormat { rate_hz, channels: 2 };
            let (callback, output) = playback(format, Channels::Mono, Arc::new(|| {}), began).unwrap();
            Rig { callback, output, began, rendered: 0, least_ready_us: u128::MAX }
        }

        /// Renders what is due at `now`, in pieces of `piece` samples.
        fn pump(&mut self, now: Instant, piece: usize) {
            while let Some(due) = self.output.poll_due(now) {
                assert!(due.since <= now);
                self.output.write(&vec![0.5; piece]);
                self.rendered += piece;
            }
        }

        /// Lets the loop run up to `until`.
        fn run(&mut self, until: Instant, piece: usize) {
            while let Some(deadline) = self.output.deadline().filter(|&deadline| deadline < until) {
                self.pump(deadline.max(self.began) + Duration::from_nanos(1), piece);
            }
        }

        /// Callbacks of `frames`, one after the other, each at its time.
        fn play(&mut self, callbacks: std::ops::Range<u32>, frames: usize, rate_hz: u32, piece: usize) {
            for n in callbacks {
                let at = self.began + Duration::from_secs_f64(n as f64 * frames as f64 / f64::from(rate_hz));
                self.run(at, piece);
                if n > 20 {
                    self.least_ready_us = self.least_ready_us.min(self.output.queued().as_micros());
                }
                self.callback.on_data(&mut vec![0.0; 2 * frames], |sample| sample);
                self.pump(at, piece);
            }
        }
    }

    #[test]
    fn what_a_card_takes_is_ready_by_the_margin_before_and_no_earlier() {
        for (frames, piece) in [(240, 480), (480, 480), (441, 120), (1024, 480), (1920, 60)] {
            let mut rig = Rig::new(48_000);
            rig.pump(rig.began, piece);
            rig.play(0..500, frames, 48_000, piece);
            let ready = rig.least_ready_us;
            let least = (frames as u128 * 1_000_000).div_ceil(48_000) + 2400;
            let most = least + 200 + (piece as u128 * 1_000_000) / 48_000;
            assert!((least..most).contains(&ready), "{frames} in pieces of {piece}: {ready} us");
        }
    }

    #[test]
    fn a_card_that_found_too_little_gets_more() {
        let mut rig = Rig::new(48_000);
        rig.pump(rig.began, 5 * MS);
        rig.play(0..100, 10 * MS, 48_000, 5 * MS);
        let before = rig.output.underrun_frames();
        rig.callback.on_data(&mut vec![0.0; 2 * 100 * MS], |sample| sample);
        assert!(rig.output.underrun_frames() > before);
        let deeper = |rig: &mut Rig, from| {
            rig.least_ready_us = u128::MAX;
            rig.play(from..from + 100, 10 * MS, 48_000, 5 * MS);
            rig.least_ready_us
        };
        assert!(deeper(&mut rig, 110) > 10_000 + 4900);
    }

    #[test]
    fn a_card_that_stands_still_gets_no_more_than_it_could_have_taken() {
        let mut rig = Rig::new(48_000);
        rig.pump(rig.began, 5 * MS);
        rig.play(0..100, 10 * MS, 48_000, 5 * MS);
        rig.run(rig.began + Duration::from_secs(60), 5 * MS);
        assert!(rig.output.queued() < Duration::from_millis(10 + 20 + 3 + 5));
    }

    #[test]
    fn a_card_of_another_rate_plays_in_time() {
        let mut rig = Rig::new(44_100);
        rig.pump(rig.began, 60);
        rig.play(0..1000, 441, 44_100, 60);
        let played = 1000 * 480;
        assert!((played..played + 10 * MS).contains(&rig.rendered), "{}", rig.rendered);
        assert_eq!(rig.output.underrun_frames(), 0);
    }

    #[test]
    fn a_loop_that_is_held_up_is_told_by_how_much() {
        let mut rig = Rig::new(48_000);
        rig.pump(rig.began, 5 * MS);
        rig.play(0..100, 10 * MS, 48_000, 5 * MS);
        let deadline = rig.output.deadline().unwrap();
        let due = rig.output.poll_due(deadline + Duration::from_millis(3)).unwrap();
        assert_eq!((due.since, due.overdue), (deadline, 3 * MS));
    }
}
