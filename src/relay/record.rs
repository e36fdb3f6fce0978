//! What each packet needs of an allocation, and nothing else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::bucket::Bucket;
use super::client::Client;
use super::uptime::Uptime;
use crate::ice::stun::ChannelNumber;

/// Channels whose way is kept at hand: the one in use, and another while a call changes its path.
const ROUTES: usize = 2;

/// The piece of an allocation that is touched by every packet.
///
/// With ten thousand clients nothing is in the first caches any more, so that a packet costs as much as it touches
/// lines. These are two, side by side; the rest of the allocation lies elsewhere and is left alone.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Record {
    /// How often the slot was given away before.
    pub(super) generation: u32,
    /// Whose the slot is; `None` while it is nobody's.
    pub(super) client: Option<Client>,
    pub(super) rate: Bucket,
    /// The latest first.
    routes: [Route; ROUTES],
}

const _: () = assert!(size_of::<Record>() == 128);

/// A way that was found in the allocation: this channel is that peer's, whom its client may speak with.
///
/// It is good until the channel, the permission or the allocation ends, whichever is first. Neither channel nor permission
/// can be taken back before its time, and when an allocation's end is moved its routes are forgotten: so a route that is
/// at hand is never wrong, only missing, and then the allocation is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    ip: IpAddr,
    port: u16,
    number: ChannelNumber,
    until: Uptime,
}

impl Route {
    /// `peer` is canonical: nothing but address and port is kept of it.
    pub(super) fn new(number: ChannelNumber, peer: SocketAddr, until: Uptime) -> Self {
        Self { ip: peer.ip(), port: peer.port(), number, until }
    }

    /// One that is over from the beginning.
    const NONE: Self = Self {
        ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: 0,
        number: ChannelNumber::FIRST,
        until: Uptime::ZERO,
    };
}

impl Record {
    /// Nobody's.
    pub(super) fn vacant() -> Self {
        let rate = Bucket::new(None, Uptime::ZERO);
        Self { generation: 0, client: None, rate, routes: [Route::NONE; ROUTES] }
    }

    /// Gives the slot to a client.
    pub(super) fn occupy(&mut self, client: Client, rate: Bucket) {
        *self = Self { client: Some(client), rate, ..Self { generation: self.generation, ..Self::vacant() } };
    }

    /// Takes it back; says whose it was.
    pub(super) fn vacate(&mut self) -> Option<Client> {
        let client = self.client.take();
        *self = Self { generation: self.generation.wrapping_add(1), ..Self::vacant() };
        client
    }

    /// The peer behind a channel, if that is at hand.
    #[inline]
    pub(super) fn peer_of(&self, number: ChannelNumber, now: Uptime) -> Option<SocketAddr> {
        let route = self.routes.iter().find(|route| route.number == number && route.until > now)?;
        Some(SocketAddr::new(route.ip, route.port))
    }

    /// The channel of a peer (in canonical form), if that is at hand.
    #[inline]
    pub(super) fn channel_of(&self, peer: SocketAddr, now: Uptime) -> Option<ChannelNumber> {
        let is_peers =
            |route: &&Route| route.port == peer.port() && route.ip == peer.ip() && route.until > now;
        self.routes.iter().find(is_peers).map(|route| route.number)
    }

    /// Keeps a route at hand, in the place of an older one.
    pub(super) fn remember(&mut self, route: Route) {
        let [latest, older] = &mut self.routes;
        if latest.number != route.number {
            *older = *latest;
        }
        *latest = route;
    }

    pub(super) fn forget_routes(&mut self) {
        self.routes = [Route::NONE; ROUTES];
    }
}
