//! The registry among its connections: one lock, one clock, one queue per connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::mailbox::{Item, Mailbox};
use crate::signaling::{CloseReason, ConnectionId, Counters, Occupancy, Output, Registry, RegistryConfig};

/// Hands what happens to the registry and what it says to the connections' queues.
#[derive(Debug)]
pub(super) struct Hub {
    state: Mutex<State>,
    /// Rung when the registry's next deadline has moved forward.
    earlier: Notify,
}

#[derive(Debug)]
struct State {
    registry: Registry,
    mailboxes: HashMap<ConnectionId, Mailbox>,
    last_connection: u64,
    /// What the timer waits for.
    awaited: Option<Instant>,
}

impl Hub {
    pub(super) fn new(config: RegistryConfig) -> Self {
        let registry = Registry::new(config, || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)
                .expect("the operating system's generator gives bytes once it has started");
            bytes
        });
        let state = State { registry, mailboxes: HashMap::new(), last_connection: 0, awaited: None };
        Self { state: Mutex::new(state), earlier: Notify::new() }
    }

    /// Takes a new connection in; `mailbox` is where what is for it goes.
    pub(super) fn connect(&self, address: IpAddr, mailbox: Mailbox) -> ConnectionId {
        let mut state = self.state();
        state.last_connection += 1;
        let connection = ConnectionId(state.last_connection);
        state.mailboxes.insert(connection, mailbox);
        self.tell(state, |registry, now| registry.handle_connect(connection, address, now));
        tracing::debug!(connection = connection.0, "connected");
        connection
    }

    pub(super) fn handle_text(&self, connection: ConnectionId, text: &str) {
        self.tell(self.state(), |registry, now| registry.handle_text(connection, text, now));
    }

    pub(super) fn handle_ping(&self, connection: ConnectionId) {
        self.tell(self.state(), |registry, now| registry.handle_ping(connection, now));
    }

    pub(super) fn handle_pong(&self, connection: ConnectionId, payload: u64) {
        self.tell(self.state(), |registry, now| registry.handle_pong(connection, payload, now));
    }

    pub(super) fn handle_violation(&self, connection: ConnectionId, reason: CloseReason) {
        self.tell(self.state(), |registry, now| registry.handle_violation(connection, reason, now));
    }

    pub(super) fn disconnect(&self, connection: ConnectionId) {
        let mut state = self.state();
        state.mailboxes.remove(&connection);
        self.tell(state, |registry, now| registry.handle_disconnect(connection, now));
        tracing::debug!(connection = connection.0, "disconnected");
    }

    /// Tells every peer that the server stops, and closes every connection after that.
    pub(super) fn shut_down(&self) {
        self.tell(self.state(), Registry::handle_shutdown);
    }

    /// Ends every connection that is still there.
    pub(super) fn cut_all(&self) {
        self.state().mailboxes.values().for_each(|mailbox| mailbox.cut(CloseReason::Shutdown));
    }

    /// What has been counted, and what there is.
    pub(super) fn figures(&self) -> (Counters, Occupancy) {
        let state = self.state();
        (state.registry.counters().clone(), state.registry.occupancy())
    }

    /// Wakes the registry at its deadlines, for ever.
    pub(super) async fn keep_time(&self) {
        loop {
            let earlier = self.earlier.notified();
            let due = {
                let mut state = self.state();
                state.awaited = state.registry.poll_timeout();
                state.awaited
            };
            let deadline = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = deadline => self.tell(self.state(), Registry::handle_timeout),
                () = earlier => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The registry stays whole if a task panics outside of it; and inside of it, none does.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the registry something and hands out all that it says to it.
    fn tell(&self, mut state: MutexGuard<'_, State>, event: impl FnOnce(&mut Registry, Instant)) {
        let now = Instant::now();
        event(&mut state.registry, now);
        while let Some(output) = state.registry.poll_output() {
            state.hand_out(output, now);
        }
        let next = state.registry.poll_timeout();
        let is_earlier = next.is_some_and(|next| state.awaited.is_none_or(|awaited| next < awaited));
        drop(state);
        if is_earlier {
            self.earlier.notify_one();
        }
    }
}

impl State {
    /// Puts an output into the queue of its connection. A full queue ends its connection, and nothing
    /// else.
    fn hand_out(&mut self, output: Output, now: Instant) {
        let (connection, item) = match output {
            Output::Send { connection, text } => (connection, Item::Text(text)),
            Output::Ping { connection, payload } => (connection, Item::Ping(payload)),
            Output::Close { connection, reason } => {
                tracing::debug!(connection = connection.0, %reason, "closing");
                (connection, Item::Close(reason))
            }
        };
        let is_last = matches!(item, Item::Close(_));
        let Some(mailbox) = self.mailboxes.get(&connection) else { return };
        if mailbox.put(item).is_err() {
            mailbox.cut(CloseReason::SlowReceiver);
            self.mailboxes.remove(&connection);
            self.registry.handle_violation(connection, CloseReason::SlowReceiver, now);
        } else if is_last {
            self.mailboxes.remove(&connection);
        }
    }
}
