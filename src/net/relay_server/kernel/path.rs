//! What the shell hands over to the kernel: it keeps the program's entries as the core has them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::entry::{Entry, EntryKey, price};
use super::maps::Maps;
use super::program;
use super::routes::{Route, Routes};
use super::sys::Program;
use super::{interfaces, meter::KernelMeter};
use crate::ice::stun::ChannelNumber;

/// Channels of one allocation that the kernel relays: a call uses one, and another while it changes its path. What more
/// there are the sockets serve, so that nobody has the kernel's memory for himself.
const MAX_CHANNELS: usize = 4;

/// Entries for each allocation in the mean: two ways, two channels.
const ENTRIES_PER_ALLOCATION: usize = 4;

/// Entries at most: some 16 MB of the kernel's memory.
const MAX_ENTRIES: usize = 131_072;

/// After a change in the network others follow; for so long everything goes by the sockets.
const SETTLING: Duration = Duration::from_secs(1);

/// The loopback interface of every network namespace.
const LOOPBACK: u32 = 1;

/// Allocations whose ways are looked up anew in one turn.
const RENEWED_AT_ONCE: usize = 128;

/// A channel that passes: what the core said, with local addresses, which may be unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net::relay_server) struct Passage {
    pub(in crate::net::relay_server) client: SocketAddr,
    pub(in crate::net::relay_server) listener: SocketAddr,
    pub(in crate::net::relay_server) relayed: SocketAddr,
    pub(in crate::net::relay_server) channel: ChannelNumber,
    pub(in crate::net::relay_server) peer: SocketAddr,
    pub(in crate::net::relay_server) until: Instant,
}

