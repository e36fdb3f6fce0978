//! A program that the demo started, and that does not outlive it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::peer::Exit;

use super::error::DemoError;

/// Longest line that is read from a program; events are far shorter.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Lines of stderr that are kept: its last words when it fails.
const MAX_LAST_WORDS: usize = 4;

/// How long a program may take to end when asked; then it is made to.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often an ending program is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Something that the demo waits for.
#[derive(Debug, PartialEq)]
pub(super) enum News {
    /// A line of a program's stdout.
    Said { who: &'static str, line: String },
    /// A program closed its stdout, which it does only by ending.
    Ended { who: &'static str },
    /// Ctrl-C.
    Interrupted,
}

/// One program. Dropping it ends it.
pub(super) struct Child {
    who: &'static str,
    process: Process,
    last_words: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Child {
    /// Starts `program` with `args`; its lines come as [`News`].
    pub(super) fn start(
        who: &'static str,
        program: &Path,
        args: &[String],
        news: &Sender<News>,
    ) -> Result<Self, DemoError> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C in a terminal goes to a whole group; the demo alone is to hear it and to end the others in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn().map_err(|source| DemoError::Start { what: who, source })?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let mut child = Self { who, process, last_words: Arc::default(), readers: Vec::new() };
        if let Some(stdout) = stdout {
            let news = news.clone();
            child.read(format!("{who}-out"), move || {
                for_each_line(stdout, |line| drop(news.send(News::Said { who, line })));
                drop(news.send(News::Ended { who }));
            })?;
        }
        if let Some(stderr) = stderr {
            let words = child.last_words.clone();
            child.read(format!("{who}-err"), move || {
                for_each_line(stderr, |line| {
                    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                    words.push_back(line);
                    while words.len() > MAX_LAST_WORDS {
                        words.pop_front();
                    }
                });
            })?;
        }
        Ok(child)
    }

    /// Its name.
    pub(super) fn who(&self) -> &'static str {
        self.who
    }

    fn read(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), DemoError> {
        self.readers.push(Builder::new().name(name).spawn(work)?);
        Ok(())
    }

    /// Waits until it has ended, making it at the latest after a moment's patience.
    pub(super) fn wait(&mut self) -> Result<Exit, DemoError> {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status.code().map_or(Exit::Internal, exit_of));
            }
            if Instant::now() >= limit {
                self.process.kill()?;
                self.process.wait()?;
                return Ok(Exit::Internal);
            }
            #[expect(clippy::disallowed_methods, reason = "std cannot wait for a process with a limit")]
            std::thread::sleep(GLANCE);
        }
    }

    /// Asks it to end, and waits.
    pub(super) fn stop(&mut self) -> Result<Exit, DemoError> {
        self.ask_to_end();
        self.wait()
    }

    /// The error that its unexpected end is.
    pub(super) fn ended(&mut self) -> DemoError {
        let exit = self.wait().unwrap_or(Exit::Internal);
        for reader in self.readers.drain(..) {
            // Its pipe is closed, so it has read everything; a panic in it was printed already.
            drop(reader.join());
        }
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let said =
            words.iter().map(|line| line.trim_start_matches("error: ")).collect::<Vec<_>>().join(" / ");
        DemoError::Ended { who: self.who, exit, said }
    }

    #[cfg(unix)]
    fn ask_to_end(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        // Not reaped yet, so the number is still its own; an error says that it has ended.
        if let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    #[cfg(not(unix))]
    fn ask_to_end(&mut self) {
        drop(self.process.kill());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            drop(self.stop());
        }
    }
}

/// Hands over each line, cut at a length that no honest one has.
fn for_each_line(from: impl Read, mut take: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        match from.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => take(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}

fn exit_of(code: i32) -> Exit {
    Exit::ALL.iter().map(|(exit, _)| *exit).find(|exit| *exit as i32 == code).unwrap_or(Exit::Internal)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn shell(script: &str) -> (Child, Vec<News>) {
        let (sender, receiver) = channel();
        let args = ["-c".to_owned(), script.to_owned()];
        let child = Child::start("sh", Path::new("/bin/sh"), &args, &sender).expect("there is a shell");
        drop(sender);
        (child, receiver.into_iter().collect())
    }

    #[test]
    fn its_lines_and_its_end_are_told() {
        let (_child, news) = shell("echo one; echo two");
        let said = |line: &str| News::Said { who: "sh", line: line.into() };
        assert_eq!(news, [said("one"), said("two"), News::Ended { who: "sh" }]);
    }

    #[test]
    fn its_exit_code_and_last_words_are_kept() {
        let (mut child, _) = shell("echo error: no such device >&2; exit 11");
        let error = child.ended();
        assert_eq!(error.exit(), Exit::Audio);
        assert_eq!(error.to_string(), "sh ended before the call was over; it said: no such device");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let (sender, _receiver) = channel();
        let missing = Path::new("/nonexistent/peer");
        assert!(matches!(Child::start("peer", missing, &[], &sender), Err(DemoError::Start { .. })));
    }

    #[test]
    fn it_ends_when_it_is_dropped() {
        let (sender, receiver) = channel();
        let args = ["-c".to_owned(), "echo up; exec sleep 60".to_owned()];
        let child = Child::start("sh", Path::new("/bin/sh"), &args, &sender).expect("there is a shell");
        assert!(matches!(receiver.recv(), Ok(News::Said { .. })));
        drop(child);
        assert_eq!(receiver.recv(), Ok(News::Ended { who: "sh" }));
    }
}
