//! Everything that the command waits for, in one queue: events of the peer, typed lines, signals.

use std::io::{BufRead, IsTerminal, Read, stdin};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::peer::TimedEvent;

use super::typed::MAX_LINE_BYTES;

/// One thing to react to.
pub(super) enum Happening {
    /// The peer tells something.
    Event(Box<TimedEvent>),
    /// Somebody typed a line.
    Line(String),
    /// Nobody will type any more.
    NoMoreLines,
    /// Ctrl-C, or a polite request to end.
    Interrupted,
    /// The time that was waited for has come.
    TimeUp,
}

/// The queue.
pub(super) struct Happenings {
    sender: Sender<Happening>,
    receiver: Receiver<Happening>,
}

impl Happenings {
    /// A queue that hears signals.
    pub(super) fn new() -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        hear_signals(sender.clone())?;
        Ok(Self { sender, receiver })
    }

    /// What the peer calls with its events.
    pub(super) fn events(&self) -> impl FnMut(TimedEvent) + Send + 'static {
        let sender = self.sender.clone();
        move |event| drop(sender.send(Happening::Event(Box::new(event))))
    }

    /// Reads lines from stdin from now on, on a thread that ends with the process.
    pub(super) fn read_lines(&self) -> std::io::Result<()> {
        let sender = self.sender.clone();
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            let mut input = stdin().lock();
            loop {
                let mut line = String::new();
                // A line without end must not fill the memory.
                match input.by_ref().take(MAX_LINE_BYTES as u64 + 2).read_line(&mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) if sender.send(Happening::Line(line)).is_err() => return,
                    Ok(_) => {}
                }
            }
            drop(sender.send(Happening::NoMoreLines));
        })?;
        Ok(())
    }

    /// Waits for the next happening, at most until `limit`.
    pub(super) fn next(&self, limit: Option<Instant>) -> Happening {
        let wait = limit.map(|limit| limit.saturating_duration_since(Instant::now()));
        match self.receiver.recv_timeout(wait.unwrap_or(Duration::MAX)) {
            Ok(happening) => happening,
            // We hold a sender ourselves, so it never disconnects.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Happening::TimeUp,
        }
    }
}

/// Whether a person sits at stdin.
pub(super) fn somebody_types() -> bool {
    stdin().is_terminal()
}

#[cfg(unix)]
fn hear_signals(sender: Sender<Happening>) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            if count > 0 {
                // Asked twice: somebody is in a hurry. 128 + SIGINT, as shells say it.
                std::process::exit(130);
            }
            if sender.send(Happening::Interrupted).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn hear_signals(_sender: Sender<Happening>) -> std::io::Result<()> {
    Ok(())
}
