//! The program that relays in the kernel, as instructions.
//!
//! It sees a packet as it came in at an interface, before anything of this machine has looked at it (TCX ingress), and
//! either passes it on rewritten or leaves it exactly as it is for the sockets. Everything that could be against a packet
//! is looked at before the first byte of it is changed.
//!
//! ```text
//!  from a client    Ethernet | IPv4 | UDP | channel, length | data         longer by 4
//!  from a peer      Ethernet | IPv4 | UDP | data
//! ```
//!
//! Sums of 16-bit words are the same in either order of bytes (RFC 1071), so they are built from the packet's words as the
//! machine loads them and never turned around; only lengths are, before something is added to them.

use super::assembler::Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
use super::assembler::Operation::{Add, And, ExclusiveOr, Multiply, Or, ShiftLeft, ShiftRight, Subtract};
use super::assembler::Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use super::assembler::Width::{Byte, Double, Half, Word};
use super::assembler::{Assembler, AssemblerError, Helper, Instruction, Label, Register};
use super::entry::{
    CHANNEL_AT, ENTRANCE_AT, EXPIRES_AT, INTERFACE_AT, MTU_AT, PORTS_AT, PRICE_AT, PRICE_BITS, SLOT_AT,
    SOURCE_AT, TARGET_AT,
};
use super::maps::{Maps, OVER_RATE_AT, RESERVE_NS, SUM_PLACES, TO_CLIENTS_AT, TO_PEERS_AT};

/// What the program says of a packet (`enum tcx_action_base`).
pub(super) const NEXT: i32 = -1;
pub(super) const PASS: i32 = 0;
pub(super) const DROP: i32 = 2;
#[cfg(test)]
pub(super) const REDIRECT: i32 = 7;

/// `struct __sk_buff`.
mod context {
    pub(super) const LENGTH: i16 = 0;
    pub(super) const KIND: i16 = 4;
    pub(super) const PROTOCOL: i16 = 16;
    pub(super) const HAS_VLAN: i16 = 20;
    pub(super) const INTERFACE: i16 = 40;
    pub(super) const DATA: i16 = 76;
    pub(super) const DATA_END: i16 = 80;
    pub(super) const SEGMENT_BYTES: i16 = 176;
}

/// A packet of Ethernet, IPv4 without options, and UDP.
mod packet {
    pub(super) const IP: i16 = 14;
    pub(super) const TOTAL_LENGTH: i16 = 16;
    pub(super) const IDENTIFICATION: i16 = 18;
    pub(super) const FRAGMENT: i16 = 20;
    pub(super) const TTL: i16 = 22;
    pub(super) const PROTOCOL: i16 = 23;
    pub(super) const IP_CHECKSUM: i16 = 24;
    pub(super) const SOURCE: i16 = 26;
    pub(super) const TARGET: i16 = 30;
    pub(super) const PORTS: i16 = 34;
    pub(super) const LENGTH: i16 = 38;
    pub(super) const CHECKSUM: i16 = 40;
    pub(super) const DATA: i16 = 42;
    /// The length field of ChannelData.
    pub(super) const DECLARED: i16 = 44;
    /// Up to the end of ChannelData's header: what is looked into.
    pub(super) const LOOKED_AT: i32 = 46;
}

const ETHERNET_BYTES: i32 = 14;
const UDP_BYTES: i32 = 8;
/// IPv4 and UDP.
const HEADERS_BYTES: i32 = 28;
const CHANNEL_HEADER_BYTES: i32 = 4;
const UDP: i32 = 17;

/// Numbers as they are loaded from a packet by a machine with its lowest byte first.
const IPV4: i32 = 0x0008;
const UDP_IN_SUM: i32 = 0x1100;
/// More fragments, or not the first one.
const ANY_FRAGMENT: i32 = 0xff3f;
/// Version 4, five words, no class of service.
const IP_START: i32 = 0x0045;
/// A fresh time to live of 64, as the sockets give it, and UDP.
const TTL_AND_UDP: i32 = 0x1140;

/// How often it is tried to note bandwidth while other processors do the same.
const ACCOUNT_TRIES: usize = 4;

/// `BPF_ADJ_ROOM_NET`: between the IP header and what follows.
const BEHIND_IP: i32 = 0;

