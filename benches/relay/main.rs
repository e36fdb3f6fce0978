//! The relay inside `switchboard` beside coturn, in one run: processor time for each packet, round trip, memory for each
//! allocation, time to allocate.
//!
//! `cargo bench --bench relay -- [ALLOCATIONS ..]`, by default 1 100 1000 10000. Prints a Markdown table. It needs two
//! processors and `taskset`, and is run on a machine that does nothing else. Beside the two stands what their sockets alone
//! cost, the part of a packet's time that no relay can save.
//!
//! A relay in the kernel works in the time of whoever sends. So what the whole machine spends is counted too: the relay, this
//! program and the kernel's own threads, less what the same datagrams take when they are sent straight past no program.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is made to be read")]

mod bare;
#[path = "../../src/net/relay_server/batch.rs"]
#[expect(dead_code, reason = "its tests run in the library")]
mod batch;
mod caller;
mod machine;
mod servers;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use caller::{Caller, PATIENCE};
use handset::ice::turn::Failure;
use machine::Machine;
use servers::{Server, raise_file_limit, stay_on_own_processor};

/// An Opus packet of a call, encrypted.
const PAYLOAD: [u8; 172] = [7; 172];

/// Packets that are under way at once: what a relay of some hundred calls finds when it wakes.
const BURST: usize = 64;

/// Packets each way in one round, and rounds; the median round counts.
const PACKETS: usize = 64 * 500;
const ROUNDS: usize = 9;

const PINGS: usize = 2000;

/// Without a relay. It is shown once the kernel's program stands by, which has nothing to do with it.
const STRAIGHT: &str = "none, past the program";

/// Callers without a relay at most: enough to be in nobody's near cache, and few enough for the files of one program.
const MAX_DIRECT: usize = 1000;

/// After a burst nobody looks for its packets for so long: looking costs time that is counted.
const SETTLING: Duration = Duration::from_millis(2);

/// Files that this program has open beside its callers' sockets.
const OTHER_FILES: usize = 64;

fn main() {
    if std::env::args().nth(1).as_deref() == Some(servers::BARE) {
        return bare::run();
    }
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    stay_on_own_processor();
    let files = raise_file_limit();
    let sizes = if sizes.is_empty() { vec![1, 100, 1000, 10_000] } else { sizes };
    println!(
        "| allocations | relay | CPU a packet, to peers | to clients | of the whole machine, to peers | to clients | lost | round trip | allocate | memory an allocation |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for size in sizes {
        // Each caller is a socket of this program.
        let mut measured = match (files - OTHER_FILES).saturating_sub(size.min(MAX_DIRECT)) / size.max(1) {
            0 | 1 => {
                eprintln!("{size} are too many for a program that may have {files} files open");
                continue;
            }
            2 => measure(size, &[Some(Server::ours()), Server::coturn()]),
            _ => measure(size, &[Some(Server::ours()), Some(Server::bare()), Server::coturn()]),
        };
        // For itself: while its program stands at the interface, everybody's packets pass by it, those sent straight too.
        let by_kernel = measure(size, &[Server::ours_by_kernel()]);
        let Some((_, straight)) = measured.pop() else { continue };
        let all: Vec<_> = measured.into_iter().chain(by_kernel).collect();
        report(
            size,
            &all.into_iter().map(|(name, figures)| (name, figures.beyond(&straight))).collect::<Vec<_>>(),
        );
    }
}

/// What these relays cost those who use them; the last is what it costs without one.
fn measure(size: usize, servers: &[Option<Server>]) -> Vec<(&'static str, Figures)> {
    let mut stands: Vec<Stand<'_>> =
        servers.iter().flatten().filter_map(|server| Stand::on(server, size)).collect();
    if stands.is_empty() {
        return Vec::new();
    }
    let mut direct = Stand::without_relay(size.min(MAX_DIRECT));
    // In turns: whatever else the machine does, it does to all.
    for _ in 0..ROUNDS {
        stands.iter_mut().for_each(Stand::count_costs);
        direct.count_costs();
    }
    for n in 0..PINGS {
        stands.iter_mut().for_each(|stand| stand.ping(n));
        // Whoever comes first finds the processor as the last one left it.
        stands.reverse();
    }
    stands.into_iter().chain([direct]).map(|stand| (stand.name, stand.figures())).collect()
}

