//! Our client on a real socket: UDP, or TCP cut into frames.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use handset::ice::TransactionIds;
use handset::ice::stun::{Deframer, Frame};
use handset::ice::turn::{Client, Config, Event, Login, Received, Wire};

/// How long anything on loopback may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one read waits.
const READ_TIMEOUT: Duration = Duration::from_millis(20);

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream, Deframer),
}

/// A client and its socket; every call drives both until it has what it wants.
pub(crate) struct Driven {
    pub(crate) client: Client,
    link: Link,
    pub(crate) events: Vec<Event>,
    pub(crate) received: Vec<(SocketAddr, Vec<u8>)>,
}

impl Driven {
    pub(crate) fn connect(server: SocketAddr, wire: Wire, login: Login) -> Self {
        let link = match wire {
            Wire::Datagram => {
                let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
                socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout above zero");
                Link::Udp(socket)
            }
            Wire::Stream => {
                let stream = TcpStream::connect(server).expect("the server listens");
                stream.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout above zero");
                stream.set_nodelay(true).expect("TCP has no delay");
                Link::Tcp(stream, Deframer::new(4096))
            }
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system's generator");
        let config = Config::new(server, wire, login);
        let mut client = Client::new(config, TransactionIds::from_seed(seed), Instant::now());
        if wire == Wire::Stream {
            client.handle_connected(Instant::now());
        }
        Self { client, link, events: Vec::new(), received: Vec::new() }
    }

    /// Drives until `done` says so, or panics when it takes too long.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        loop {
            self.send_all();
            self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
            if done(self) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "waited for {what}: {:?}", self.events);
            self.receive_some();
            self.client.handle_timeout(Instant::now());
        }
    }

    /// Waits for the first event.
    pub(crate) fn first_event(&mut self) -> Event {
        self.until("any event", |driven| !driven.events.is_empty());
        self.events[0].clone()
    }

    /// Sends data to a peer through the relay.
    pub(crate) fn send_to(&mut self, peer: SocketAddr, data: &[u8]) {
        let mut packet = [0; 2048];
        let length =
            self.client.wrap(peer, data, &mut packet, Instant::now()).expect("there is an allocation");
        self.send_all();
        send(&mut self.link, self.client.server(), &packet[..length]);
    }

    fn send_all(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            send(&mut self.link, transmit.to, transmit.bytes);
        }
    }

    fn receive_some(&mut self) {
        let mut buffer = [0; 4096];
        let now = Instant::now();
        match &mut self.link {
            Link::Udp(socket) => match socket.recv_from(&mut buffer) {
                Ok((length, _)) => {
                    take(self.client.handle_packet(&buffer[..length], now), &mut self.received)
                }
                Err(error) => assert!(is_quiet(error.kind()), "{error}"),
            },
            Link::Tcp(stream, deframer) => {
                match stream.read(deframer.space()) {
                    Ok(0) => self.client.handle_disconnected(),
                    Ok(length) => deframer.filled(length),
                    Err(error) => assert!(is_quiet(error.kind()), "{error}"),
                }
                while let Some(frame) = deframer.next_frame().expect("coturn frames as RFC 8656 has it") {
                    let received = match frame {
                        Frame::Message(bytes) => self.client.handle_packet(bytes, now),
                        Frame::ChannelData(frame) => self.client.handle_channel_data(frame),
                    };
                    take(received, &mut self.received);
                }
            }
        }
    }
}

fn send(link: &mut Link, to: SocketAddr, bytes: &[u8]) {
    match link {
        Link::Udp(socket) => {
            socket.send_to(bytes, to).expect("loopback takes a datagram");
        }
        Link::Tcp(stream, _) => stream.write_all(bytes).expect("the server reads"),
    }
}

fn take(received: Received<'_>, into: &mut Vec<(SocketAddr, Vec<u8>)>) {
    if let Received::Data { peer, data } = received {
        into.push((peer, data.to_vec()));
    }
}

fn is_quiet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
