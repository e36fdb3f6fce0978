//! A client with an allocation and a channel to the peer.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use handset::ice::TransactionIds;
use handset::ice::turn::{self, Event, Failure, Wire};

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
    turn: turn::Client,
}

impl Caller {
    pub(crate) fn new(server: &Server, peer: SocketAddr, payload: &[u8], n: usize) -> Result<Self, Failure> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        socket.connect(server.address).expect("loopback");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let mut seed = [5; 32];
        seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
        let config = turn::Config::new(server.address, Wire::Datagram, server.login.clone());
        let started = Instant::now();
        let turn = turn::Client::new(config, TransactionIds::from_seed(seed), started);
        let relayed = ([0, 0, 0, 0], 0).into();
        let mut caller = Self { socket, relayed, packet: Vec::new(), allocated_in: Duration::ZERO, turn };
        caller.until(|event| matches!(event, Event::Allocated { .. }))?;
        caller.allocated_in = started.elapsed();
        caller.relayed = caller.turn.relayed().expect("allocated");
        caller.turn.bind(peer, Instant::now());
        caller.until(|event| matches!(event, Event::ChannelBound { .. }))?;
        let mut packet = [0; 2048];
        let length = caller.turn.wrap(peer, payload, &mut packet, Instant::now()).expect("bound");
        caller.packet = packet[..length].to_vec();
        caller.socket.set_nonblocking(true).expect("a socket can");
        Ok(caller)
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
