//! Data on its way through a relay.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::client::Client;
use super::record::Route;
use super::server::{Outcome, Relay};
use super::table::RelayId;
use super::uptime::Uptime;
use crate::ice::stun::attribute::{Data, XorPeerAddress};
use crate::ice::stun::{AttributeType, ChannelData, ChannelNumber, Class, Message, MessageWriter, Method};

/// A Data indication's head with an IPv6 peer: header, XOR-PEER-ADDRESS, type and length of DATA.
const MAX_HEAD_BYTES: usize = 20 + 24 + 4;

/// What goes around a peer's data on its way to the client: four bytes in front for a channel, up to 48 otherwise, and up
/// to three behind it where the client needs them. The data itself is not moved: send the three pieces as one.
#[derive(Debug, Clone, Copy)]
pub struct Envelope {
    head: [u8; MAX_HEAD_BYTES],
    head_bytes: u8,
    padding: u8,
    is_channel: bool,
}

impl Default for Envelope {
    fn default() -> Self {
        Self::new()
    }
}

impl Envelope {
    /// An empty one, to be filled by [`Relay::handle_peer`].
    pub const fn new() -> Self {
        Self { head: [0; MAX_HEAD_BYTES], head_bytes: 0, padding: 0, is_channel: false }
    }

    /// What goes in front.
    #[inline]
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_bytes)]
    }

    /// What goes behind in a datagram: a Data indication is always padded, ChannelData is not.
    #[inline]
    pub fn datagram_padding(&self) -> &'static [u8] {
        if self.is_channel { &[] } else { self.stream_padding() }
    }

    /// What goes behind in a stream.
    #[inline]
    pub fn stream_padding(&self) -> &'static [u8] {
        &[0; 3][..usize::from(self.padding)]
    }
}

impl Relay {
    /// Takes a datagram that came to a relay socket. `Some` says which client it goes to, in the envelope; `None` that it
    /// goes nowhere.
    #[inline]
    pub fn handle_peer(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        data_bytes: usize,
        envelope: &mut Envelope,
        now: Instant,
    ) -> Option<Client> {
        let length = u16::try_from(data_bytes).ok()?;
        let peer = canonical(peer);
        let uptime = self.uptime(now);
        let record = self.table.record(relay)?;
        let (client, at_hand) = (record.client?, record.channel_of(peer, uptime));
        if at_hand.is_none() && !self.admits(relay, peer.ip(), now) {
            return None;
        }
        let channel = at_hand.or_else(|| self.look_up_channel(relay, peer, now));
        if !self.table.record(relay)?.rate.take(data_bytes as u64, uptime) {
            self.counters.over_rate += 1;
            return None;
        }
        envelope.padding = ChannelData::stream_padding(data_bytes) as u8;
        envelope.is_channel = channel.is_some();
        match channel {
            Some(channel) => {
                envelope.head[..4].copy_from_slice(&ChannelData::header(channel, length));
                envelope.head_bytes = 4;
            }
            None => self.write_indication_head(peer, length, envelope)?,
        }
        self.counters.to_clients += 1;
        self.counters.to_clients_bytes += data_bytes as u64;
        Some(client)
    }

    /// A Data indication up to where its data begins.
    fn write_indication_head(
        &mut self,
        peer: SocketAddr,
        length: u16,
        envelope: &mut Envelope,
    ) -> Option<()> {
        // Nobody answers an indication, so that nobody needs to guess its identifier: counting is enough.
        self.indications = self.indications.wrapping_add(1);
        let mut id = [0; 12];
        id[4..].copy_from_slice(&self.indications.to_be_bytes());
        let mut writer =
            MessageWriter::new(&mut envelope.head, Class::Indication, Method::DATA, id.into()).ok()?;
        writer.push(&XorPeerAddress(peer)).ok()?;
        let written = writer.finish().len();
        let (kind, padded) = (AttributeType::DATA.get(), u16::from(envelope.padding).checked_add(length)?);
        let data_head = u32::from(kind) << 16 | u32::from(length);
        envelope.head.get_mut(written..written + 4)?.copy_from_slice(&data_head.to_be_bytes());
        let body = u16::try_from(written + 4 - 20).ok()?.checked_add(padded)?;
        envelope.head[2..4].copy_from_slice(&body.to_be_bytes());
        envelope.head_bytes = u8::try_from(written + 4).ok()?;
        Some(())
    }

