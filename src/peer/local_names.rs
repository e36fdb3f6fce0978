//! One call's names on its links: ours in place of our addresses, and what stands behind theirs.

use std::net::IpAddr;
use std::time::Instant;

use crate::ice::CandidateKind;
use crate::ice::gather::Gathered;
use crate::ice::mdns::{HostName, Message, Resolved, Resolver, Responder};
use crate::net::interfaces::{self, Loopback};
use crate::net::{EventLoop, MulticastMessage, MulticastTarget};

use super::engine::random;

/// See the module's documentation.
pub(super) struct LocalNames {
    /// Our own addresses are told by names alone.
    hides: bool,
    loopback: Loopback,
    /// The only local addresses to use; empty for all.
    bind: Vec<IpAddr>,
    is_open: bool,
    resolver: Resolver,
    responder: Responder,
}

/// How an address of ours is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// As it is.
    Openly,
    /// By this name.
    As(HostName),
    /// Not at all: there are more addresses than names.
    Not,
}

impl LocalNames {
    /// With no name yet.
    pub(super) fn new(hides: bool, loopback: Loopback, bind: Vec<IpAddr>) -> Self {
        let resolver = Resolver::new(loopback == Loopback::Include);
        Self { hides, loopback, bind, is_open: false, resolver, responder: Responder::new() }
    }

    /// How the other side is told of an address. What a server sees us as is public already, and its base is never told.
    pub(super) fn told(&mut self, gathered: &Gathered) -> Told {
        if !self.hides || gathered.kind != CandidateKind::Host {
            return Told::Openly;
        }
        self.responder.name_of(gathered.address.ip(), random()).map_or(Told::Not, Told::As)
    }

    /// Asks what stands behind a name.
    pub(super) fn ask(&mut self, name: HostName, now: Instant) {
        self.resolver.ask(name, now);
    }

    /// What was found out.
    pub(super) fn poll_resolved(&mut self) -> Option<Resolved> {
        self.resolver.poll_resolved()
    }

    /// Takes what was said on a link.
    pub(super) fn handle_message(&mut self, said: &MulticastMessage<'_>, now: Instant) {
        match Message::parse(said.payload) {
            Ok(message) => {
                self.resolver.handle_message(&message);
                self.responder.handle_message(now, said.link, said.source, &message);
            }
            Err(error) => tracing::trace!(%error, "a message of multicast DNS was passed over"),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.resolver.poll_timeout().is_some_and(|at| at <= now) {
            self.resolver.handle_timeout(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.resolver.poll_timeout()
    }

    /// Listens on the links for questions about our addresses, if they are hidden. Says whether that is possible, if it
    /// has to be.
    pub(super) fn listen(&mut self, net: &mut EventLoop) -> bool {
        !self.hides || self.open(net) > 0
    }

    /// The links are others, and these addresses are gone. Says whether it can listen, if it has to.
    pub(super) fn handle_change(&mut self, gone: impl Iterator<Item = IpAddr>, net: &mut EventLoop) -> bool {
        gone.for_each(|ip| self.responder.forget(ip));
        self.resolver.forget();
        !self.is_open || self.open(net) > 0 || !self.hides
    }

    fn open(&mut self, net: &mut EventLoop) -> usize {
        self.is_open = true;
        match interfaces::links(self.loopback, &self.bind) {
            Ok(links) => net.open_multicast_dns(&links),
            Err(error) => {
                tracing::debug!(%error, "the system does not list its interfaces");
                0
            }
        }
    }

    /// Puts out questions and answers.
    pub(super) fn put_out(&mut self, net: &mut EventLoop) {
        while let Some(query) = self.resolver.poll_query() {
            if !self.is_open {
                self.open(net);
            }
            let target = match query.from_group {
                true => MulticastTarget::AskFromGroup,
                false => MulticastTarget::Ask,
            };
            net.send_multicast_dns(target, &query.bytes);
        }
        while let Some(response) = self.responder.poll_response() {
            let link = response.link;
            let target =
                response.to.map_or(MulticastTarget::Group(link), |to| MulticastTarget::One(link, to));
            net.send_multicast_dns(target, &response.bytes);
        }
    }

    /// The call is over: nobody is to find us any more.
    pub(super) fn close(&mut self, net: &mut EventLoop) {
        self.resolver.forget();
        self.responder = Responder::new();
        if self.is_open {
            net.close_multicast_dns();
            self.is_open = false;
        }
    }
}
