//! The handle of a running peer: what an embedding program holds.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::net::Wake;
use crate::signaling::{DeclineReason, PeerId};

use super::engine::Engine;
use super::{Ends, PeerBuilder, PeerConfig, PeerError, TimedEvent};

/// Events that may wait for their reader. Past it, statistics and other news are lost first in line; a
/// program that reads its events at all never comes near.
const MAX_WAITING_EVENTS: usize = 4096;

/// What a peer can be asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Call(PeerId),
    Answer,
    Decline(DeclineReason),
    HangUp,
    Mute(bool),
    Hold(bool),
    Shutdown,
}

/// A running peer: registered at a switchboard, in one call at most.
///
/// What it does is told by its [`Events`]. Dropping it hangs up, unregisters and waits for its threads.
#[derive(Debug)]
pub struct Peer {
    commands: Sender<Command>,
    wake: WakeHandle,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Starts a peer; it connects and registers on its own.
    ///
    /// # Errors
    /// When an audio file cannot be used or the system gives no threads or descriptors. An unreachable
    /// switchboard is no error here: it comes as an event, and the peer goes on trying.
    pub fn start(config: PeerConfig) -> Result<(Self, Events), PeerError> {
        Self::start_on(config, Ends::default())
    }

    /// Puts a peer together step by step.
    pub fn builder() -> PeerBuilder {
        PeerBuilder::default()
    }

    /// As [`Peer::start`], with ends that may be the program's own.
    pub(super) fn start_on(config: PeerConfig, ends: Ends) -> Result<(Self, Events), PeerError> {
        let (sender, receiver) = mpsc::sync_channel(MAX_WAITING_EVENTS);
        let peer = Self::start_with(config, ends, move |event| {
            if sender.try_send(event).is_err() {
                tracing::debug!("an event was dropped: nobody reads them");
            }
        })?;
        Ok((peer, Events(receiver)))
    }

    /// Starts a peer that hands its events to `on_event`, on its own thread: it must not block. `ends` may
    /// bring audio ends of the program's own.
    ///
    /// # Errors
    /// As [`Peer::start`].
    pub fn start_with(
        config: PeerConfig,
        ends: Ends,
        on_event: impl FnMut(TimedEvent) + Send + 'static,
    ) -> Result<Self, PeerError> {
        let (commands, requests) = mpsc::channel();
        let (engine, wake) = Engine::new(config, ends, requests, Box::new(on_event))?;
        let thread = std::thread::Builder::new()
            .name("loop".into())
            .spawn(move || {
                crate::audio::device::make_urgent();
                engine.run();
            })
            .map_err(|source| PeerError::System { what: "start the media thread", source })?;
        Ok(Self { commands, wake: WakeHandle(wake), thread: Some(thread) })
    }

    /// Calls `to`, as soon as we are registered.
    pub fn call(&self, to: PeerId) {
        self.ask(Command::Call(to));
    }

    /// Takes the call that rings.
    pub fn answer(&self) {
        self.ask(Command::Answer);
    }

    /// Refuses the call that rings.
    pub fn decline(&self, reason: DeclineReason) {
        self.ask(Command::Decline(reason));
    }

    /// Ends the call, whatever state it is in.
    pub fn hang_up(&self) {
        self.ask(Command::HangUp);
    }

    /// Sends silence instead of our voice, or our voice again.
    pub fn mute(&self, muted: bool) {
        self.ask(Command::Mute(muted));
    }

    /// Stops audio both ways, or lets it flow again.
    pub fn hold(&self, held: bool) {
        self.ask(Command::Hold(held));
    }

    /// Hangs up and unregisters; the last event is [`PeerEvent::Stopped`](super::PeerEvent::Stopped).
    pub fn shutdown(&self) {
        self.ask(Command::Shutdown);
    }

    fn ask(&self, command: Command) {
        // The loop is gone only after `Stopped`, and then there is nothing to ask for.
        if self.commands.send(command).is_ok() {
            (self.wake.0)();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shutdown();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the media thread panicked");
        }
    }
}

/// The events of a peer, in order. Iterating ends after the last one.
#[derive(Debug)]
pub struct Events(Receiver<TimedEvent>);

impl Events {
    /// Waits for the next event, at most this long.
    pub fn next_within(&self, limit: Duration) -> Option<TimedEvent> {
        self.0.recv_timeout(limit).ok()
    }
}

impl Iterator for Events {
    type Item = TimedEvent;

    fn next(&mut self) -> Option<TimedEvent> {
        self.0.recv().ok()
    }
}

struct WakeHandle(Wake);

impl std::fmt::Debug for WakeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wake")
    }
}
