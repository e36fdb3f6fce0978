//! Ends that the run loop paces: sources that it pulls, sinks that it renders to.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::mpsc,
    thread::{self, Thread},
    time::Duration,
};

use ringbuf::{
    HeapCons, HeapProd, HeapRb,
    traits::{Consumer, Observer, Producer, Split},
};

use super::{EndEvent, Wake};
use crate::audio::{Channels, Error, SAMPLE_RATE, pcm};

/// How much sound waits for a writer, in seconds: a disk or the reader of a pipe may stand still this long
/// before anything is lost.
const RING_SECONDS: usize = 2;

/// The most samples that are written in one go, so that the buffer is small.
const MAX_WRITE_SAMPLES: usize = 4800;

/// How long an output that is closed may take to write what it was given. A pipe that nobody reads would never.
const MAX_CLOSE: Duration = Duration::from_secs(2);

/// A writer with nothing to write looks this often whether it is closed, should it have missed the call.
const IDLE: Duration = Duration::from_secs(1);

/// A source that gives as much sound as it is asked for.
pub trait PacedSource: Send {
    /// Writes the next interleaved samples to the front of `out` and returns how many: fewer than all of it only
    /// if the source is over, or if its file is slower than real time.
    fn read(&mut self, out: &mut [f32]) -> usize;

    /// Whether all of it was read.
    fn is_over(&self) -> bool;
}

/// Where samples are written, on a thread that may block.
pub trait SampleSink: Send {
    /// Writes interleaved samples.
    ///
    /// # Errors
    /// `BrokenPipe` if nobody wants more, which ends the output; any other, which fails it.
    fn write(&mut self, samples: &[f32]) -> io::Result<()>;

    /// Whether sound is written as soon as it is rendered, or can wait until there is more to write at once.
    fn is_urgent(&self) -> bool {
        true
    }

    /// Completes what was written. Called once, after the last write.
    ///
    /// # Errors
    /// If it cannot be completed.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A sink that takes what it is given, as fast as it is given.
///
/// The run loop renders in real time and calls [`PacedOutput::write`], which never blocks; a thread writes it on.
/// Dropping it waits until all is written, up to two seconds.
pub struct PacedOutput {
    channels: Channels,
    writer: Option<Writer>,
    over: bool,
    overrun_samples: u64,
    /// The writer is woken once this many samples wait.
    batch: usize,
}

/// The run loop's side of the writer's thread.
struct Writer {
    /// Only `None` while it is being dropped: that is how the thread sees the end.
    ring: Option<HeapProd<f32>>,
    thread: Thread,
    /// Disconnected when the thread has ended.
    events: mpsc::Receiver<EndEvent>,
}

impl PacedOutput {
    /// A sink that swallows all.
    pub fn null(channels: Channels) -> PacedOutput {
        PacedOutput { channels, writer: None, over: false, overrun_samples: 0, batch: 0 }
    }

    /// Raw PCM on stdout: 48 kHz signed 16-bit little-endian, written as soon as it is rendered.
    ///
    /// # Errors
    /// [`Error::Thread`] if its thread cannot be started.
    pub fn stdout(channels: Channels, wake: Wake) -> Result<PacedOutput, Error> {
        // Not `io::stdout`, which looks for line ends and holds back what comes after the last one.
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let stdout = stdout.map_err(|source| Error::Thread { name: "audio-writer", source })?;
        PacedOutput::spawn(PcmSink { pipe: File::from(stdout), bytes: Vec::new() }, channels, wake)
    }

    /// An output to a sink of any kind, written by a thread of its own; `wake` is called when there is an event.
    ///
    /// # Errors
    /// [`Error::Thread`] if that thread cannot be started.
    pub fn spawn(
        sink: impl SampleSink + 'static,
        channels: Channels,
        wake: Wake,
    ) -> Result<PacedOutput, Error> {
        let (ring, samples) = HeapRb::new(RING_SECONDS * SAMPLE_RATE as usize * channels.count()).split();
        let batch = if sink.is_urgent() { 0 } else { MAX_WRITE_SAMPLES };
        let (events_in, events) = mpsc::channel();
        let handle = thread::Builder::new()
            .name("audio-writer".to_owned())
            .spawn(move || {
                super::make_urgent();
                if let Some(event) = write_all(sink, samples) {
                    let _ = events_in.send(event);
                }
                drop(events_in);
                wake();
            })
            .map_err(|source| Error::Thread { name: "audio-writer", source })?;
        let writer = Writer { ring: Some(ring), thread: handle.thread().clone(), events };
        Ok(PacedOutput { channels, writer: Some(writer), over: false, overrun_samples: 0, batch })
    }

    /// Channels of the samples that it takes.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Takes rendered sound, whole interleaved frames. What a sink that is too slow has no room for is dropped and
    /// counted; what comes after its end is dropped.
    pub fn write(&mut self, samples: &[f32]) {
        let Some(Writer { ring: Some(ring), thread, .. }) = &mut self.writer else { return };
        let count = self.channels.count();
        let room = ring.vacant_len() / count * count;
        let taken = ring.push_slice(&samples[..samples.len().min(room)]);
        if ring.read_is_held() {
            self.overrun_samples += (samples.len() - taken) as u64;
        }
        if ring.occupied_len() >= self.batch {
            thread.unpark();
        }
    }

