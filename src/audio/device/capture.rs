//! The run loop's half of a microphone.

use std::sync::{
    Arc,
    atomic::Ordering::{Relaxed, Release},
    mpsc,
};

use ringbuf::{
    HeapCons,
    traits::{Consumer, Observer},
};

use super::{
    CaptureCallback, DeviceFormat, EndEvent, LiveInput, Wake,
    callback::Counters,
    link::{Link, Message},
};
use crate::audio::{
    Channels, Error, SAMPLE_RATE,
    resample::{Quality, Resampler},
};

/// Samples that are taken out of the ring at once.
const BLOCK_SAMPLES: usize = 960;

/// Recorded sound on its way into the call: at the call's rate, whatever the card's.
pub(super) struct Capture {
    link: Link<HeapCons<f32>>,
    ring: Option<HeapCons<f32>>,
    resampler: Resampler,
    /// Converted sound that was not read yet, from `taken` on.
    converted: Vec<f32>,
    taken: usize,
    channels: Channels,
    counters: Arc<Counters>,
    rate_hz: u32,
    event: Option<EndEvent>,
}

/// A sound card of the embedder's own that records: call [`CaptureCallback::on_data`] with what it gives, on whatever
/// thread it gives it; it is heard in the [`LiveInput`]. `wake` is called after each callback.
///
/// # Errors
/// [`Error::Resample`] for a rate that cannot be converted.
pub fn capture(
    format: DeviceFormat,
    channels: Channels,
    wake: Wake,
) -> Result<(CaptureCallback, LiveInput), Error> {
    let counters = Arc::new(Counters::default());
    let (callback, ring) = CaptureCallback::new(format, channels, counters.clone(), wake);
    let (_, messages) = mpsc::channel();
    let mut capture = Capture::new(Link::new(messages, None), channels, counters)?;
    capture.open(ring, format.rate_hz)?;
    Ok((callback, LiveInput::device(capture)))
}

impl Capture {
    pub(super) fn new(
        link: Link<HeapCons<f32>>,
        channels: Channels,
        counters: Arc<Counters>,
    ) -> Result<Capture, Error> {
        Ok(Capture {
            link,
            ring: None,
            resampler: Resampler::new(SAMPLE_RATE, SAMPLE_RATE, channels.count(), Quality::Live)?,
            converted: Vec::with_capacity(8 * BLOCK_SAMPLES),
            taken: 0,
            channels,
            counters,
            rate_hz: SAMPLE_RATE,
            event: None,
        })
    }

    /// Goes on with another ring: the card was opened, or opened again.
    fn open(&mut self, ring: HeapCons<f32>, rate_hz: u32) -> Result<(), Error> {
        self.resampler = Resampler::new(rate_hz, SAMPLE_RATE, self.channels.count(), Quality::Live)?;
        self.rate_hz = rate_hz;
        self.ring = Some(ring);
        Ok(())
    }

    pub(super) fn start(&mut self) {
        self.converted.clear();
        self.taken = 0;
        if let Some(ring) = &mut self.ring {
            ring.clear();
        }
        self.counters.started.store(true, Release);
    }

    pub(super) fn stop(&mut self) {
        self.counters.started.store(false, Release);
    }

    pub(super) fn read(&mut self, out: &mut [f32]) -> usize {
        let mut filled = 0;
        while filled < out.len() {
            let ready = &self.converted[self.taken..];
            if ready.is_empty() {
                if self.convert() { continue } else { break }
            }
            let moved = ready.len().min(out.len() - filled);
            out[filled..filled + moved].copy_from_slice(&ready[..moved]);
            self.taken += moved;
            filled += moved;
        }
        filled
    }

    /// Converts one block of what was recorded; false if there is none.
    fn convert(&mut self) -> bool {
        self.converted.clear();
        self.taken = 0;
        self.receive();
        let mut block = [0.0; BLOCK_SAMPLES];
        let read = self.ring.as_mut().map_or(0, |ring| ring.pop_slice(&mut block));
        let converted = &mut self.converted;
        self.resampler.process(&block[..read], |samples| converted.extend_from_slice(samples));
        read > 0
    }

    /// Takes what the device's thread tells, up to the next event; sound that was recorded before is read first.
    fn receive(&mut self) {
        while self.event.is_none() && self.ring.as_ref().is_none_or(|ring| ring.is_empty()) {
            match self.link.poll() {
                None => return,
                Some(Message::Event(event)) => self.event = Some(event),
                Some(Message::Opened { half, format }) => {
                    if let Err(error) = self.open(half, format.rate_hz) {
                        self.event = Some(EndEvent::Failed { reason: error.to_string() });
                    }
                }
            }
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<EndEvent> {
        self.receive();
        self.event.take()
    }

    pub(super) fn overrun_samples(&self) -> u64 {
        let frames = self.counters.lost_frames.load(Relaxed);
        frames * u64::from(SAMPLE_RATE) / u64::from(self.rate_hz) * self.channels.count() as u64
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.counters.closed.store(true, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_card_of_another_rate_records_is_heard_at_48_khz() {
        let format = DeviceFormat { rate_hz: 44_100, channels: 2 };
        let (mut callback, mut input) = capture(format, Channels::Mono, Arc::new(|| {})).unwrap();
        callback.on_data(&[0.5f32; 882], |sample| sample);
        input.start();
        let (mut heard, mut out) = (Vec::new(), [0.0; 100]);
        for block in 0..100 {
            // Callbacks of uneven sizes, 44100 frames in all.
            let frames = if block % 2 == 0 { 400 } else { 482 };
            callback.on_data(&vec![0.5f32; frames * 2], |sample| sample);
            loop {
                let read = input.read(&mut out);
                heard.extend_from_slice(&out[..read]);
                if read == 0 {
                    break;
                }
            }
        }
        assert!((47_950..=48_000).contains(&heard.len()), "{}", heard.len());
        assert!(heard[100..].iter().all(|&sample| (sample - 0.5).abs() < 0.01));
        assert_eq!(input.overrun_samples(), 0);
    }
}
