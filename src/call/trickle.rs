//! Candidates in both directions (RFC 8838), before, in and after descriptions.

use std::mem;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::Protocol;

use super::{Call, CallError, CallEvent};
use crate::ice::candidate::{Component, Transport};
use crate::ice::{CandidateKind, CandidateLine};
use crate::signaling::{self, ClientMessage};

/// Most remote candidates per start of ICE. A machine with ten addresses, each seen by two STUN servers and two
/// relays, has fifty; every one more costs a check for each of ours.
pub const MAX_REMOTE_CANDIDATES: usize = 64;

/// Priority of a host candidate on the best interface (RFC 8445 section 5.1.2.1): given to an address that was
/// resolved from a name.
const HOST_PRIORITY: u32 = 2_130_706_431;

/// One address where we can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    /// How the address was found.
    pub kind: CandidateKind,
    /// The address that the other side sends to.
    pub address: SocketAddr,
    /// The local socket that it belongs to; the same as `address` for a host candidate.
    pub base: SocketAddr,
}

impl LocalCandidate {
    /// An address of this machine itself.
    pub fn host(address: SocketAddr) -> Self {
        Self { kind: CandidateKind::Host, address, base: address }
    }

    fn to_agent(self) -> Result<str0m::Candidate, CallError> {
        let made = match self.kind {
            CandidateKind::Host => str0m::Candidate::host(self.address, Protocol::Udp),
            CandidateKind::Relayed => str0m::Candidate::relayed(self.address, self.base, Protocol::Udp),
            CandidateKind::ServerReflexive | CandidateKind::PeerReflexive => {
                str0m::Candidate::server_reflexive(self.address, self.base, Protocol::Udp)
            }
        };
        // The reason without the address: errors are logged.
        made.map_err(|_| CallError::Candidate("an address that cannot be one".into()))
    }

    /// Where datagrams leave from when this candidate is in use.
    fn source(&self) -> SocketAddr {
        match self.kind {
            CandidateKind::Relayed => self.address,
            _ => self.base,
        }
    }
}

/// The addresses of both sides that the call knows of.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Ours, each with its line for the other side (empty where the agent has no use for it).
    locals: Vec<(LocalCandidate, String)>,
    /// Remote candidates that came before the description they belong to.
    early: Vec<String>,
    remotes: Vec<(SocketAddr, CandidateKind)>,
    /// Remote candidates taken since ICE last started, of any use or none.
    taken: usize,
    /// No more of ours will come before the next restart.
    complete: bool,
}

impl Addresses {
    /// How we came by a local address that datagrams leave from. A host candidate goes before a reflexive one
    /// with the same base: it is what the agent prefers.
    pub(super) fn local_kind(&self, source: SocketAddr) -> CandidateKind {
        let mut kinds = self.locals.iter().filter(|(l, _)| l.source() == source).map(|(l, _)| l.kind);
        let first = kinds.next().unwrap_or(CandidateKind::PeerReflexive);
        kinds.fold(first, |best, kind| if kind == CandidateKind::Host { kind } else { best })
    }

    pub(super) fn remote_kind(&self, address: SocketAddr) -> CandidateKind {
        let known = self.remotes.iter().find(|(a, _)| *a == address);
        known.map_or(CandidateKind::PeerReflexive, |(_, kind)| *kind)
    }

    /// Our candidates, as lines of a description.
    pub(super) fn local_lines(&self) -> Vec<&str> {
        self.locals.iter().map(|(_, line)| line.as_str()).filter(|line| !line.is_empty()).collect()
    }

    fn has_local(&self, candidate: &LocalCandidate) -> bool {
        self.locals.iter().any(|(local, _)| local == candidate)
    }

    /// ICE starts anew: what was known of the other side is void.
    pub(super) fn restart(&mut self) {
        self.remotes.clear();
        self.taken = 0;
    }
}

impl Call {
    /// Adds an address of ours: in the offer or answer if that is still to be made, trickled otherwise.
    ///
    /// # Errors
    /// The address cannot be a candidate (unspecified, multicast, IPv4 link-local).
    pub fn add_local_candidate(&mut self, candidate: LocalCandidate, now: Instant) -> Result<(), CallError> {
        if self.state().is_ended() || self.addresses.has_local(&candidate) {
            return Ok(());
        }
        let line = self.add_to_agent(candidate)?;
        if self.negotiation.is_local_sent() && !line.is_empty() {
            self.trickle(&line);
        }
        self.kick(now);
        Ok(())
    }

    /// Gives the agent an address; returns its line.
    fn add_to_agent(&mut self, candidate: LocalCandidate) -> Result<String, CallError> {
        let line = self.transport.add_local(candidate.to_agent()?).unwrap_or_default();
        self.addresses.locals.push((candidate, line.clone()));
        Ok(line)
    }

    /// No more local candidates will come before the next restart; tells the other side so (RFC 8838 section 13), at
    /// once or when it has our description.
    pub fn end_of_local_candidates(&mut self) {
        self.addresses.complete = true;
        if self.negotiation.is_local_sent() && !self.state().is_ended() {
            self.trickle("");
        }
    }

    /// A description of ours went out: says that it has all candidates, if it has.
    pub(super) fn on_local_sent(&mut self) {
        if self.addresses.complete {
            self.trickle("");
        }
    }

