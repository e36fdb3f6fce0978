//! Raw PCM from a pipe: 48 kHz signed 16-bit little-endian, paced by its writer.
//!
//! A live writer (a microphone, a call, anything in real time) is passed on as it comes, and what it wrote before the
//! call was connected is dropped. A writer that is faster than real time writes a file: it is held back by the
//! pipe, and nothing of it is lost, neither before the call nor in it. [`WriterPace`] tells them apart.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use super::{EndEvent, LiveInput, LiveWriter, Wake, pace::WriterPace};
use crate::audio::{Channels, Error, SAMPLE_RATE, pcm};

/// The most bytes that are read at once: all that a pipe holds on Linux (pipe(7)).
const MAX_READ_BYTES: usize = 65_536;

/// How much of a live writer's sound is kept before the call is connected, in seconds: enough to learn whether
/// it is live before anything of a file is dropped.
const MAX_HELD_SECONDS: usize = 2;

/// A first read that returns this soon found its bytes waiting in the pipe.
const WAITING: Duration = Duration::from_millis(2);

/// How long to wait for room, if the run loop does not take what it is given.
const RETRY: Duration = Duration::from_millis(10);

/// The input that reads PCM of `channels` from stdin.
pub(super) fn stdin(channels: Channels, wake: Wake) -> Result<LiveInput, Error> {
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = stdin.map_err(|source| Error::Thread { name: "pcm-reader", source })?;
    spawn(File::from(stdin), channels, wake)
}

/// The input that reads PCM of `channels` from `pipe`, on a thread that ends with the pipe or, at its next read,
/// with the input.
fn spawn(pipe: impl Read + Send + 'static, channels: Channels, wake: Wake) -> Result<LiveInput, Error> {
    let (writer, mut input) = LiveInput::pair(channels, wake);
    let mut reader = PcmReader {
        pipe,
        frame_bytes: 2 * channels.count(),
        bytes: vec![0; MAX_READ_BYTES],
        unread: 0,
        held: Vec::new(),
        dropped: false,
        writer,
        pace: WriterPace::new(),
    };
    let handle = thread::Builder::new()
        .name("pcm-reader".to_owned())
        .spawn(move || {
            super::make_urgent();
            reader.run()
        })
        .map_err(|source| Error::Thread { name: "pcm-reader", source })?;
    input.set_writer(handle.thread().clone());
    Ok(input)
}

struct PcmReader<R> {
    pipe: R,
    frame_bytes: usize,
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that do not make a whole frame yet.
    unread: usize,
    /// Samples that were read and not pushed.
    held: Vec<f32>,
    /// Whether sound of before the call was dropped.
    dropped: bool,
    writer: LiveWriter,
    pace: WriterPace,
}

impl<R: Read> PcmReader<R> {
    fn run(&mut self) {
        let begun = Instant::now();
        let mut first = true;
        while !self.writer.is_closed() {
            match self.read() {
                Ok(0) => break,
                Ok(samples) => {
                    let waiting = std::mem::take(&mut first) && begun.elapsed() < WAITING;
                    self.on_read(samples, waiting);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let reason = format!("stdin cannot be read: {error}");
                    return self.writer.notify(EndEvent::Failed { reason });
                }
            }
        }
        // Sound that ended before the call, all of it still here, is a short file.
        if !self.writer.is_started() && !self.dropped {
            self.pace.set_file();
            self.release();
        }
    }

    /// Reads what is there into `held`; gives how many samples it was, 0 at the end.
    fn read(&mut self) -> io::Result<usize> {
        loop {
            let bytes = self.pipe.read(&mut self.bytes[self.unread..])?;
            let end = self.unread + bytes;
            let whole = end - end % self.frame_bytes;
            if bytes > 0 && whole == 0 {
                self.unread = end;
                continue;
            }
            let samples = self.bytes[..whole].as_chunks::<2>().0.iter();
            self.held.extend(samples.map(|&bytes| pcm::from_i16(i16::from_le_bytes(bytes))));
            self.bytes.copy_within(whole..end, 0);
            self.unread = end - whole;
            return Ok(whole / 2);
        }
    }

    /// Passes on or keeps what was read last, the `samples` at the end of `held`.
    fn on_read(&mut self, samples: usize, waiting: bool) {
        self.pace.on_read(samples * 2 / self.frame_bytes, waiting, Instant::now());
        if self.pace.is_file() {
            self.release();
        } else if self.writer.is_started() {
            // What was read before belongs to the time before the call: nothing is held once it is connected.
            self.drop_held(self.held.len() - samples);
            let pushed = self.writer.push(&self.held);
            self.writer.drop_samples(self.held.len() - pushed);
            self.held.clear();
        } else {
            let most = MAX_HELD_SECONDS * SAMPLE_RATE as usize * self.frame_bytes / 2;
            self.drop_held(self.held.len().saturating_sub(most));
        }
    }

    fn drop_held(&mut self, samples: usize) {
        self.held.drain(..samples);
        self.dropped |= samples > 0;
    }

