//! The relay inside `switchboard` beside coturn, in one run: processor time for each packet, round trip, memory for each
//! allocation, time to allocate.
//!
//! `cargo bench --bench relay -- [ALLOCATIONS ..]`, by default 1 100 1000 10000. Prints a Markdown table; run it on a
//! machine that does nothing else.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is made to be read")]

mod caller;
mod servers;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use caller::{Caller, PATIENCE};
use handset::ice::turn::Failure;
use servers::Server;

/// An Opus packet of a call, encrypted.
const PAYLOAD: [u8; 172] = [7; 172];

/// Packets that are under way at once: what a relay of some hundred calls finds when it wakes.
const BURST: usize = 64;

/// Packets each way in one round, and rounds; the median round counts.
const PACKETS: usize = 64 * 500;
const ROUNDS: usize = 5;

const PINGS: usize = 2000;

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1, 100, 1000, 10_000] } else { sizes };
    println!(
        "| allocations | relay | CPU a packet, to peers | to clients | lost | round trip | allocate | memory an allocation |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for size in sizes {
        let servers = [Some(Server::ours()), Server::coturn()];
        let measured: Vec<Figures> = servers
            .iter()
            .flatten()
            .filter_map(|server| {
                let figures = measure(server, size);
                match &figures {
                    Ok(figures) => figures.print(size, server.name),
                    Err(failure) => eprintln!("{} does not lend {size} addresses: {failure}", server.name),
                }
                figures.ok()
            })
            .collect();
        match measured.as_slice() {
            [ours, theirs] => println!(
                "| {size} | ratio | {:.2} | {:.2} | | {:.2} | {:.2} | {:.2} |",
                ours.to_peer_ns / theirs.to_peer_ns,
                ours.to_client_ns / theirs.to_client_ns,
                ours.round_trip_us / theirs.round_trip_us,
                ours.allocate_us / theirs.allocate_us,
                ours.bytes / theirs.bytes,
            ),
            _ => eprintln!(
                "nothing to compare with at {size}: turnserver is not installed, or one of them refused"
            ),
        }
    }
}

struct Figures {
    to_peer_ns: f64,
    to_client_ns: f64,
    lost: usize,
    round_trip_us: f64,
    allocate_us: f64,
    bytes: f64,
}

impl Figures {
    fn print(&self, size: usize, name: &str) {
        println!(
            "| {size} | {name} | {:.0} ns | {:.0} ns | {} | {:.1} us | {:.0} us | {:.0} bytes |",
            self.to_peer_ns, self.to_client_ns, self.lost, self.round_trip_us, self.allocate_us, self.bytes
        );
    }
}

/// # Errors
/// What the relay says when it does not lend so many.
fn measure(server: &Server, size: usize) -> Result<Figures, Failure> {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    let address = peer.local_addr().expect("bound");
    // One that is given back at once: what a first client makes any server set up is not an allocation's.
    drop(Caller::new(server, address, &PAYLOAD, usize::MAX)?);
    let before = server.usage().resident_bytes;
    let callers: Vec<Caller> =
        (0..size).map(|n| Caller::new(server, address, &PAYLOAD, n)).collect::<Result<_, _>>()?;
    let bytes = server.usage().resident_bytes.saturating_sub(before) as f64 / size as f64;
    let mut times: Vec<f64> = callers.iter().map(|caller| micros(caller.allocated_in)).collect();
    let allocate_us = median(&mut times);
    let (mut lost, mut to_peer, mut to_client) = (0, Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (ns, missing) = cost(server, || to_peers(&callers, &peer));
        to_peer.push(ns);
        lost += missing;
        let (ns, missing) = cost(server, || to_clients(&callers, &peer));
        to_client.push(ns);
        lost += missing;
    }
    let mut trips: Vec<f64> = (0..PINGS).map(|n| round_trip(&callers[n % size], &peer)).collect();
    Ok(Figures {
        to_peer_ns: median(&mut to_peer),
        to_client_ns: median(&mut to_client),
        lost,
        round_trip_us: median(&mut trips),
        allocate_us,
        bytes,
    })
}

/// Processor time for each packet that arrived, and how many did not.
fn cost(server: &Server, round: impl FnOnce() -> usize) -> (f64, usize) {
    let before = server.usage().cpu_ns;
    let arrived = round();
    let spent = server.usage().cpu_ns - before;
    (spent as f64 / arrived.max(1) as f64, PACKETS - arrived)
}

/// Packets from one client after the other, a burst at a time.
fn to_peers(callers: &[Caller], peer: &UdpSocket) -> usize {
    let (mut next, mut arrived) = (callers.iter().cycle(), 0);
    let mut buffer = [0; 2048];
    for _ in 0..PACKETS / BURST {
        for caller in next.by_ref().take(BURST) {
            caller.socket.send(&caller.packet).expect("loopback takes a datagram");
        }
        for _ in 0..BURST {
            match peer.recv_from(&mut buffer) {
                Ok(_) => arrived += 1,
                Err(_) => break,
            }
        }
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
        arrived += burst.iter().filter(|caller| caller.socket.recv(&mut buffer).is_ok()).count();
    }
    arrived
}

/// There and back again through the relay, in microseconds.
fn round_trip(caller: &Caller, peer: &UdpSocket) -> f64 {
    let mut buffer = [0; 2048];
    let started = Instant::now();
    caller.socket.send(&caller.packet).expect("loopback takes a datagram");
    if let Ok((length, from)) = peer.recv_from(&mut buffer) {
        peer.send_to(&buffer[..length], from).expect("loopback takes a datagram");
        let _ = caller.socket.recv(&mut buffer);
    }
    micros(started.elapsed())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