    /// Takes an address of ours out of use, whatever it was: the relay took it back, or its interface is gone.
    pub fn remove_local_candidate(&mut self, address: SocketAddr) {
        let locals = mem::take(&mut self.addresses.locals);
        let (gone, kept): (Vec<_>, Vec<_>) = locals.into_iter().partition(|(l, _)| l.address == address);
        self.addresses.locals = kept;
        for candidate in gone.iter().filter_map(|(l, _)| l.to_agent().ok()) {
            self.transport.remove_local(&candidate);
        }
    }

    /// An address for a [`CallEvent::UnresolvedHost`].
    pub fn add_remote_address(&mut self, address: SocketAddr, now: Instant) {
        if self.state().is_ended() || !self.negotiation.is_remote_known() || !self.take_one() {
            return;
        }
        self.take_remote("mdns", HOST_PRIORITY, address, CandidateKind::Host, None);
        self.kick(now);
    }

    fn trickle(&mut self, line: &str) {
        let mid = self.transport.mid();
        self.send(ClientMessage::Candidate(signaling::Candidate {
            call: self.id().clone(),
            candidate: line.into(),
            mline: mid.is_some().then_some(0),
            mid,
        }));
    }

    /// A trickled candidate of the other side.
    pub(super) fn on_candidate(&mut self, line: &str, now: Instant) -> Result<(), CallError> {
        if !self.negotiation.is_remote_known() {
            // The answer may be overtaken by its own candidates; and before we accept, nothing may leave.
            if self.addresses.early.len() < MAX_REMOTE_CANDIDATES {
                self.addresses.early.push(line.to_owned());
            }
            return Ok(());
        }
        self.read_remote(line)?;
        self.kick(now);
        Ok(())
    }

    /// The candidates of a description just applied, and those that came before it.
    pub(super) fn on_described_candidates(&mut self, lines: &[String]) {
        let early = std::mem::take(&mut self.addresses.early);
        for line in lines.iter().chain(&early) {
            if let Err(error) = self.read_remote(line) {
                tracing::debug!(%error, "skipped a candidate");
            }
        }
    }

    fn read_remote(&mut self, line: &str) -> Result<(), CallError> {
        let candidate = match CandidateLine::parse(line) {
            Ok(CandidateLine::Candidate(candidate)) => candidate,
            Ok(CandidateLine::EndOfCandidates) => return Ok(()),
            Err(_) => return Err(CallError::Candidate("something else".into())),
        };
        // One component (rtcp-mux) and UDP alone; others are legal and of no use here.
        if candidate.component() != Component::RTP || candidate.transport() != Transport::Udp {
            return Ok(());
        }
        if !self.take_one() {
            return Err(CallError::Candidate(format!("more than {MAX_REMOTE_CANDIDATES}")));
        }
        match (candidate.socket_addr(), candidate.mdns_name()) {
            (Some(address), _) => {
                let (foundation, priority) = (candidate.foundation(), candidate.priority().get());
                self.take_remote(foundation, priority, address, candidate.kind(), candidate.ufrag());
            }
            (None, Some(name)) => {
                let (name, port) = (name.to_owned(), candidate.port());
                self.tell(CallEvent::UnresolvedHost { name, port });
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn take_one(&mut self) -> bool {
        let room = self.addresses.taken < MAX_REMOTE_CANDIDATES;
        self.addresses.taken += usize::from(room);
        room
    }

    fn take_remote(
        &mut self,
        foundation: &str,
        priority: u32,
        address: SocketAddr,
        kind: CandidateKind,
        ufrag: Option<&str>,
    ) {
        let ip = address.ip();
        if ip.is_unspecified() || ip.is_multicast() || address.port() == 0 {
            return;
        }
        self.addresses.remotes.push((address, kind));
        self.tell(CallEvent::RemoteAddress(address));
        self.transport.add_remote(str0m::Candidate::from_parts(
            foundation.to_owned(),
            1,
            Protocol::Udp,
            priority,
            address,
            agent_kind(kind),
            None,
            None,
            ufrag.map(str::to_owned),
        ));
    }

    /// Looks for a new path over these addresses instead of those given before: for a change of interfaces, or
    /// after the path was lost. The new offer goes out at once, or as soon as one that is under way is answered.
    pub fn restart_ice(&mut self, candidates: &[LocalCandidate], now: Instant) {
        if !self.state().is_established() {
            return;
        }
        self.addresses.complete = false;
        let (kept, gone) =
            mem::take(&mut self.addresses.locals).into_iter().partition(|(l, _)| candidates.contains(l));
        self.addresses.locals = kept;
        let gone: Vec<(LocalCandidate, String)> = gone;
        for candidate in gone.iter().filter_map(|(l, _)| l.to_agent().ok()) {
            self.transport.remove_local(&candidate);
        }
        for candidate in candidates {
            if !self.addresses.has_local(candidate)
                && let Err(error) = self.add_to_agent(*candidate)
            {
                tracing::debug!(%error, "skipped a local candidate");
            }
        }
        self.negotiation.want_restart();
        self.send_wanted_update(now);
        self.kick(now);
    }

    /// Gives the agent its turn at once: a queued answer to an early check, and a check of our own.
    pub(super) fn kick(&mut self, now: Instant) {
        if self.negotiation.is_remote_known() {
            self.transport.tick(now);
            self.transport.tick(now);
            self.absorb(now);
        }
    }
}

fn agent_kind(kind: CandidateKind) -> str0m::CandidateKind {
    match kind {
        CandidateKind::Host => str0m::CandidateKind::Host,
        CandidateKind::ServerReflexive => str0m::CandidateKind::ServerReflexive,
        CandidateKind::PeerReflexive => str0m::CandidateKind::PeerReflexive,
        CandidateKind::Relayed => str0m::CandidateKind::Relayed,
    }
}
