//! Inputs that have a clock of their own.

use std::thread::Thread;

use super::{EndEvent, LiveWriter, Wake, capture::Capture, pipe::Pipe};
use crate::audio::Channels;

/// An input that gives sound when there is some: a microphone, PCM on stdin, a [`LiveWriter`] of the embedder's.
///
/// The run loop calls [`LiveInput::start`] once the call is connected. After each wake it calls
/// [`LiveInput::read`] until that gives nothing, then [`LiveInput::poll_event`] until that does.
pub struct LiveInput(Source);

enum Source {
    Pipe(Pipe),
    Device(Box<Capture>),
}

impl LiveInput {
    /// An input and the half that feeds it, for sound of a program's own. `wake` is called after each push.
    pub fn pair(channels: Channels, wake: Wake) -> (LiveWriter, LiveInput) {
        let (writer, pipe) = Pipe::pair(channels, wake);
        (writer, LiveInput(Source::Pipe(pipe)))
    }

    pub(super) fn device(capture: Capture) -> LiveInput {
        LiveInput(Source::Device(Box::new(capture)))
    }

    /// Names the thread that is unparked by the start and by the end of this input.
    pub(super) fn set_writer(&mut self, writer: Thread) {
        if let Source::Pipe(pipe) = &mut self.0 {
            pipe.set_writer(writer);
        }
    }

    /// Says that the call is connected: what is live and came before this moment is dropped.
    pub fn start(&mut self) {
        match &mut self.0 {
            Source::Pipe(pipe) => pipe.start(),
            Source::Device(capture) => capture.start(),
        }
    }

    /// Says that the call is over: until the next start nothing is heard and nobody is woken. What a live source gives
    /// meanwhile is dropped; a file on a pipe waits.
    pub fn stop(&mut self) {
        match &mut self.0 {
            Source::Pipe(pipe) => pipe.stop(),
            Source::Device(capture) => capture.stop(),
        }
    }

    /// Moves the sound that is there, whole interleaved frames at 48 kHz, to the front of `out` and returns how
    /// many samples it was; 0 for none. `out` holds whole frames.
    pub fn read(&mut self, out: &mut [f32]) -> usize {
        match &mut self.0 {
            Source::Pipe(pipe) => pipe.read(out),
            Source::Device(capture) => capture.read(out),
        }
    }

    /// What else happened, once all sound that came before it was read.
    pub fn poll_event(&mut self) -> Option<EndEvent> {
        match &mut self.0 {
            Source::Pipe(pipe) => pipe.poll_event(),
            Source::Device(capture) => capture.poll_event(),
        }
    }

    /// Samples (of all channels) that were lost because nobody read them.
    pub fn overrun_samples(&self) -> u64 {
        match &self.0 {
            Source::Pipe(pipe) => pipe.overrun_samples(),
            Source::Device(capture) => capture.overrun_samples(),
        }
    }
}
