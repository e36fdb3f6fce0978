//! Every deadline of the registry, in order.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::super::id::{CallId, PeerId};
use super::switch::ConnectionId;

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// A connection should have registered.
    Register(ConnectionId),
    /// A registered connection is to be pinged, or has been silent for too long.
    Heartbeat(ConnectionId),
    /// A peer has been away for the grace time.
    Grace(PeerId),
    /// A call should have been answered, or its other peer should have claimed it.
    Pending(CallId),
}

/// Deadlines, at most one of each [`Timer`].
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Instant, Timer)>,
    by_timer: HashMap<Timer, Instant>,
}

impl Timers {
    /// Sets or moves a deadline.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.clear(&timer);
        self.by_time.insert((at, timer.clone()));
        self.by_timer.insert(timer, at);
    }

    /// Takes a deadline back.
    pub(super) fn clear(&mut self, timer: &Timer) {
        if let Some(at) = self.by_timer.remove(timer) {
            self.by_time.remove(&(at, timer.clone()));
        }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the first deadline that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_timer.remove(&timer);
        Some(timer)
    }

    /// How many deadlines stand.
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.by_time.len(), self.by_timer.len());
        self.by_time.len()
    }
}
