//! What is gathered, and from whom.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ice::ServerUri;
use crate::ice::turn::Login;

/// How long relays over UDP are asked before those over TCP and TLS are asked too.
///
/// A relay over UDP is the better one wherever there is a choice. Two round trips to a server nearby fit in; where UDP
/// is blocked a call is late by no more than this.
pub const HEAD_START: Duration = Duration::from_millis(150);

/// Servers that one call asks. A browser warns at five.
pub const MAX_SERVERS: usize = 16;

/// Allocations that one call asks for: an address on each of a few servers, for each of a few interfaces.
pub const MAX_LEGS: usize = 32;

/// Addresses of one server that are asked, in each family.
pub(super) const MAX_ADDRESSES_A_FAMILY: usize = 2;

/// Which candidates the other side is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IcePolicy {
    /// All.
    #[default]
    All,
    /// Relayed ones alone: the other side does not learn where we are, and all media goes through a relay.
    Relay,
}

/// A server whose name is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What it is for, and its name.
    pub uri: ServerUri,
    /// Where it is, the resolver's first choice first.
    pub addresses: Vec<SocketAddr>,
    /// Who we are to it; a TURN server without is not asked.
    pub login: Option<Login>,
}

impl Server {
    /// The addresses to ask: the first few of each family.
    pub(super) fn asked(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let of = |v6: bool| self.addresses.iter().copied().filter(move |address| address.is_ipv6() == v6);
        of(true).take(MAX_ADDRESSES_A_FAMILY).chain(of(false).take(MAX_ADDRESSES_A_FAMILY))
    }
}

/// Whether a packet from this local address can get to that server: families alike, and loopback to loopback.
pub(super) fn can_reach(base: SocketAddr, server: SocketAddr) -> bool {
    base.is_ipv4() == server.is_ipv4() && base.ip().is_loopback() == server.ip().is_loopback()
}
