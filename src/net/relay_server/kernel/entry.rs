//! What the kernel's program is told: which packets it passes on, and as what.
//!
//! Keys and values are bytes at fixed places: addresses and ports as in packets, the rest as the machine has its numbers.

use std::net::SocketAddrV4;

use crate::ice::stun::ChannelNumber;

/// Bytes of a key: who sent it, to whom, ports of both, the channel.
pub(super) const KEY_BYTES: usize = 16;

/// Bytes of a value, and what is where in it.
pub(super) const VALUE_BYTES: usize = 48;
pub(super) const EXPIRES_AT: i16 = 0;
pub(super) const PRICE_AT: i16 = 8;
pub(super) const SOURCE_AT: i16 = 16;
pub(super) const TARGET_AT: i16 = 20;
pub(super) const PORTS_AT: i16 = 24;
pub(super) const CHANNEL_AT: i16 = 28;
pub(super) const INTERFACE_AT: i16 = 32;
pub(super) const SLOT_AT: i16 = 36;
pub(super) const MTU_AT: i16 = 40;
pub(super) const ENTRANCE_AT: i16 = 44;

/// Bits behind the point of a price.
pub(super) const PRICE_BITS: i32 = 16;

/// The price of a byte for an allocation that may carry so much, in nanoseconds of its time; 0 is nothing.
pub(super) fn price(bytes_per_s: Option<u32>) -> u64 {
    match bytes_per_s {
        None => 0,
        // None at all: a single byte costs more than anybody has in reserve.
        Some(0) => 2_000_000_000 << PRICE_BITS,
        Some(rate) => (1_000_000_000 << PRICE_BITS) / u64::from(rate),
    }
}

/// Which packets are meant: all of a peer, or those of a client on one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryKey {
    pub(super) from: SocketAddrV4,
    pub(super) to: SocketAddrV4,
    pub(super) channel: Option<ChannelNumber>,
}

impl EntryKey {
    pub(super) fn to_bytes(self) -> [u8; KEY_BYTES] {
        let mut bytes = [0; KEY_BYTES];
        bytes[..4].copy_from_slice(&self.from.ip().octets());
        bytes[4..8].copy_from_slice(&self.to.ip().octets());
        bytes[8..12].copy_from_slice(&ports(self.from, self.to));
        bytes[12..14].copy_from_slice(&self.channel.map_or(0, ChannelNumber::get).to_be_bytes());
        bytes
    }
}

/// What becomes of such a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// On the system's monotonic clock.
    pub(super) expires_ns: u64,
    /// See [`price`].
    pub(super) price: u64,
    pub(super) source: SocketAddrV4,
    pub(super) target: SocketAddrV4,
    /// What is put in front of a peer's data.
    pub(super) channel: Option<ChannelNumber>,
    /// Where it leaves; 0 if the target is this machine's.
    pub(super) interface: u32,
    /// Whose account it goes to.
    pub(super) slot: u32,
    /// The longest packet that the way to the target takes.
    pub(super) mtu: u32,
    /// Where it must come in: by the way to who sent it.
    pub(super) entrance: u32,
}

impl Entry {
    pub(super) fn to_bytes(self) -> [u8; VALUE_BYTES] {
        let mut bytes = [0; VALUE_BYTES];
        let mut put = |at: i16, value: &[u8]| {
            let at = at as usize;
            bytes[at..at + value.len()].copy_from_slice(value);
        };
        put(EXPIRES_AT, &self.expires_ns.to_ne_bytes());
        put(PRICE_AT, &self.price.to_ne_bytes());
        put(SOURCE_AT, &self.source.ip().octets());
        put(TARGET_AT, &self.target.ip().octets());
        put(PORTS_AT, &ports(self.source, self.target));
        put(CHANNEL_AT, &self.channel.map_or(0, ChannelNumber::get).to_be_bytes());
        put(INTERFACE_AT, &self.interface.to_ne_bytes());
        put(SLOT_AT, &self.slot.to_ne_bytes());
        put(MTU_AT, &self.mtu.to_ne_bytes());
        put(ENTRANCE_AT, &self.entrance.to_ne_bytes());
        bytes
    }
}

/// As they stand in a packet: from, to.
fn ports(from: SocketAddrV4, to: SocketAddrV4) -> [u8; 4] {
    (u32::from(from.port()) << 16 | u32::from(to.port())).to_be_bytes()
}
