//! A client with an allocation and a channel to the peer.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use handset::ice::TransactionIds;
use handset::ice::turn::{self, Event, Failure, Wire};

use crate::bare::HELLO;
use crate::servers::Server;

/// Anything on loopback happens within this, or the packet is lost.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

pub(crate) struct Caller {
    pub(crate) socket: UdpSocket,
    pub(crate) relayed: SocketAddr,
    /// The payload on its channel, ready to be sent.
    pub(crate) packet: Vec<u8>,
    /// From the first request to the address.
    pub(crate) allocated_in: Duration,
}

impl Caller {
    pub(crate) fn new(server: &Server, peer: SocketAddr, payload: &[u8], n: usize) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((server.clients, 0)).expect("a loopback socket");
        socket.connect(server.address).expect("loopback");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let caller = match &server.login {
            Some(login) => {
                let mut seed = [5; 32];
                seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
                let config = turn::Config::new(server.address, Wire::Datagram, login.clone());
                let turn = turn::Client::new(config, TransactionIds::from_seed(seed), Instant::now());
                Client { socket, turn }.allocate(peer, payload)?
            }
            None => say_hello(socket, peer, payload),
        };
        caller.socket.set_nonblocking(true).expect("a socket can");
        Ok(caller)
    }
}

impl Caller {
    /// One who sends straight to the peer.
    pub(crate) fn without_relay(peer: SocketAddr, payload: &[u8]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        socket.connect(peer).expect("loopback");
        socket.set_nonblocking(true).expect("a socket can");
        let relayed = socket.local_addr().expect("bound");
        Self { socket, relayed, packet: payload.to_vec(), allocated_in: Duration::ZERO }
    }
}

/// See [`bare`](crate::bare).
fn say_hello(socket: UdpSocket, peer: SocketAddr, payload: &[u8]) -> Caller {
    let started = Instant::now();
    let hello = [&HELLO[..], peer.to_string().as_bytes()].concat();
    socket.send(&hello).expect("loopback takes a datagram");
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer).expect("an answer");
    let (number, relayed) = answer[..length].split_at(HELLO.len());
    let relayed = std::str::from_utf8(relayed).expect("words").parse().expect("an address");
    Caller { socket, relayed, packet: [number, payload].concat(), allocated_in: started.elapsed() }
}

/// While it asks for an address.
struct Client {
    socket: UdpSocket,
    turn: turn::Client,
}

impl Client {
    fn allocate(mut self, peer: SocketAddr, payload: &[u8]) -> Result<Caller, Failure> {
        let started = Instant::now();
        self.until(|event| matches!(event, Event::Allocated { .. }))?;
        let allocated_in = started.elapsed();
        let relayed = self.turn.relayed().expect("allocated");
        self.turn.bind(peer, Instant::now());
        self.until(|event| matches!(event, Event::ChannelBound { .. }))?;
        let mut packet = [0; 2048];
        let length = self.turn.wrap(peer, payload, &mut packet, Instant::now()).expect("bound");
        let packet = packet[..length].to_vec();
        Ok(Caller { socket: self.socket, relayed, packet, allocated_in })
    }

    fn until(&mut self, is_awaited: impl Fn(&Event) -> bool) -> Result<(), Failure> {
        let limit = Instant::now() + Duration::from_secs(20);
        let mut buffer = [0; 2048];
        loop {
            while let Some(transmit) = self.turn.poll_transmit() {
                self.socket.send(transmit.bytes).expect("loopback takes a datagram");
            }
            while let Some(event) = self.turn.poll_event() {
                if is_awaited(&event) {
                    return Ok(());
                }
                if let Event::Failed(failure) = event {
                    return Err(failure);
                }
            }
            if let Ok(length) = self.socket.recv(&mut buffer) {
                self.turn.handle_packet(&buffer[..length], Instant::now());
            }
            self.turn.handle_timeout(Instant::now());
            assert!(Instant::now() < limit, "the relay does not answer");
        }
    }
}