    /// Pushes all that is held, in real time, beginning when the call is connected.
    fn release(&mut self) {
        let channels = self.frame_bytes / 2;
        let mut at = 0;
        while at < self.held.len() && !self.writer.is_closed() {
            if !self.writer.is_started() {
                thread::park();
                continue;
            }
            let allowed = self.pace.allowance(Instant::now()) * channels;
            let end = self.held.len().min(at + allowed);
            let pushed = self.writer.push(&self.held[at..end]);
            self.pace.on_release(pushed / channels);
            let full = pushed < end - at;
            at += pushed;
            if at < self.held.len() {
                thread::park_timeout(if full { RETRY } else { self.pace.next_release() });
            }
        }
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    /// A pipe whose reads give the blocks sent to it, and end when the sender is dropped.
    struct Pipe(mpsc::Receiver<Vec<u8>>);

    impl Read for Pipe {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let block = self.0.recv().unwrap_or_default();
            out[..block.len()].copy_from_slice(&block);
            Ok(block.len())
        }
    }

    struct Rig {
        pipe: Option<mpsc::Sender<Vec<u8>>>,
        input: LiveInput,
        woken: mpsc::Receiver<()>,
        begun: Instant,
    }

    impl Rig {
        fn new() -> Rig {
            let (pipe, receiver) = mpsc::channel();
            let (wake, woken) = mpsc::channel();
            let wake: Wake = Arc::new(move || wake.send(()).unwrap_or(()));
            let input = spawn(Pipe(receiver), Channels::Mono, wake).unwrap();
            Rig { pipe: Some(pipe), input, woken, begun: Instant::now() }
        }

        /// Writes samples `from..to` of a ramp in which every sample is its own number.
        fn write(&self, from: i16, to: i16) {
            let bytes = (from..to).flat_map(i16::to_le_bytes).collect();
            self.pipe.as_ref().unwrap().send(bytes).unwrap();
        }

        /// Reads until `samples` are there or the input ends.
        fn hear(&mut self, samples: usize) -> Vec<i16> {
            let (mut heard, mut out) = (Vec::new(), [0.0; 4800]);
            while heard.len() < samples {
                let read = self.input.read(&mut out);
                heard.extend(out[..read].iter().map(|&sample| pcm::to_i16(sample)));
                if read == 0 {
                    if let Some(event) = self.input.poll_event() {
                        assert_eq!(event, EndEvent::Ended);
                        break;
                    }
                    self.woken.recv_timeout(Duration::from_secs(10)).expect("nothing more came");
                }
            }
            heard
        }

        fn end(&mut self) {
            self.pipe = None;
        }
    }

    #[test]
    fn a_live_writer_is_heard_at_once_from_the_start_on() {
        let mut rig = Rig::new();
        thread::sleep(WAITING * 2);
        rig.write(0, 480);
        thread::sleep(Duration::from_millis(20));
        rig.input.start();
        rig.write(480, 960);
        assert_eq!(rig.hear(480), (480..960).collect::<Vec<i16>>());
        rig.end();
        assert!(rig.hear(1).is_empty());
    }

    #[test]
    fn a_file_is_heard_whole_and_in_real_time() {
        let mut rig = Rig::new();
        for block in 0..3 {
            rig.write(block * 9600, (block + 1) * 9600);
        }
        rig.end();
        thread::sleep(Duration::from_millis(50));
        let begun = Instant::now();
        rig.input.start();
        assert_eq!(rig.hear(usize::MAX), (0..28_800).collect::<Vec<i16>>());
        let took = begun.elapsed().as_millis();
        // Never sooner than it sounds; later only as much as a busy machine makes everything late.
        assert!((570..5000).contains(&took), "600 ms of sound came in {took} ms");
    }

    #[test]
    fn between_two_calls_a_file_waits() {
        let mut rig = Rig::new();
        for block in 0..3 {
            rig.write(block * 9600, (block + 1) * 9600);
        }
        rig.end();
        thread::sleep(Duration::from_millis(50));
        rig.input.start();
        let first = rig.hear(9600);
        rig.input.stop();
        thread::sleep(Duration::from_millis(300));
        rig.input.start();
        let second = rig.hear(usize::MAX);
        let lost = second[0] - first[first.len() - 1];
        assert!((1..2400).contains(&lost), "only what was on its way is lost: {lost}");
        assert_eq!(second.last(), Some(&28_799));
    }

    #[test]
    fn a_short_file_that_ended_before_the_call_is_heard_whole() {
        let mut rig = Rig::new();
        rig.write(0, 4800);
        rig.end();
        thread::sleep(Duration::from_millis(20));
        rig.input.start();
        assert_eq!(rig.hear(usize::MAX), (0..4800).collect::<Vec<i16>>());
    }

    #[test]
    fn frames_cut_anywhere_are_put_together() {
        let mut rig = Rig::new();
        thread::sleep(WAITING * 2);
        rig.input.start();
        let bytes: Vec<u8> = (0..100i16).flat_map(i16::to_le_bytes).collect();
        for block in bytes.chunks(3) {
            rig.pipe.as_ref().unwrap().send(block.to_vec()).unwrap();
        }
        rig.end();
        assert_eq!(rig.hear(usize::MAX), (0..100).collect::<Vec<i16>>());
        assert!(rig.begun.elapsed() < Duration::from_secs(5));
    }
}