fn report(size: usize, measured: &[(&str, Figures)]) {
    measured.iter().for_each(|(name, figures)| figures.print(size, name));
    let relays = measured.iter().filter(|(name, _)| *name != STRAIGHT);
    match relays.partition::<Vec<_>, _>(|(name, _)| *name == servers::COTURN) {
        (theirs, ours) if theirs.len() == 1 => {
            ours.iter().for_each(|(name, figures)| figures.print_ratio(size, name, &theirs[0].1));
        }
        _ => eprintln!("nothing to compare with at {size}: turnserver is not installed, or refused"),
    }
}

#[derive(Clone, Copy)]
struct Figures {
    /// Of the relay's process.
    to_peer_ns: f64,
    to_client_ns: f64,
    /// Of everybody who has to do with it, the kernel included.
    machine_to_peer_ns: f64,
    machine_to_client_ns: f64,
    lost: usize,
    round_trip_us: f64,
    allocate_us: f64,
    bytes: f64,
}

impl Figures {
    /// What the machine spends beyond the same datagrams sent straight.
    fn beyond(self, direct: &Self) -> Self {
        Self {
            machine_to_peer_ns: self.machine_to_peer_ns - direct.machine_to_peer_ns,
            machine_to_client_ns: self.machine_to_client_ns - direct.machine_to_client_ns,
            ..self
        }
    }

    fn print(&self, size: usize, name: &str) {
        println!(
            "| {size} | {name} | {:.0} ns | {:.0} ns | {:.0} ns | {:.0} ns | {} | {:.1} us | {:.0} us | {:.0} bytes |",
            self.to_peer_ns,
            self.to_client_ns,
            self.machine_to_peer_ns,
            self.machine_to_client_ns,
            self.lost,
            self.round_trip_us,
            self.allocate_us,
            self.bytes
        );
    }

    fn print_ratio(&self, size: usize, name: &str, theirs: &Self) {
        println!(
            "| {size} | {name} / coturn | {:.2} | {:.2} | {:.2} | {:.2} | | {:.2} | {:.2} | {:.2} |",
            self.to_peer_ns / theirs.to_peer_ns,
            self.to_client_ns / theirs.to_client_ns,
            self.machine_to_peer_ns / theirs.machine_to_peer_ns,
            self.machine_to_client_ns / theirs.machine_to_client_ns,
            self.round_trip_us / theirs.round_trip_us,
            self.allocate_us / theirs.allocate_us,
            self.bytes / theirs.bytes,
        );
    }
}

/// One relay or none, everybody who uses it, and what was measured of it so far.
struct Stand<'a> {
    name: &'static str,
    server: Option<&'a Server>,
    callers: Vec<Caller>,
    peer: UdpSocket,
    machine: Machine,
    bytes: f64,
    lost: usize,
    to_peer_ns: Vec<f64>,
    to_client_ns: Vec<f64>,
    machine_to_peer_ns: Vec<f64>,
    machine_to_client_ns: Vec<f64>,
    trips_us: Vec<f64>,
}

impl<'a> Stand<'a> {
    /// None, with a word on it, where the relay does not lend so many addresses.
    fn on(server: &'a Server, size: usize) -> Option<Self> {
        Self::try_on(server, size)
            .inspect_err(|failure| eprintln!("{} does not lend {size} addresses: {failure}", server.name))
            .ok()
    }

    fn try_on(server: &'a Server, size: usize) -> Result<Self, Failure> {
        let (peer, address) = peer();
        // One that is given back at once: what a first client makes any server set up is not an allocation's.
        drop(Caller::new(server, address, &PAYLOAD, usize::MAX)?);
        let before = server.usage().resident_bytes;
        let callers: Vec<Caller> =
            (0..size).map(|n| Caller::new(server, address, &PAYLOAD, n)).collect::<Result<_, _>>()?;
        let bytes = server.usage().resident_bytes.saturating_sub(before) as f64 / size as f64;
        Ok(Self { name: server.name, server: Some(server), bytes, ..Self::of(callers, peer) })
    }

    fn without_relay(size: usize) -> Self {
        let (peer, address) = peer();
        let callers = (0..size).map(|_| Caller::without_relay(address, &PAYLOAD)).collect();
        Self::of(callers, peer)
    }

    fn of(callers: Vec<Caller>, peer: UdpSocket) -> Self {
        Self {
            name: STRAIGHT,
            server: None,
            callers,
            peer,
            machine: Machine::new(),
            bytes: 0.0,
            lost: 0,
            to_peer_ns: Vec::new(),
            to_client_ns: Vec::new(),
            machine_to_peer_ns: Vec::new(),
            machine_to_client_ns: Vec::new(),
            trips_us: Vec::new(),
        }
    }