/// What is kept on the stack, by its distance from the end.
mod stack {
    pub(super) const KEY: i16 = -16;
    pub(super) const KEY_TARGET: i16 = -12;
    pub(super) const KEY_PORTS: i16 = -8;
    pub(super) const KEY_CHANNEL: i16 = -4;
    pub(super) const NOW: i16 = -24;
    pub(super) const INDEX: i16 = -28;
    /// Everything from here on is put into the new headers.
    pub(super) const CHECKSUM: i16 = -32;
    pub(super) const UDP_LENGTH: i16 = -36;
    pub(super) const CHANNEL_HEADER: i16 = -40;
    pub(super) const TOTAL_LENGTH: i16 = -44;
    pub(super) const IDENTIFICATION: i16 = -48;
}

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToPeer,
    ToClient,
}

impl Way {
    /// By how much the packet grows.
    fn growth(self) -> i32 {
        match self {
            Self::ToPeer => -CHANNEL_HEADER_BYTES,
            Self::ToClient => CHANNEL_HEADER_BYTES,
        }
    }

    /// Bytes between the UDP header and the data, once it is rewritten.
    fn header_bytes(self) -> i32 {
        match self {
            Self::ToPeer => 0,
            Self::ToClient => CHANNEL_HEADER_BYTES,
        }
    }

    fn sum_at(self) -> i16 {
        match self {
            Self::ToPeer => TO_PEERS_AT,
            Self::ToClient => TO_CLIENTS_AT,
        }
    }
}

/// Writes the program.
pub(super) fn write(maps: &Maps) -> Result<Vec<Instruction>, AssemblerError> {
    let mut a = Assembler::new();
    let (next, over_rate) = (a.label(), a.label());
    let mut writer = Writer { a, maps, next, over_rate };
    writer.look_at_context();
    writer.look_at_headers();
    writer.look_up_and_relay();
    writer.end();
    writer.a.finish()
}

/// Registers throughout: `R6` the context, `R7` the packet, `R8` its entry, `R9` the bytes of its data.
struct Writer<'m> {
    a: Assembler,
    maps: &'m Maps,
    /// Leaves the packet to the sockets.
    next: Label,
    /// Drops it for its allocation's bandwidth.
    over_rate: Label,
}

