//! A live input that somebody pushes into: the reader of a pipe, or a program that embeds the call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread::Thread,
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};

use super::{EndEvent, Wake};
use crate::audio::{Channels, SAMPLE_RATE};

/// How much sound waits for the run loop, in seconds. It takes it within a millisecond; a program that was stopped
/// for longer than this has lost the call's thread anyway.
const RING_SECONDS: usize = 2;

/// The run loop's half of a [`LiveWriter`].
pub(super) struct Pipe {
    ring: HeapCons<f32>,
    state: Arc<State>,
    events: mpsc::Receiver<EndEvent>,
    /// The thread that waits for the start, if it has to be told.
    writer: Option<Thread>,
    over: bool,
}

/// What both halves see.
#[derive(Default)]
struct State {
    started: AtomicBool,
    overrun_samples: AtomicU64,
}

/// The other half of a [`LiveInput`](super::LiveInput): what is pushed here is heard there. Dropping it ends the input.
pub struct LiveWriter {
    ring: HeapProd<f32>,
    state: Arc<State>,
    events: mpsc::Sender<EndEvent>,
    wake: Wake,
    channels: Channels,
}

impl Pipe {
    /// Both halves; `wake` is called after each push.
    pub(super) fn pair(channels: Channels, wake: Wake) -> (LiveWriter, Pipe) {
        let (prod, cons) = HeapRb::new(RING_SECONDS * SAMPLE_RATE as usize * channels.count()).split();
        let (events_in, events) = mpsc::channel();
        let state = Arc::new(State::default());
        let writer = LiveWriter { ring: prod, state: state.clone(), events: events_in, wake, channels };
        (writer, Pipe { ring: cons, state, events, writer: None, over: false })
    }

    /// Names the thread that is unparked by the start and by the end of this input.
    pub(super) fn set_writer(&mut self, writer: Thread) {
        self.writer = Some(writer);
    }

    /// Says that the call is connected: what is live and came before this moment is dropped.
    pub(super) fn start(&mut self) {
        // In this order: a writer that waits for the start pushes only once it sees it.
        self.ring.clear();
        self.state.started.store(true, Ordering::Release);
        if let Some(writer) = &self.writer {
            writer.unpark();
        }
    }

    /// Says that the call is over: until the next start it is as before the first.
    pub(super) fn stop(&mut self) {
        self.state.started.store(false, Ordering::Release);
    }

    /// Moves the sound that is there to the front of `out` and returns how many samples it was; 0 for none.
    pub(super) fn read(&mut self, out: &mut [f32]) -> usize {
        if self.state.started.load(Ordering::Relaxed) { self.ring.pop_slice(out) } else { 0 }
    }

    /// What else happened, once all sound that came before it was read.
    pub(super) fn poll_event(&mut self) -> Option<EndEvent> {
        if self.over || (!self.ring.is_empty() && self.state.started.load(Ordering::Relaxed)) {
            return None;
        }
        let event = match self.events.try_recv() {
            Ok(event) => event,
            Err(mpsc::TryRecvError::Empty) => return None,
            // The writer is gone: whatever it pushed before is in the ring by now.
            Err(mpsc::TryRecvError::Disconnected) if self.ring.is_empty() => EndEvent::Ended,
            Err(mpsc::TryRecvError::Disconnected) => return None,
        };
        self.over = matches!(event, EndEvent::Ended | EndEvent::Failed { .. });
        Some(event)
    }

    /// Samples (of all channels) that were lost because nobody read them.
    pub(super) fn overrun_samples(&self) -> u64 {
        self.state.overrun_samples.load(Ordering::Relaxed)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // A writer that waits for the start sees that it is not coming.
        if let Some(writer) = &self.writer {
            writer.unpark();
        }
    }
}

impl LiveWriter {
    /// Gives sound, whole interleaved frames, and returns how many samples there was room for. What there was no
    /// room for is for the caller to keep or to drop with [`LiveWriter::drop_samples`].
    pub fn push(&mut self, samples: &[f32]) -> usize {
        let whole = samples.len().min(self.ring.vacant_len()) / self.channels.count() * self.channels.count();
        let pushed = self.ring.push_slice(&samples[..whole]);
        if pushed > 0 {
            (self.wake)();
        }
        pushed
    }

    /// Counts samples that were lost for want of room.
    pub fn drop_samples(&mut self, samples: usize) {
        self.state.overrun_samples.fetch_add(samples as u64, Ordering::Relaxed);
    }

    /// Whether the call is connected: what is pushed before is not heard.
    pub fn is_started(&self) -> bool {
        self.state.started.load(Ordering::Acquire)
    }

    /// Whether the input was dropped: nobody will hear anything.
    pub fn is_closed(&self) -> bool {
        !self.ring.read_is_held()
    }

    /// Tells of something that is not sound.
    pub fn notify(&mut self, event: EndEvent) {
        // Nobody to tell is nobody who cares.
        let _ = self.events.send(event);
        (self.wake)();
    }
}

impl Drop for LiveWriter {
    fn drop(&mut self) {
        let _ = self.events.send(EndEvent::Ended);
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (LiveWriter, Pipe, Arc<AtomicU64>) {
        let woken = Arc::new(AtomicU64::new(0));
        let counter = woken.clone();
        let wake: Wake = Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let (writer, input) = Pipe::pair(Channels::Stereo, wake);
        (writer, input, woken)
    }

    #[test]
    fn what_is_pushed_is_heard_and_wakes_the_loop() {
        let (mut writer, mut input, woken) = pair();
        input.start();
        assert_eq!(writer.push(&[0.1, 0.2, 0.3, 0.4]), 4);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        let mut out = [0.0; 8];
        assert_eq!(input.read(&mut out), 4);
        assert_eq!(out[..4], [0.1, 0.2, 0.3, 0.4]);
        assert_eq!(input.read(&mut out), 0);
    }

    #[test]
    fn what_came_before_the_start_is_dropped() {
        let (mut writer, mut input, _) = pair();
        writer.push(&[0.1; 100]);
        assert_eq!(input.read(&mut [0.0; 100]), 0);
        assert!(!writer.is_started());
        input.start();
        assert!(writer.is_started());
        assert_eq!(input.read(&mut [0.0; 100]), 0);
    }

    #[test]
    fn a_full_ring_takes_whole_frames_and_says_how_many() {
        let (mut writer, mut input, _) = pair();
        input.start();
        let room = RING_SECONDS * 2 * SAMPLE_RATE as usize;
        assert_eq!(writer.push(&vec![0.1; room - 1]), room - 2);
        assert_eq!(writer.push(&[0.1; 10]), 2);
        writer.drop_samples(8);
        assert_eq!(input.overrun_samples(), 8);
    }

    #[test]
    fn the_end_comes_once_after_the_last_sound() {
        let (mut writer, mut input, _) = pair();
        input.start();
        writer.push(&[0.1; 4]);
        drop(writer);
        assert_eq!(input.poll_event(), None);
        input.read(&mut [0.0; 4]);
        assert_eq!(input.poll_event(), Some(EndEvent::Ended));
        assert_eq!(input.poll_event(), None);
    }

    #[test]
    fn a_writer_sees_that_nobody_listens() {
        let (writer, input, _) = pair();
        assert!(!writer.is_closed());
        drop(input);
        assert!(writer.is_closed());
    }
}