/// Why the kernel does not relay.
#[derive(Debug, thiserror::Error)]
pub enum KernelPathError {
    /// Neither x86-64 nor 64-bit ARM.
    #[error("the kernel can't relay: this kind of processor is not supported")]
    Processor,
    /// The system lacks or refuses something.
    #[error("the kernel can't relay, which takes Linux 6.6 and CAP_BPF with CAP_NET_ADMIN: {what}: {source}")]
    System {
        /// Which of them.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// One that the kernel carries, or could.
#[derive(Debug)]
struct Carried {
    passage: Passage,
    /// Its entries, while they are there: of the client, of the peer.
    keys: Option<[EntryKey; 2]>,
}

/// The kernel's part of a relay. With it the program goes.
#[derive(Debug)]
pub(in crate::net::relay_server) struct KernelPath {
    pub(super) maps: Arc<Maps>,
    _links: Vec<OwnedFd>,
    routes: Routes,
    price: u64,
    /// At the index of their [`RelayId`](crate::relay::RelayId).
    carried: Vec<Vec<Carried>>,
    renewal: Option<Renewal>,
    has_been_full: bool,
}

/// Ways are looked up anew from a time on, and from an allocation on.
#[derive(Debug, Clone, Copy)]
struct Renewal {
    at: Instant,
    next: usize,
}

impl KernelPath {
    /// Loads the program and attaches it to the interfaces that have these addresses.
    pub(in crate::net::relay_server) fn start(
        addresses: &[IpAddr],
        allocations: usize,
        bytes_per_s: Option<u32>,
    ) -> Result<Self, KernelPathError> {
        if !cfg!(all(target_endian = "little", any(target_arch = "x86_64", target_arch = "aarch64"))) {
            return Err(KernelPathError::Processor);
        }
        let system = |what| move |source| KernelPathError::System { what, source };
        let entries = (allocations * ENTRIES_PER_ALLOCATION).clamp(1, MAX_ENTRIES);
        let maps =
            Maps::create(entries as u32, allocations.max(1) as u32).map_err(system("it gives no table"))?;
        let code = program::write(&maps).map_err(|error| KernelPathError::System {
            what: "the program is not complete",
            source: io::Error::other(error),
        })?;
        let program = Program::load(&code).map_err(system("it does not take the program"))?;
        let addresses: Vec<Ipv4Addr> = addresses.iter().filter_map(|ip| ipv4(*ip)).collect();
        let links = interfaces::with_addresses(&addresses)
            .and_then(|numbers| numbers.into_iter().map(|number| program.attach(number)).collect())
            .map_err(system("the program can't be attached"))?;
        let routes = Routes::new().map_err(system("it tells no routes"))?;
        Ok(Self {
            maps: Arc::new(maps),
            _links: links,
            routes,
            price: price(bytes_per_s),
            carried: Vec::new(),
            renewal: None,
            has_been_full: false,
        })
    }

    /// Where to read what it has relayed.
    pub(in crate::net::relay_server) fn meter(&self) -> KernelMeter {
        KernelMeter::new(self.maps.clone())
    }

    /// A channel of the allocation at this index passes until then.
    pub(in crate::net::relay_server) fn pass(&mut self, slot: usize, passage: Passage, now: Instant) {
        if self.carried.len() <= slot {
            self.carried.resize_with(slot + 1, Vec::new);
        }
        let list = &mut self.carried[slot];
        // What had its channel or its peer before is over: both are bound once.
        list.retain_mut(|carried| {
            let is_same = carried.passage.is_same(&passage);
            let is_other = carried.passage.channel != passage.channel && carried.passage.peer != passage.peer;
            if !is_same && !is_other {
                carried.take_out(&self.maps);
            }
            is_same || is_other
        });
        match list.iter().position(|carried| carried.passage.is_same(&passage)) {
            Some(at) => list[at].passage = passage,
            None if list.len() < MAX_CHANNELS => list.push(Carried { passage, keys: None }),
            None => return,
        }
        if self.renewal.is_none() {
            self.put_in(slot, |carried| carried.passage.is_same(&passage), now);
        }
    }

    /// An allocation is over: call this before its socket is closed.
    pub(in crate::net::relay_server) fn close(&mut self, slot: usize) {
        let Some(list) = self.carried.get_mut(slot) else { return };
        if list.is_empty() {
            return;
        }
        list.drain(..).for_each(|mut carried| carried.take_out(&self.maps));
        self.maps.reset_account(slot as u32);
    }

    /// The sockets have relayed so many bytes of an allocation. If the kernel relays for it as well, they have one
    /// bandwidth together: says how much of that is left now.
    pub(in crate::net::relay_server) fn charge(&self, slot: usize, bytes: u64) -> Option<u64> {
        let is_carried = self.carried.get(slot).is_some_and(|list| !list.is_empty());
        (self.price > 0 && is_carried)
            .then(|| self.maps.charge_account(slot as u32, self.price, bytes, system_clock_ns()))
    }

    /// Something changed in the network: until it settles nothing is carried, and then the ways are looked up anew.
    pub(in crate::net::relay_server) fn handle_network_change(&mut self, now: Instant) {
        self.routes.forget();
        self.carried.iter_mut().flatten().for_each(|carried| carried.take_out(&self.maps));
        self.renewal = Some(Renewal { at: now + SETTLING, next: 0 });
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(in crate::net::relay_server) fn poll_timeout(&self) -> Option<Instant> {
        self.renewal.map(|renewal| renewal.at)
    }

    /// Looks up some ways anew, if it is time.
    pub(in crate::net::relay_server) fn handle_timeout(&mut self, now: Instant) {
        let Some(Renewal { at, next }) = self.renewal.filter(|renewal| renewal.at <= now) else { return };
        let end = (next + RENEWED_AT_ONCE).min(self.carried.len());
        (next..end).for_each(|slot| self.put_in(slot, |_| true, now));
        self.renewal = (end < self.carried.len()).then_some(Renewal { at, next: end });
    }

    /// Makes entries for those of an allocation that are meant.
    fn put_in(&mut self, slot: usize, is_meant: impl Fn(&Carried) -> bool, now: Instant) {
        let Self { maps, routes, price, carried, has_been_full, .. } = self;
        for carried in carried[slot].iter_mut().filter(|carried| is_meant(carried)) {
            let Some((keys, entries)) = carried.passage.entries(slot as u32, *price, routes, now) else {
                carried.take_out(maps);
                continue;
            };
            if carried.keys.is_some_and(|before| before != keys) {
                carried.take_out(maps);
            }
            carried.keys = Some(keys);
            let put = keys
                .iter()
                .zip(entries)
                .try_for_each(|(key, entry)| maps.entries.put(&key.to_bytes(), &entry.to_bytes()));
            if let Err(error) = put {
                carried.take_out(maps);
                if !std::mem::replace(has_been_full, true) {
                    tracing::info!(%error, "the kernel takes no more channels: the others go by the sockets");
                }
            }
        }
    }
}

impl Carried {
    fn take_out(&mut self, maps: &Maps) {
        for key in self.keys.take().into_iter().flatten() {
            // It is there, unless putting it in has failed.
            let _ = maps.entries.remove(&key.to_bytes());
        }
    }
}

impl Passage {
    /// Whether only its time differs.
    fn is_same(&self, other: &Self) -> bool {
        Self { until: other.until, ..*self } == *other
    }

    /// Keys and entries of the client's packets and of the peer's; none where the kernel cannot carry it.
    fn entries(
        &self,
        slot: u32,
        price: u64,
        routes: &mut Routes,
        now: Instant,
    ) -> Option<([EntryKey; 2], [Entry; 2])> {
        let (client, peer) = (socket_v4(self.client)?, socket_v4(self.peer)?);
        let mut way = |target: SocketAddrV4, from: SocketAddr| -> Option<(SocketAddrV4, Route)> {
            let from_ip = ipv4(from.ip())?;
            let source = Some(from_ip).filter(|ip| !ip.is_unspecified());
            let route = routes.find(*target.ip(), source).ok()?;
            Some((SocketAddrV4::new(route.source, from.port()), route))
        };
        let (relayed, to_peer) = way(peer, self.relayed)?;
        let (listener, to_client) = way(client, self.listener)?;
        // With an address of this machine as its source a packet is believed on loopback only.
        if to_peer.is_local() != to_client.is_local() {
            return None;
        }
        let entry = |source, target, channel, route: Route, back: Route| Entry {
            expires_ns: on_system_clock(self.until, now),
            price,
            source,
            target,
            channel,
            interface: route.interface,
            slot,
            mtu: route.mtu,
            entrance: if back.is_local() { LOOPBACK } else { back.interface },
        };
        let keys = [
            EntryKey { from: client, to: listener, channel: Some(self.channel) },
            EntryKey { from: peer, to: relayed, channel: None },
        ];
        let entries = [
            entry(relayed, peer, None, to_peer, to_client),
            entry(listener, client, Some(self.channel), to_client, to_peer),
        ];
        Some((keys, entries))
    }
}

fn system_clock_ns() -> u64 {
    let clock = clock_gettime(ClockId::Monotonic);
    clock.tv_sec as u64 * 1_000_000_000 + clock.tv_nsec as u64
}

/// What the kernel's clock shows at a time of ours. They are the same clock, but an [`Instant`] does not tell.
fn on_system_clock(time: Instant, now: Instant) -> u64 {
    let clock_ns = system_clock_ns();
    // The time of this turn is a little in the past already.
    let late = Instant::now().saturating_duration_since(now).as_nanos();
    let left = time.saturating_duration_since(now).as_nanos().saturating_sub(late);
    clock_ns.saturating_add(u64::try_from(left).unwrap_or(u64::MAX))
}

/// The IPv4 address that it is, is wrapped in it, or is among those that it stands for.
fn ipv4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(ip) => ip.is_unspecified().then_some(Ipv4Addr::UNSPECIFIED),
    }
}

/// An address to send to.
fn socket_v4(address: SocketAddr) -> Option<SocketAddrV4> {
    let ip = ipv4(address.ip()).filter(|ip| !ip.is_unspecified())?;
    Some(SocketAddrV4::new(ip, address.port()))
}