    fn count_costs(&mut self) {
        let cost = self.cost(|| to_peers(&self.callers, &self.peer));
        self.to_peer_ns.push(cost.relay_ns);
        self.machine_to_peer_ns.push(cost.machine_ns);
        self.lost += cost.missing;
        let cost = self.cost(|| to_clients(&self.callers, &self.peer));
        self.to_client_ns.push(cost.relay_ns);
        self.machine_to_client_ns.push(cost.machine_ns);
        self.lost += cost.missing;
    }

    fn cost(&self, round: impl FnOnce() -> usize) -> Cost {
        let relay_ns = || self.server.map_or(0, |server| server.usage().cpu_ns);
        let before = (relay_ns(), self.machine.spent_ns());
        let arrived = round();
        let spent = (relay_ns() - before.0, self.machine.spent_ns() - before.1);
        let each = |ns: u64| ns as f64 / arrived.max(1) as f64;
        Cost { relay_ns: each(spent.0), machine_ns: each(spent.0 + spent.1), missing: PACKETS - arrived }
    }

    fn ping(&mut self, n: usize) {
        self.trips_us.push(round_trip(&self.callers[n % self.callers.len()], &self.peer));
    }

    fn figures(mut self) -> Figures {
        let mut times: Vec<f64> = self.callers.iter().map(|caller| micros(caller.allocated_in)).collect();
        Figures {
            to_peer_ns: median(&mut self.to_peer_ns),
            to_client_ns: median(&mut self.to_client_ns),
            machine_to_peer_ns: median(&mut self.machine_to_peer_ns),
            machine_to_client_ns: median(&mut self.machine_to_client_ns),
            lost: self.lost,
            round_trip_us: median(&mut self.trips_us),
            allocate_us: median(&mut times),
            bytes: self.bytes,
        }
    }
}

/// What a packet that arrived took, and how many did not.
struct Cost {
    relay_ns: f64,
    machine_ns: f64,
    missing: usize,
}

/// Somebody with whom all callers speak.
fn peer() -> (UdpSocket, SocketAddr) {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    peer.set_nonblocking(true).expect("a socket can");
    let address = peer.local_addr().expect("bound");
    (peer, address)
}

/// Packets from one client after the other, a burst at a time.
fn to_peers(callers: &[Caller], peer: &UdpSocket) -> usize {
    let (mut next, mut arrived) = (callers.iter().cycle(), 0);
    let mut buffer = [0; 2048];
    for _ in 0..PACKETS / BURST {
        for caller in next.by_ref().take(BURST) {
            caller.socket.send(&caller.packet).expect("loopback takes a datagram");
        }
        std::thread::sleep(SETTLING);
        arrived += (0..BURST).take_while(|_| take(peer, &mut buffer, sleep).is_some()).count();
    }
    arrived
}

/// Packets to one client after the other, a burst at a time.
fn to_clients(callers: &[Caller], peer: &UdpSocket) -> usize {
    let (mut next, mut arrived) = (callers.iter().cycle(), 0);
    let mut buffer = [0; 2048];
    for _ in 0..PACKETS / BURST {
        let burst: Vec<&Caller> = next.by_ref().take(BURST).collect();
        for caller in &burst {
            peer.send_to(&PAYLOAD, caller.relayed).expect("loopback takes a datagram");
        }
        std::thread::sleep(SETTLING);
        arrived += burst.iter().filter(|caller| take(&caller.socket, &mut buffer, sleep).is_some()).count();
    }
    arrived
}

/// There and back again through the relay, in microseconds.
fn round_trip(caller: &Caller, peer: &UdpSocket) -> f64 {
    let mut buffer = [0; 2048];
    let started = Instant::now();
    caller.socket.send(&caller.packet).expect("loopback takes a datagram");
    if let Some((length, from)) = take(peer, &mut buffer, std::hint::spin_loop) {
        peer.send_to(&buffer[..length], from).expect("loopback takes a datagram");
        let _ = take(&caller.socket, &mut buffer, std::hint::spin_loop);
    }
    micros(started.elapsed())
}

/// Takes a datagram, and does `meanwhile` until it comes.
fn take(socket: &UdpSocket, buffer: &mut [u8], meanwhile: fn()) -> Option<(usize, SocketAddr)> {
    let limit = Instant::now() + PATIENCE;
    loop {
        match socket.recv_from(buffer) {
            Ok(taken) => return Some(taken),
            Err(_) if Instant::now() < limit => meanwhile(),
            Err(_) => return None,
        }
    }
}

/// Whoever waits at a socket is woken by the one who sends, and the relay would be charged for it, which on a network it is
/// not. So nobody does while processor time is counted.
fn sleep() {
    std::thread::sleep(Duration::from_micros(200));
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
