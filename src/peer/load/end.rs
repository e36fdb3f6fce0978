//! One end of a call under load: a session as in a peer, with a socket for its only path.

use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use crate::call::{State, Transmit};
use crate::net::Datagram;
use crate::peer::engine::Reporter;
use crate::peer::session::Session;
use crate::peer::{PeerEvent, Stats};
use crate::signaling::{ClientMessage, ServerMessage};

/// One end.
pub(super) struct End {
    session: Session,
    reporter: Reporter,
    events: Receiver<PeerEvent>,
    stats: Stats,
    standing: Standing,
}

/// How far the call of an end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is being set up.
    Waiting,
    /// Media flows.
    Connected,
    /// It ended, which none is meant to.
    Over,
}

impl End {
    /// One around a session that has just begun.
    pub(super) fn new(session: Session, now: Instant) -> End {
        let (sender, events) = mpsc::channel();
        let reporter = Reporter::new(now, Box::new(move |timed| drop(sender.send(timed.event))));
        let (stats, standing) = (Stats::default(), Standing::Waiting);
        End { session, reporter, events, stats, standing }
    }

    /// Takes the call.
    pub(super) fn accept(&mut self, now: Instant) {
        self.session.accept(now, &mut self.reporter);
    }

    pub(super) fn handle_message(&mut self, message: &ServerMessage, now: Instant) {
        self.session.handle_message(message, now, &mut self.reporter);
    }

    pub(super) fn handle_datagram(&mut self, datagram: &Datagram<'_>) {
        self.session.handle_datagram(datagram);
    }

    /// When the next sound is to be rendered.
    pub(super) fn playout_due(&self) -> Option<Instant> {
        self.session.playout_deadline()
    }

    /// When the next frame is complete.
    pub(super) fn speech_due(&self) -> Option<Instant> {
        self.session.speech_deadline()
    }

    /// When it next has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// The part of a turn in which it speaks. What is to be sent is polled afterwards.
    pub(super) fn speak(&mut self, now: Instant) {
        self.session.speak(now, &mut self.reporter);
    }

    /// One turn, as in a peer's loop; it listens to what is due by `heard`. What is to be sent is polled afterwards;
    /// [`End::settle`] ends it.
    pub(super) fn turn(&mut self, now: Instant, heard: Instant) {
        self.session.handle_timeout(now, &mut self.reporter);
        self.session.deliver(None, &mut self.reporter);
        self.session.speak(now, &mut self.reporter);
        self.session.listen(heard, &mut self.reporter);
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.session.poll_transmit()
    }

    pub(super) fn poll_message(&mut self) -> Option<ClientMessage> {
        self.session.poll_message()
    }

    /// Takes in what came of the turn. Returns how the call stands if that is new.
    pub(super) fn settle(&mut self) -> Option<Standing> {
        self.session.deliver(None, &mut self.reporter);
        for event in self.events.try_iter() {
            match event {
                PeerEvent::Stats(stats) => self.stats = *stats,
                PeerEvent::Error { message, .. } => tracing::warn!(message, "an end met an error"),
                _ => {}
            }
        }
        let standing = match self.session.call().state() {
            _ if self.session.is_over() => Standing::Over,
            State::Connected => Standing::Connected,
            _ => self.standing,
        };
        (standing != std::mem::replace(&mut self.standing, standing)).then_some(standing)
    }

    /// The figures of its latest second.
    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }
}