    /// What happened to it: [`EndEvent::Ended`] when its reader closed it, [`EndEvent::Failed`].
    pub fn poll_event(&mut self) -> Option<EndEvent> {
        if self.over {
            return None;
        }
        let event = self.writer.as_ref()?.events.try_recv().ok()?;
        self.over = true;
        Some(event)
    }

    /// Samples (of all channels) that were lost because the sink was too slow.
    pub fn overrun_samples(&self) -> u64 {
        self.overrun_samples
    }
}

impl Drop for PacedOutput {
    fn drop(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        writer.ring = None;
        writer.thread.unpark();
        // Returns as soon as the thread has dropped its end, and with it the sink.
        while writer.events.recv_timeout(MAX_CLOSE).is_ok() {}
    }
}

/// Writes until the other half of the ring is dropped and all is written, or until the sink refuses: then says how.
fn write_all(mut sink: impl SampleSink, mut ring: HeapCons<f32>) -> Option<EndEvent> {
    let mut samples = vec![0.0; MAX_WRITE_SAMPLES];
    let ended = loop {
        // In this order: what was pushed before the other half was dropped is seen.
        let open = ring.write_is_held();
        let taken = ring.pop_slice(&mut samples);
        if taken > 0 {
            if let Err(error) = sink.write(&samples[..taken]) {
                break Err(error);
            }
        } else if !open {
            break sink.finish();
        } else {
            thread::park_timeout(IDLE);
        }
    };
    match ended {
        Ok(()) => None,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Some(EndEvent::Ended),
        Err(error) => Some(EndEvent::Failed { reason: format!("the output cannot be written: {error}") }),
    }
}

/// Raw PCM to a pipe.
struct PcmSink<W> {
    pipe: W,
    bytes: Vec<u8>,
}

impl<W: Write + Send> SampleSink for PcmSink<W> {
    fn write(&mut self, samples: &[f32]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|&sample| pcm::to_i16(sample).to_le_bytes()));
        self.pipe.write_all(&self.bytes)?;
        self.pipe.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps what is written, up to a limit, and is a broken pipe beyond it.
    #[derive(Clone, Default)]
    struct Kept {
        bytes: Arc<Mutex<Vec<u8>>>,
        limit: Option<usize>,
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut kept = self.bytes.lock().unwrap();
            if self.limit.is_some_and(|limit| kept.len() + bytes.len() > limit) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            kept.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(kept: &Kept) -> (PacedOutput, mpsc::Receiver<()>) {
        let (wake, woken) = mpsc::channel();
        let wake: Wake = Arc::new(move || wake.send(()).unwrap_or(()));
        let sink = PcmSink { pipe: kept.clone(), bytes: Vec::new() };
        (PacedOutput::spawn(sink, Channels::Mono, wake).unwrap(), woken)
    }

    #[test]
    fn all_that_was_rendered_is_written_before_the_output_is_gone() {
        let kept = Kept::default();
        let (mut output, _woken) = output(&kept);
        let samples: Vec<f32> = (0..9600).map(pcm::from_i16).collect();
        samples.chunks(480).for_each(|block| output.write(block));
        drop(output);
        let expected: Vec<u8> = (0..9600i16).flat_map(i16::to_le_bytes).collect();
        assert!(*kept.bytes.lock().unwrap() == expected);
    }

    #[test]
    fn a_closed_pipe_ends_the_output_and_later_sound_is_dropped() {
        let kept = Kept { limit: Some(100), ..Kept::default() };
        let (mut output, woken) = output(&kept);
        output.write(&[0.1; 480]);
        woken.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(output.poll_event(), Some(EndEvent::Ended));
        assert_eq!(output.poll_event(), None);
        for _ in 0..1000 {
            output.write(&[0.1; 480]);
        }
        assert_eq!(output.overrun_samples(), 0);
    }

    #[test]
    fn a_sink_that_stands_still_loses_what_is_beyond_two_seconds_and_counts_it() {
        struct Stuck(mpsc::Receiver<()>);
        impl SampleSink for Stuck {
            fn write(&mut self, _: &[f32]) -> io::Result<()> {
                let _ = self.0.recv();
                Ok(())
            }
        }
        let (release, stuck) = mpsc::channel();
        let mut output = PacedOutput::spawn(Stuck(stuck), Channels::Mono, Arc::new(|| {})).unwrap();
        for _ in 0..300 {
            output.write(&[0.1; 480]);
        }
        let lost = output.overrun_samples();
        assert!((48_000 - 4800..=48_000).contains(&lost), "{lost} of 144000 lost");
        drop(release);
    }

    #[test]
    fn nothing_comes_of_null() {
        let mut output = PacedOutput::null(Channels::Stereo);
        output.write(&[0.1; 480]);
        assert_eq!((output.poll_event(), output.overrun_samples()), (None, 0));
    }
}
