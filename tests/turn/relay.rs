//! Our relay core behind a plain shell of blocking sockets, for coturn's load client and for our own.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use handset::ice::turn::{Event, Login, Wire};
use handset::relay::{Action, Client, Config, Counters, Envelope, Logins, Outcome, Relay, RelayId};

use crate::client::Driven;
use crate::has;

const TICK: Duration = Duration::from_millis(20);

/// One datagram, and the socket it came to: a relay's, or the listener's.
type Arrived = (Option<RelayId>, SocketAddr, Vec<u8>);

/// The relay on a thread of its own; a reader thread for each socket. Good enough to be tested with.
struct Shell {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    counters: Arc<Mutex<Counters>>,
    threads: Vec<JoinHandle<()>>,
}

impl Shell {
    fn start(ports: std::ops::RangeInclusive<u16>) -> Self {
        let listener = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        let address = listener.local_addr().expect("bound");
        let mut logins = Logins::new();
        logins.add_user("alice", "secret");
        let mut config = Config::new("example.org", logins, address.ip());
        config.ports = ports;
        config.limits.allocations_per_user = 1000;
        config.limits.bytes_per_s = None;
        config.policy.allow("127.0.0.0/8".parse().expect("a network"));
        let relay = Relay::new(config, [7; 32], Instant::now(), 1_763_719_200);
        let (stop, counters) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Counters::default())));
        let (arrived, arrivals) = channel();
        let reader =
            read(listener.try_clone().expect("a second handle"), None, arrived.clone(), Arc::clone(&stop));
        let mut server = Server {
            relay,
            listener,
            sockets: HashMap::new(),
            arrived,
            stop: Arc::clone(&stop),
            counters: Arc::clone(&counters),
        };
        let worker = std::thread::spawn(move || server.run(&arrivals));
        Self { address, stop, counters, threads: vec![reader, worker] }
    }

    fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn read(
    socket: UdpSocket,
    relay: Option<RelayId>,
    arrived: Sender<Arrived>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    socket.set_read_timeout(Some(TICK)).expect("a timeout above zero");
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while !stop.load(Ordering::Relaxed) {
            if let Ok((length, from)) = socket.recv_from(&mut buffer)
                && arrived.send((relay, from, buffer[..length].to_vec())).is_err()
            {
                return;
            }
        }
    })
}

struct Server {
    relay: Relay,
    listener: UdpSocket,
    sockets: HashMap<RelayId, (UdpSocket, Arc<AtomicBool>)>,
    arrived: Sender<Arrived>,
    stop: Arc<AtomicBool>,
    counters: Arc<Mutex<Counters>>,
}

impl Server {
    fn run(&mut self, arrivals: &Receiver<Arrived>) {
        while !self.stop.load(Ordering::Relaxed) {
            if let Ok((relay, from, packet)) = arrivals.recv_timeout(TICK) {
                match relay {
                    None => self.on_client(from, &packet),
                    Some(relay) => self.on_peer(relay, from, &packet),
                }
            }
            self.relay.handle_timeout(Instant::now());
            self.act();
            *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = self.relay.counters();
        }
        self.sockets.values().for_each(|(_, stop)| stop.store(true, Ordering::Relaxed));
    }

    fn on_client(&mut self, remote: SocketAddr, packet: &[u8]) {
        let mut answer = [0; 512];
        match self.relay.handle_client(Client { listener: 0, remote }, packet, &mut answer, Instant::now()) {
            Outcome::Nothing => {}
            Outcome::Answer(length) => {
                let _ = self.listener.send_to(&answer[..length], remote);
            }
            Outcome::ToPeer { relay, peer, data } => {
                let _ = self.sockets[&relay].0.send_to(data, peer);
            }
        }
    }

    fn on_peer(&mut self, relay: RelayId, peer: SocketAddr, data: &[u8]) {
        let mut envelope = Envelope::new();
        if let Some(client) = self.relay.handle_peer(relay, peer, data.len(), &mut envelope, Instant::now()) {
            let packet = [envelope.head(), data, envelope.datagram_padding()].concat();
            let _ = self.listener.send_to(&packet, client.remote);
        }
    }

    fn act(&mut self) {
        let mut answer = [0; 512];
        while let Some(action) = self.relay.poll_action() {
            match action {
                Action::Open { relay, public, port } => {
                    let socket = UdpSocket::bind((public, port));
                    let opened = socket.is_ok();
                    if let Ok(socket) = socket {
                        let stop = Arc::new(AtomicBool::new(false));
                        let handle = socket.try_clone().expect("a second handle");
                        // It ends by itself within a tick of being told to.
                        drop(read(handle, Some(relay), self.arrived.clone(), Arc::clone(&stop)));
                        self.sockets.insert(relay, (socket, stop));
                    }
                    let answered = self.relay.handle_relay_opened(relay, opened, &mut answer, Instant::now());
                    if let Some((client, length)) = answered {
                        let _ = self.listener.send_to(&answer[..length], client.remote);
                    }
                }
                // Permission to relay without asking; this shell asks.
                Action::Pass { .. } => {}
                Action::Close { relay } => {
                    if let Some((_, stop)) = self.sockets.remove(&relay) {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}

#[test]
fn coturns_load_client_loses_nothing() {
    if !has("turnutils_uclient") {
        return;
    }
    let shell = Shell::start(62_000..=62_499);
    // Two clients, each with an RTP and an RTCP pair of ports, speak with each other through us. By indications (-s):
    // for channels it draws numbers up to 0x7fff, which RFC 8656 has taken away.
    let output = Command::new("turnutils_uclient")
        .args(["-y", "-s", "-u", "alice", "-w", "secret", "-m", "2", "-n", "50", "-l", "172", "-z", "20"])
        .args(["-L", "127.0.0.1", "-p", &shell.address.port().to_string(), "127.0.0.1"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Total lost packets 0 (0.000000%)"), "{text}{:?}", shell.counters());
    let counters = shell.counters();
    assert!(counters.to_peers > 0 && counters.to_clients > 0 && counters.allocations > 0, "{counters:?}");
}

#[test]
fn our_client_meets_our_relay_over_real_sockets() {
    let shell = Shell::start(62_500..=62_599);
    let login = || Login::new("alice", "secret").expect("of legal length");
    let mut near = Driven::connect(shell.address, Wire::Datagram, login());
    let mut far = Driven::connect(shell.address, Wire::Datagram, login());
    assert!(matches!(near.first_event(), Event::Allocated { .. }));
    assert!(matches!(far.first_event(), Event::Allocated { .. }));
    let relayed = |driven: &Driven| driven.client.relayed().expect("allocated");
    let (from, to) = (relayed(&near), relayed(&far));
    far.client.permit(from.ip(), Instant::now());
    far.until("a permission", |_| shell.counters().to_peers == 0);
    near.send_to(to, b"from relay to relay");
    near.until("a channel", |driven| driven.events.len() > 1);
    // The permission at the far end may have come after the first packet: the second finds it.
    near.send_to(to, b"from relay to relay");
    far.until("it", |driven| !driven.received.is_empty());
    assert_eq!(far.received[0], (from, b"from relay to relay".to_vec()));
}
