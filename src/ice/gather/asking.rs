//! STUN servers asked from one socket, and what is known of each server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::config::{Server, can_reach};
use super::event::{GatherEvent, Gathered, Origin, Trouble};
use crate::ice::reflexive::{Reflexive, ReflexiveEvent};
use crate::ice::{CandidateKind, Carrier, ServerUri, TransactionIds};

/// A question from one socket to the addresses of one server.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) base: SocketAddr,
    server: ServerUri,
    reflexive: Reflexive,
    begun: Instant,
    /// Whether anybody answered.
    answered: bool,
    refusal: Option<u16>,
}

impl Asking {
    /// `None` where the socket cannot get to any of its addresses.
    pub(super) fn new(
        base: SocketAddr,
        server: &Server,
        ids: &mut TransactionIds,
        now: Instant,
    ) -> Option<Self> {
        let addresses: Vec<_> = server.asked().filter(|address| can_reach(base, *address)).collect();
        (!addresses.is_empty()).then(|| Self {
            base,
            server: server.uri.clone(),
            reflexive: Reflexive::new(&addresses, ids, now),
            begun: now,
            answered: false,
            refusal: None,
        })
    }

    pub(super) fn is_done(&self) -> bool {
        self.reflexive.is_done()
    }

    pub(super) fn is_of(&self, server: &ServerUri) -> bool {
        self.server == *server
    }

    pub(super) fn server(&self) -> &ServerUri {
        &self.server
    }

    pub(super) fn has_answer(&self) -> bool {
        self.answered
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.refusal.map_or(Trouble::Silent, Trouble::Refused)
    }

    pub(super) fn handle_packet(&mut self, from: SocketAddr, packet: &[u8]) -> bool {
        self.reflexive.handle_packet(from, packet)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.reflexive.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.reflexive.poll_timeout()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(SocketAddr, &[u8])> {
        self.reflexive.poll_transmit()
    }

    /// What was learnt: the event, and the candidate that it makes.
    pub(super) fn poll_event(&mut self, now: Instant) -> Option<(GatherEvent, Gathered)> {
        loop {
            match self.reflexive.poll_event()? {
                ReflexiveEvent::Mapped { server, mapped } => {
                    self.answered = true;
                    let (base, took) = (self.base, now.saturating_duration_since(self.begun));
                    let gathered = reflexive(base, mapped, self.server.clone(), took);
                    return Some((GatherEvent::Mapped { base, server, mapped, took }, gathered));
                }
                ReflexiveEvent::Failed { code, .. } => self.refusal = code.or(self.refusal),
            }
        }
    }
}

/// A server-reflexive candidate.
pub(super) fn reflexive(base: SocketAddr, mapped: SocketAddr, server: ServerUri, took: Duration) -> Gathered {
    let origin = Some(Origin { server, carrier: Carrier::Udp, took });
    Gathered { kind: CandidateKind::ServerReflexive, address: mapped, base, origin }
}
