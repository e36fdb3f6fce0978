//! A program with one client, one peer, and entries between them.

use std::net::SocketAddrV4;

use rustix::time::{ClockId, clock_gettime};

use super::super::entry::{Entry, EntryKey, price};
use super::super::maps::Maps;
use super::super::program::{self, NEXT};
use super::super::sys::Program;
use super::datagram::{Checksum, Datagram};
use crate::ice::stun::{ChannelData, ChannelNumber};

/// Why these tests cannot run, if they can't.
pub(crate) fn missing() -> Option<String> {
    let maps = match Maps::create(1, 1) {
        Ok(maps) => maps,
        Err(error) => return Some(format!("no tables in the kernel: {error}")),
    };
    // A program that the kernel does not take is a failure where it takes tables, but for its permission.
    match Program::load(&program::write(&maps).expect("complete")) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Some(format!("no programs in the kernel: {error}"))
        }
        _ => None,
    }
}

/// Where packets come in: loopback, or an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entrance {
    pub(super) number: u32,
    pub(super) hardware: [u8; 6],
}

pub(super) const LOOPBACK: Entrance = Entrance { number: 1, hardware: [0; 6] };

impl Entrance {
    /// Any interface of this machine with an Ethernet header but loopback; none where there is none.
    pub(super) fn from_outside() -> Option<Self> {
        let folders = std::fs::read_dir("/sys/class/net").ok()?.flatten().map(|entry| entry.path());
        folders.into_iter().find_map(|folder| {
            let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
            let number = read("ifindex")?.trim().parse().ok()?;
            let octets: Vec<u8> = read("address")?
                .trim()
                .split(':')
                .map(|octet| u8::from_str_radix(octet, 16).ok())
                .collect::<Option<_>>()?;
            let hardware: [u8; 6] = octets.try_into().ok()?;
            (read("type")?.trim() == "1").then_some(Self { number, hardware })
        })
    }
}

pub(super) struct Stand {
    pub(super) maps: Maps,
    program: Program,
    pub(super) client: SocketAddrV4,
    pub(super) listener: SocketAddrV4,
    pub(super) relayed: SocketAddrV4,
    pub(super) peer: SocketAddrV4,
    pub(super) channel: ChannelNumber,
    /// Of its entries.
    pub(super) entry: Entry,
}

impl Stand {
    /// With entries for an hour, to sockets of this machine.
    pub(super) fn new() -> Self {
        let stand = Self::empty();
        stand.put_entries();
        stand
    }

    /// Without entries.
    pub(super) fn empty() -> Self {
        let maps = Maps::create(16, 4).expect("looked for");
        let program = Program::load(&program::write(&maps).expect("complete")).expect("a legal program");
        let address = |text: &str| text.parse().expect("an address");
        Self {
            maps,
            program,
            client: address("198.51.100.7:4000"),
            listener: address("203.0.113.1:3478"),
            relayed: address("203.0.113.2:50000"),
            peer: address("192.0.2.9:9000"),
            channel: ChannelNumber::new(0x4001).expect("legal"),
            entry: Entry {
                expires_ns: now_ns() + 3_600_000_000_000,
                price: price(None),
                source: address("0.0.0.0:0"),
                target: address("0.0.0.0:0"),
                channel: None,
                interface: 0,
                slot: 2,
                mtu: 65_535,
                entrance: LOOPBACK.number,
            },
        }
    }

    /// As another kind of entry.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(&mut self.entry);
        self.put_entries();
        self
    }

    /// Between others, by an interface.
    pub(super) fn by(self, interface: Entrance) -> Self {
        self.with(|entry| (entry.interface, entry.entrance) = (interface.number, interface.number))
    }

    pub(super) fn keys(&self) -> [EntryKey; 2] {
        [
            EntryKey { from: self.client, to: self.listener, channel: Some(self.channel) },
            EntryKey { from: self.peer, to: self.relayed, channel: None },
        ]
    }

    fn put_entries(&self) {
        let [of_client, of_peer] = self.keys();
        let to_peer = Entry { source: self.relayed, target: self.peer, ..self.entry };
        let to_client =
            Entry { source: self.listener, target: self.client, channel: Some(self.channel), ..self.entry };
        for (key, entry) in [(of_client, to_peer), (of_peer, to_client)] {
            self.put(key, entry);
        }
    }

    pub(super) fn put(&self, key: EntryKey, entry: Entry) {
        self.maps.entries.put(&key.to_bytes(), &entry.to_bytes()).expect("room");
    }

    /// ChannelData of the client.
    pub(super) fn client_sends(&self, data: &[u8]) -> Datagram {
        let head = ChannelData::header(self.channel, data.len() as u16);
        let data = [&head[..], data].concat();
        Datagram { from: self.client, to: self.listener, data, checksum: Checksum::Whole }
    }

    /// What the peer gets of it.
    pub(super) fn peer_gets(&self, data: &[u8]) -> Datagram {
        Datagram { from: self.relayed, to: self.peer, data: data.to_vec(), checksum: Checksum::Whole }
    }

    pub(super) fn peer_sends(&self, data: &[u8]) -> Datagram {
        Datagram { from: self.peer, to: self.relayed, data: data.to_vec(), checksum: Checksum::Whole }
    }

    pub(super) fn client_gets(&self, data: &[u8]) -> Datagram {
        let head = ChannelData::header(self.channel, data.len() as u16);
        let data = [&head[..], data].concat();
        Datagram { from: self.listener, to: self.client, data, checksum: Checksum::Whole }
    }

    /// Runs the program for a frame: what it says, and the frame then.
    pub(super) fn run(&self, entrance: Entrance, frame: &[u8]) -> (i32, Vec<u8>) {
        self.run_segments(entrance, frame, 0)
    }

    /// The same for several datagrams in one, each of so many bytes.
    pub(super) fn run_segments(
        &self,
        entrance: Entrance,
        frame: &[u8],
        segment_bytes: u32,
    ) -> (i32, Vec<u8>) {
        // `struct __sk_buff`: the interface and the segments' length; the rest follows from the frame.
        let mut context = [0; 192];
        context[40..44].copy_from_slice(&entrance.number.to_ne_bytes());
        context[176..180].copy_from_slice(&segment_bytes.to_ne_bytes());
        self.program.run(frame, &context).expect("it can be run")
    }

    /// What is said of a datagram, and which one it becomes.
    pub(super) fn relay(&self, entrance: Entrance, datagram: &Datagram) -> (i32, Datagram) {
        let (said, frame) = self.run(entrance, &datagram.to_frame(entrance.hardware));
        (said, Datagram::of_frame(&frame).unwrap_or_else(|error| panic!("{datagram:?}: {error}")))
    }

    /// It goes up to the sockets as it came in.
    #[track_caller]
    pub(super) fn assert_unchanged(&self, what: &str, entrance: Entrance, frame: &[u8]) {
        let (said, after) = self.run(entrance, frame);
        assert_eq!(said, NEXT, "{what}");
        assert_eq!(after, frame, "{what}");
    }
}

/// Now, on the clock of the program.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