impl Writer<'_> {
    /// One IPv4 packet for this machine, with its first bytes at hand.
    fn look_at_context(&mut self) {
        let (a, next) = (&mut self.a, self.next);
        a.copy(R6, R1);
        let wanted = [
            (context::PROTOCOL, IPV4),
            (context::KIND, 0),
            (context::HAS_VLAN, 0),
            (context::SEGMENT_BYTES, 0),
        ];
        for (field, value) in wanted {
            a.load(Word, R2, R6, field);
            a.jump_if(R2, NotEqual, value, next);
        }
        let at_hand = a.label();
        load_packet(a, packet::LOOKED_AT);
        a.jump_if(R3, LessOrEqual, R2, at_hand);
        a.load(Word, R2, R6, context::LENGTH);
        a.jump_if(R2, Less, packet::LOOKED_AT, next);
        a.copy(R1, R6);
        a.copy(R2, packet::LOOKED_AT);
        a.call(Helper::SkbPullData);
        a.jump_if(R0, NotEqual, 0, next);
        load_packet(a, packet::LOOKED_AT);
        a.jump_if(R3, Greater, R2, next);
        a.place(at_hand);
    }

    /// A whole datagram without options, of which every length says the same.
    fn look_at_headers(&mut self) {
        let (a, next) = (&mut self.a, self.next);
        a.load(Byte, R2, R7, packet::IP);
        a.jump_if(R2, NotEqual, IP_START, next);
        a.load(Byte, R2, R7, packet::PROTOCOL);
        a.jump_if(R2, NotEqual, UDP, next);
        a.load(Half, R2, R7, packet::FRAGMENT);
        a.compute(And, R2, ANY_FRAGMENT);
        a.jump_if(R2, NotEqual, 0, next);
        a.load(Half, R9, R7, packet::TOTAL_LENGTH);
        a.swap16(R9);
        a.load(Word, R2, R6, context::LENGTH);
        a.compute(Subtract, R2, ETHERNET_BYTES);
        a.jump_if(R2, NotEqual, R9, next);
        a.load(Half, R2, R7, packet::LENGTH);
        a.swap16(R2);
        a.compute(Add, R2, HEADERS_BYTES - UDP_BYTES);
        a.jump_if(R2, NotEqual, R9, next);
    }

    /// What begins as ChannelData is looked for under its channel first, but a peer may send such bytes as well.
    fn look_up_and_relay(&mut self) {
        let a = &mut self.a;
        let from_peer = a.label();
        for (field, place) in [
            (packet::SOURCE, stack::KEY),
            (packet::TARGET, stack::KEY_TARGET),
            (packet::PORTS, stack::KEY_PORTS),
        ] {
            a.load(Word, R2, R7, field);
            a.store(Word, R10, place, R2);
        }
        a.load(Byte, R2, R7, packet::DATA);
        a.compute(And, R2, 0xf0);
        a.jump_if(R2, NotEqual, 0x40, from_peer);
        a.load(Half, R2, R7, packet::DATA);
        a.store(Word, R10, stack::KEY_CHANNEL, R2);
        look_up(a, self.maps.entries.descriptor(), stack::KEY);
        a.jump_if(R0, Equal, 0, from_peer);
        self.relay(Way::ToPeer);
        let (a, next) = (&mut self.a, self.next);
        a.place(from_peer);
        a.store(Word, R10, stack::KEY_CHANNEL, 0);
        look_up(a, self.maps.entries.descriptor(), stack::KEY);
        a.jump_if(R0, Equal, 0, next);
        self.relay(Way::ToClient);
    }

    /// Relays what fits the entry in `R0`.
    fn relay(&mut self, way: Way) {
        self.a.copy(R8, R0);
        self.measure(way);
        self.check_entry(way);
        self.prepare(way);
        self.charge();
        self.rewrite(way);
        self.count(way.sum_at());
        self.send();
    }

    /// How much data it is. Padded ChannelData is rare over UDP: the sockets take it.
    fn measure(&mut self, way: Way) {
        let (a, next) = (&mut self.a, self.next);
        a.compute(Subtract, R9, HEADERS_BYTES);
        if way == Way::ToPeer {
            a.compute(Subtract, R9, CHANNEL_HEADER_BYTES);
            a.load(Half, R2, R7, packet::DECLARED);
            a.swap16(R2);
            a.jump_if(R2, NotEqual, R9, next);
        }
    }

    /// The entry is not over, the packet came in where its sender is, its header is sound, and the way takes it.
    fn check_entry(&mut self, way: Way) {
        let (a, next) = (&mut self.a, self.next);
        a.call(Helper::KtimeGetNs);
        a.store(Double, R10, stack::NOW, R0);
        a.load(Double, R2, R8, EXPIRES_AT);
        a.jump_if(R2, LessOrEqual, R0, next);
        a.load(Word, R2, R6, context::INTERFACE);
        a.load(Word, R3, R8, ENTRANCE_AT);
        a.jump_if(R2, NotEqual, R3, next);
        a.copy(R2, 0);
        for at in (packet::IP..packet::PORTS).step_by(4) {
            a.load(Word, R3, R7, at);
            a.compute(Add, R2, R3);
        }
        fold(a, R2, R3, 3);
        a.jump_if(R2, NotEqual, 0xffff, next);
        a.copy(R2, R9);
        a.compute(Add, R2, HEADERS_BYTES + way.header_bytes());
        a.load(Word, R3, R8, MTU_AT);
        a.jump_if(R2, Greater, R3, next);
        a.swap16(R2);
        a.store(Word, R10, stack::TOTAL_LENGTH, R2);
    }

    /// Everything of the new headers that follows from the old packet.
    fn prepare(&mut self, way: Way) {
        let a = &mut self.a;
        a.copy(R2, R9);
        a.compute(Add, R2, UDP_BYTES + way.header_bytes());
        a.swap16(R2);
        a.store(Word, R10, stack::UDP_LENGTH, R2);
        if way == Way::ToClient {
            a.copy(R2, R9);
            a.swap16(R2);
            a.compute(ShiftLeft, R2, 16);
            a.load(Half, R3, R8, CHANNEL_AT);
            a.compute(Or, R2, R3);
            a.store(Word, R10, stack::CHANNEL_HEADER, R2);
        }
        self.prepare_checksum(way);
        let a = &mut self.a;
        a.call(Helper::GetRandom);
        a.compute(And, R0, 0xffff);
        a.store(Word, R10, stack::IDENTIFICATION, R0);
    }

    /// The checksum that the packet will have, from the one that it has (RFC 1624).
    ///
    /// A sender on this machine, or a machine inside this one, leaves a partial one: only the pseudo-header's sum, for
    /// a network card to complete, at a place that does not move with the header. Nobody looks at it on the way to a
    /// socket of this machine, so there it becomes none; what leaves again is left to the sockets.
    fn prepare_checksum(&mut self, way: Way) {
        let (next, a) = (self.next, &mut self.a);
        let (leaves, sum, none, done) = (a.label(), a.label(), a.label(), a.label());
        a.load(Half, R4, R7, packet::CHECKSUM);
        a.copy(R2, UDP_IN_SUM);
        for (width, field) in [(Word, packet::SOURCE), (Word, packet::TARGET), (Half, packet::LENGTH)] {
            a.load(width, R3, R7, field);
            a.compute(Add, R2, R3);
        }
        fold(a, R2, R3, 3);
        a.load(Word, R3, R8, INTERFACE_AT);
        a.jump_if(R3, NotEqual, 0, leaves);
        a.jump_if(R2, Equal, R4, none);
        a.jump(sum);
        a.place(leaves);
        a.jump_if(R2, Equal, R4, next);
        a.place(sum);
        a.jump_if(R4, Equal, 0, none);
        self.update_checksum(way);
        let a = &mut self.a;
        a.jump(done);
        a.place(none);
        a.store(Word, R10, stack::CHECKSUM, 0);
        a.place(done);
    }

    /// From the one in `R4`. In these sums 0xffff is nothing, whatever it is shifted by, and so keeps them above zero.
    fn update_checksum(&mut self, way: Way) {
        let a = &mut self.a;
        a.set_wide(R2, 0xffff << 32);
        a.compute(ExclusiveOr, R4, 0xffff);
        a.compute(Add, R2, R4);
        for (old, new) in
            [(packet::SOURCE, SOURCE_AT), (packet::TARGET, TARGET_AT), (packet::PORTS, PORTS_AT)]
        {
            a.load(Word, R3, R7, old);
            a.compute(Subtract, R2, R3);
            a.load(Word, R3, R8, new);
            a.compute(Add, R2, R3);
        }
        // The length counts twice: in the pseudo-header and in the header.
        a.load(Half, R3, R7, packet::LENGTH);
        a.load(Word, R4, R10, stack::UDP_LENGTH);
        for _ in 0..2 {
            a.compute(Subtract, R2, R3);
            a.compute(Add, R2, R4);
        }
        match way {
            Way::ToPeer => {
                a.load(Word, R3, R7, packet::DATA);
                a.compute(Subtract, R2, R3);
            }
            Way::ToClient => {
                a.load(Word, R3, R10, stack::CHANNEL_HEADER);
                a.compute(Add, R2, R3);
            }
        }
        fold(a, R2, R3, 4);
        a.compute(ExclusiveOr, R2, 0xffff);
        let is_some = a.label();
        a.jump_if(R2, NotEqual, 0, is_some);
        a.copy(R2, 0xffff);
        a.place(is_some);
        a.store(Word, R10, stack::CHECKSUM, R2);
    }

    /// Takes the data off the allocation's bandwidth. The account says until when that is used up, at the given price a
    /// byte; it may be a second ahead of now, which is a bucket with a second's worth in it.
    fn charge(&mut self) {
        let (next, over_rate, a) = (self.next, self.over_rate, &mut self.a);
        let paid = a.label();
        a.load(Double, R2, R8, PRICE_AT);
        a.jump_if(R2, Equal, 0, paid);
        a.load(Word, R3, R8, SLOT_AT);
        a.store(Word, R10, stack::INDEX, R3);
        look_up(a, self.maps.accounts.descriptor(), stack::INDEX);
        a.jump_if(R0, Equal, 0, next);
        a.copy(R7, R0);
        a.load(Double, R5, R8, PRICE_AT);
        a.compute(Multiply, R5, R9);
        a.compute(ShiftRight, R5, PRICE_BITS);
        a.load(Double, R4, R10, stack::NOW);
        for _ in 0..ACCOUNT_TRIES {
            let is_ahead = a.label();
            a.load(Double, R0, R7, 0);
            a.copy(R2, R0);
            a.jump_if(R2, GreaterOrEqual, R4, is_ahead);
            a.copy(R2, R4);
            a.place(is_ahead);
            a.compute(Add, R2, R5);
            a.copy(R3, R2);
            a.compute(Subtract, R3, R4);
            a.jump_if(R3, Greater, RESERVE_NS as i32, over_rate);
            a.copy(R1, R0);
            a.exchange_if_same(R7, 0, R2);
            a.jump_if(R0, Equal, R1, paid);
        }
        a.jump(next);
        a.place(paid);
    }

    /// Makes the packet longer or shorter behind its IP header, and writes all of its headers anew.
    fn rewrite(&mut self, way: Way) {
        let (a, next) = (&mut self.a, self.next);
        a.copy(R1, R6);
        a.copy(R2, way.growth());
        a.copy(R3, BEHIND_IP);
        a.copy(R4, 0);
        a.call(Helper::SkbAdjustRoom);
        a.jump_if(R0, NotEqual, 0, next);
        let is_whole = a.label();
        load_packet(a, i32::from(packet::DATA) + way.header_bytes());
        a.jump_if(R3, LessOrEqual, R2, is_whole);
        // What was at hand before still is, but the verifier does not know.
        a.copy(R0, DROP);
        a.exit();
        a.place(is_whole);
        a.load(Word, R4, R10, stack::TOTAL_LENGTH);
        a.compute(ShiftLeft, R4, 16);
        a.compute(Or, R4, IP_START);
        a.store(Word, R7, packet::IP, R4);
        a.load(Word, R3, R10, stack::IDENTIFICATION);
        a.store(Word, R7, packet::IDENTIFICATION, R3);
        a.compute(Add, R4, R3);
        a.store(Half, R7, packet::TTL, TTL_AND_UDP);
        a.compute(Add, R4, TTL_AND_UDP);
        for (old, new) in [(packet::SOURCE, SOURCE_AT), (packet::TARGET, TARGET_AT)] {
            a.load(Word, R3, R8, new);
            a.store(Word, R7, old, R3);
            a.compute(Add, R4, R3);
        }
        fold(a, R4, R3, 3);
        a.compute(ExclusiveOr, R4, 0xffff);
        a.store(Half, R7, packet::IP_CHECKSUM, R4);
        a.load(Word, R3, R8, PORTS_AT);
        a.store(Word, R7, packet::PORTS, R3);
        for (field, place) in [(packet::LENGTH, stack::UDP_LENGTH), (packet::CHECKSUM, stack::CHECKSUM)] {
            a.load(Word, R3, R10, place);
            a.store(Half, R7, field, R3);
        }
        if way == Way::ToClient {
            a.load(Word, R3, R10, stack::CHANNEL_HEADER);
            a.store(Word, R7, packet::DATA, R3);
        }
    }

    /// One more packet, and its data.
    fn count(&mut self, at: i16) {
        let a = &mut self.a;
        let done = a.label();
        a.call(Helper::GetProcessorId);
        a.compute(And, R0, SUM_PLACES as i32 - 1);
        a.store(Word, R10, stack::INDEX, R0);
        look_up(a, self.maps.sums.descriptor(), stack::INDEX);
        a.jump_if(R0, Equal, 0, done);
        a.copy(R1, 1);
        a.add_atomically(R0, at, R1);
        a.add_atomically(R0, at + 8, R9);
        a.place(done);
    }

    /// Up to a socket of this machine, or out again, where the system knows the next machine on the way.
    fn send(&mut self) {
        let a = &mut self.a;
        let leaves = a.label();
        a.load(Word, R1, R8, INTERFACE_AT);
        a.jump_if(R1, NotEqual, 0, leaves);
        a.copy(R0, PASS);
        a.exit();
        a.place(leaves);
        [R2, R3, R4].into_iter().for_each(|register| a.copy(register, 0));
        a.call(Helper::RedirectNeigh);
        a.exit();
    }

    fn end(&mut self) {
        self.a.place(self.over_rate);
        self.count(OVER_RATE_AT);
        let a = &mut self.a;
        a.copy(R0, DROP);
        a.exit();
        a.place(self.next);
        a.copy(R0, NEXT);
        a.exit();
    }
}

/// `R7` the packet, `R3` where so many bytes of it end, `R2` where those at hand do.
fn load_packet(a: &mut Assembler, bytes: i32) {
    a.load(Word, R7, R6, context::DATA);
    a.load(Word, R2, R6, context::DATA_END);
    a.copy(R3, R7);
    a.compute(Add, R3, bytes);
}

/// `R0` what a map has under the key on the stack, or 0.
fn look_up(a: &mut Assembler, map: i32, key: i16) {
    a.set_map(R1, map);
    a.copy(R2, R10);
    a.compute(Add, R2, i32::from(key));
    a.call(Helper::MapLookup);
}

/// Folds a sum into 16 bits, in so many rounds.
fn fold(a: &mut Assembler, sum: Register, scratch: Register, rounds: usize) {
    for _ in 0..rounds {
        a.copy(scratch, sum);
        a.compute(ShiftRight, scratch, 16);
        a.compute(And, sum, 0xffff);
        a.compute(Add, sum, scratch);
    }
}
