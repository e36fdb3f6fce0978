//! Candidates in both directions (RFC 8838), before, in and after descriptions.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use str0m::net::Protocol;

use super::{Call, CallError, CallEvent, Transmit};
use crate::ice::candidate::{Component, Foundations, Transport};
use crate::ice::mdns::HostName;
use crate::ice::{Candidate, CandidateKind, CandidateLine};
use crate::signaling::{self, ClientMessage};

/// Most remote candidates per start of ICE. A machine with ten addresses, each seen by two STUN servers and two
/// relays, has fifty; every one more costs a check for each of ours.
pub const MAX_REMOTE_CANDIDATES: usize = 64;

/// One address where we can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    /// How the address was found.
    pub kind: CandidateKind,
    /// The address that the other side sends to.
    pub address: SocketAddr,
    /// The local socket that it belongs to; the same as `address` for a host candidate.
    pub base: SocketAddr,
    /// What the other side is told in place of the address.
    pub name: Option<HostName>,
}

impl LocalCandidate {
    /// An address of this machine itself.
    pub fn host(address: SocketAddr) -> Self {
        Self { kind: CandidateKind::Host, address, base: address, name: None }
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
    foundations: Foundations,
    /// Remote candidates that came before the description they belong to.
    early: Vec<String>,
    /// Remote candidates whose names are not resolved.
    hidden: Vec<Candidate<'static>>,
    remotes: Vec<(SocketAddr, CandidateKind)>,
    /// Addresses of the other side that are known by a name alone.
    resolved: Vec<IpAddr>,
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

    /// The agent's line as the other side may see it: the agent hashes foundations from addresses, which are few enough to
    /// be tried out; and a name stands in place of an address that is hidden. Empty where the agent has no use for it.
    fn told(&mut self, candidate: &LocalCandidate, line: &str) -> String {
        let Ok(line) = Candidate::parse(line) else { return String::new() };
        let base = candidate.base.ip();
        let number = self.foundations.number(candidate.kind, base, None, Transport::Udp);
        let line = line.with_foundation(number);
        match candidate.name.map(|name| name.to_string()) {
            None => line.to_string(),
            Some(name) => line.with_mdns_name(&name).map_or_else(String::new, |line| line.to_string()),
        }
    }

    /// Whether a relay of ours would learn an address that the other side hides. draft-ietf-mmusic-mdns-ice-candidates
    /// section 3.3.2: relayed candidates are not paired with names.
    pub(super) fn would_disclose(&self, transmit: &Transmit) -> bool {
        self.resolved.contains(&transmit.destination.ip())
            && self.local_kind(transmit.source) == CandidateKind::Relayed
    }

    fn has_local(&self, candidate: &LocalCandidate) -> bool {
        self.locals.iter().any(|(local, _)| local == candidate)
    }

    /// ICE starts anew: what was known of the other side is void.
    pub(super) fn restart(&mut self) {
        self.remotes.clear();
        self.hidden.clear();
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
        let line = self.addresses.told(&candidate, &line);
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

    /// The address of a [`CallEvent::UnresolvedHost`]: every candidate with that name takes part from now on. A name that
    /// is not waited for is of no effect.
    pub fn resolve_host(&mut self, name: HostName, ip: IpAddr, now: Instant) {
        if self.state().is_ended() {
            return;
        }
        let is_named = |candidate: &Candidate<'_>| {
            candidate.mdns_name().and_then(HostName::parse).is_some_and(|other| other == name)
        };
        let (named, others): (Vec<_>, Vec<_>) =
            mem::take(&mut self.addresses.hidden).into_iter().partition(is_named);
        self.addresses.hidden = others;
        let is_open = self.addresses.remotes.iter().any(|(address, _)| address.ip() == ip);
        if !is_open && !named.is_empty() && !self.addresses.resolved.contains(&ip) {
            if self.addresses.resolved.len() >= MAX_REMOTE_CANDIDATES {
                return;
            }
            self.addresses.resolved.push(ip);
        }
        for candidate in named {
            self.take_remote(&candidate, SocketAddr::new(ip, candidate.port()));
        }
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
                self.addresses.resolved.retain(|ip| *ip != address.ip());
                self.take_remote(&candidate, address);
            }
            // Names of another form are nobody's that ICE has to do with.
            (None, Some(name)) => {
                if let Some(name) = HostName::parse(name) {
                    self.addresses.hidden.push(candidate.into_owned());
                    self.tell(CallEvent::UnresolvedHost { name });
                }
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

    /// Has a candidate of the other side, which is at this address, take part.
    fn take_remote(&mut self, candidate: &Candidate<'_>, address: SocketAddr) {
        let ip = address.ip();
        if ip.is_unspecified() || ip.is_multicast() || address.port() == 0 {
            return;
        }
        self.addresses.remotes.push((address, candidate.kind()));
        if !self.addresses.resolved.contains(&ip) {
            self.tell(CallEvent::RemoteAddress(address));
        }
        self.transport.add_remote(str0m::Candidate::from_parts(
            candidate.foundation().to_owned(),
            1,
            Protocol::Udp,
            candidate.priority().get(),
            address,
            agent_kind(candidate.kind()),
            None,
            None,
            candidate.ufrag().map(str::to_owned),
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