    #[inline]
    pub(super) fn on_channel_data<'p>(
        &mut self,
        client: Client,
        frame: ChannelData<'p>,
        now: Instant,
    ) -> Outcome<'p> {
        let Some(relay) = self.table.id_of(client) else { return self.foreign() };
        let uptime = self.uptime(now);
        let at_hand = self.table.record(relay).and_then(|record| record.peer_of(frame.channel, uptime));
        match at_hand.or_else(|| self.look_up_peer(relay, frame.channel, now)) {
            Some(peer) => self.pass_to_peer(relay, peer, frame.data, uptime),
            None => Outcome::Nothing,
        }
    }

    /// The peer behind a channel, from the allocation itself; the next packet finds it at hand.
    #[cold]
    fn look_up_peer(&mut self, relay: RelayId, number: ChannelNumber, now: Instant) -> Option<SocketAddr> {
        let allocation = self.table.get(relay)?;
        if !allocation.is_open() {
            self.counters.foreign += 1;
            return None;
        }
        let Some((peer, until)) = allocation.peer_of(number, now) else {
            self.counters.unpermitted += 1;
            return None;
        };
        let until = until.min(allocation.expires);
        if until <= now {
            return None;
        }
        let route = Route::new(number, peer, self.uptime(until));
        self.table.record(relay)?.remember(route);
        Some(peer)
    }

    /// The channel of a peer that is permitted, likewise.
    #[cold]
    fn look_up_channel(&mut self, relay: RelayId, peer: SocketAddr, now: Instant) -> Option<ChannelNumber> {
        let number = self.table.get(relay)?.channel_of(peer, now)?;
        self.look_up_peer(relay, number, now).map(|_| number)
    }

    /// Whether data from a peer may pass now.
    #[cold]
    fn admits(&mut self, relay: RelayId, ip: IpAddr, now: Instant) -> bool {
        let Some(allocation) = self.table.get(relay) else { return false };
        if !allocation.is_open() || allocation.expires <= now {
            return false;
        }
        let is_permitted = allocation.is_permitted(ip, now);
        self.counters.unpermitted += u64::from(!is_permitted);
        is_permitted
    }

    /// RFC 8656 §11.2: neither answered nor authenticated; what it needs is a permission.
    pub(super) fn on_send_indication<'p>(
        &mut self,
        client: Client,
        message: &Message<'p>,
        understood: &[AttributeType],
        now: Instant,
    ) -> Outcome<'p> {
        if message.not_understood(understood).next().is_some() {
            return self.foreign();
        }
        let (Ok(Some(XorPeerAddress(peer))), Ok(Some(Data(data)))) = (message.get(), message.get()) else {
            return self.foreign();
        };
        let peer = canonical(peer);
        let is_own = self.is_own_and_closed(peer);
        let Some((relay, allocation)) = self.table.open_of(client) else { return self.foreign() };
        if is_own || !allocation.is_permitted(peer.ip(), now) {
            self.counters.unpermitted += 1;
            return Outcome::Nothing;
        }
        if allocation.expires <= now {
            return Outcome::Nothing;
        }
        let uptime = self.uptime(now);
        self.pass_to_peer(relay, peer, data, uptime)
    }

    #[inline]
    fn pass_to_peer<'p>(
        &mut self,
        relay: RelayId,
        peer: SocketAddr,
        data: &'p [u8],
        uptime: Uptime,
    ) -> Outcome<'p> {
        let Some(record) = self.table.record(relay) else { return Outcome::Nothing };
        if !record.rate.take(data.len() as u64, uptime) {
            self.counters.over_rate += 1;
            return Outcome::Nothing;
        }
        self.counters.to_peers += 1;
        self.counters.to_peers_bytes += data.len() as u64;
        Outcome::ToPeer { relay, peer, data }
    }

    /// Whether an address is ours and not to be reached through us: a listener of ours, or whatever else runs here and
    /// is no relay socket, unless our own address is allowed by name.
    pub(super) fn is_own_and_closed(&self, peer: SocketAddr) -> bool {
        self.is_own(peer.ip())
            && (self.config.listener_ports.contains(&peer.port())
                || !(self.ports.contains(peer.port()) || self.config.policy.names(peer.ip())))
    }

    pub(super) fn is_own(&self, ip: IpAddr) -> bool {
        self.config.public_v4 == Some(ip) || self.config.public_v6 == Some(ip)
    }
}

/// The address behind an IPv4-mapped one: permissions and policies know only that.
#[inline]
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
