//! The event loop of the media path: UDP sockets, streams to relays, one waker, one deadline.
//!
//! Call order, one turn: [`EventLoop::wait`] blocks until a socket is readable, somebody called the [`Wake`], or
//! the deadline has come; [`EventLoop::receive`] then hands out every datagram that waits; [`EventLoop::send`]
//! puts one on the wire at once. It never spins and never sleeps a fixed time.
//!
//! One socket per local address, because ICE must know which local address a datagram came to (RFC 8445,
//! section 5.1.1.1), and a wildcard socket would not say.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

use super::interface_watch::{InterfaceWatch, News};
use super::interfaces::Link;
use super::multicast_dns::{MulticastDns, MulticastMessage, MulticastTarget};
use super::stream::TlsTarget;
use super::streams::{StreamEvent, StreamKey, Streams};
use super::timer::Timer;

/// The largest datagram taken in. WebRTC keeps its own below 1,500 bytes; what is longer is cut by the kernel
/// and will fail its authentication.
pub const MAX_DATAGRAM_BYTES: usize = 2048;

/// How many datagrams one socket may hand over in one turn, so that a flood cannot keep the audio side waiting.
const MAX_DATAGRAMS_PER_TURN: usize = 64;

/// Sockets that the loop of one call may hold: one for each local address in use.
const MAX_SOCKETS: usize = 64;

/// DSCP Expedited Forwarding (RFC 3246; RFC 8837 names it for interactive audio), in its place in the traffic
/// class byte.
const DSCP_EF_TRAFFIC_CLASS: u32 = 46 << 2;

const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
const INTERFACES: Token = Token(usize::MAX - 2);

/// Wakes the loop from any thread, a real-time one too: it is one write to an `eventfd`, without lock or allocation.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A datagram that came in.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// When it was taken from the socket.
    pub arrival: Instant,
    /// Who sent it.
    pub source: SocketAddr,
    /// The local address it came to.
    pub destination: SocketAddr,
    /// Its bytes.
    pub payload: &'a [u8],
}

#[derive(Debug)]
struct Socket {
    local: SocketAddr,
    udp: UdpSocket,
    /// Edge-triggered: stays true until a read would block.
    readable: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct EventLoop {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    timer: Timer,
    sockets: Vec<Option<Socket>>,
    max_sockets: usize,
    streams: Streams,
    /// None while nobody needs it.
    multicast_dns: Option<MulticastDns>,
    /// None where the system does not let us listen.
    watch: Option<InterfaceWatch>,
    interfaces_changed: bool,
    buffer: Box<[u8; MAX_DATAGRAM_BYTES]>,
}

impl EventLoop {
    /// A loop with no socket yet.
    ///
    /// # Errors
    /// When the system gives no poll, waker or timer (out of file descriptors).
    pub fn new() -> io::Result<Self> {
        Self::for_sockets(MAX_SOCKETS)
    }

    /// A loop that may hold so many sockets.
    ///
    /// # Errors
    /// As [`EventLoop::new`].
    pub fn for_sockets(max_sockets: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let timer = Timer::register(poll.registry(), TIMER)?;
        let buffer = Box::new([0; MAX_DATAGRAM_BYTES]);
        let (events, sockets, streams) = (Events::with_capacity(64), Vec::new(), Streams::new());
        let (multicast_dns, watch, interfaces_changed) = (None, None, false);
        Ok(Self {
            poll,
            events,
            waker,
            timer,
            sockets,
            max_sockets,
            streams,
            multicast_dns,
            watch,
            interfaces_changed,
            buffer,
        })
    }

    /// A handle that ends the current or the next [`EventLoop::wait`].
    pub fn wake(&self) -> Wake {
        let waker = Arc::clone(&self.waker);
        // A failed wake can only mean that the loop is gone.
        Arc::new(move || drop(waker.wake()))
    }

    /// Opens a socket on `ip` with a port of the system's choice, marked Expedited Forwarding where the platform
    /// lets it, and returns its address.
    ///
    /// # Errors
    /// When the address is not of this machine, or too many sockets are open.
    pub fn bind(&mut self, ip: IpAddr) -> io::Result<SocketAddr> {
        let free = self.sockets.iter().position(Option::is_none).unwrap_or(self.sockets.len());
        if free >= self.max_sockets {
            return Err(io::Error::other(format!("at most {} sockets in one loop", self.max_sockets)));
        }
        let mut udp = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        mark_expedited(&udp, ip);
        self.poll.registry().register(&mut udp, Token(free), Interest::READABLE)?;
        let local = udp.local_addr()?;
        let socket = Some(Socket { local, udp, readable: true });
        if free == self.sockets.len() {
            self.sockets.push(socket)
        } else {
            self.sockets[free] = socket
        }
        Ok(local)
    }

    /// Closes the socket on `local`; one that is not there is ignored.
    pub fn unbind(&mut self, local: SocketAddr) {
        for slot in &mut self.sockets {
            if slot.as_ref().is_some_and(|socket| socket.local == local)
                && let Some(mut socket) = slot.take()
            {
                // Closing the descriptor deregisters it as well.
                let _ = self.poll.registry().deregister(&mut socket.udp);
            }
        }
    }

    /// The addresses of the open sockets.
    pub fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.iter().flatten().map(|socket| socket.local)
    }

    /// Blocks until a socket is readable, the [`Wake`] was called, or `deadline` has come.
    ///
    /// # Errors
    /// When the poll itself fails; an interrupting signal only ends the wait.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        // A turn that ended at its limit of datagrams left some behind, and the edge will not come again.
        let pending = self.streams.is_pending()
            || self.sockets.iter().flatten().any(|socket| socket.readable)
            || self.multicast_dns.as_ref().is_some_and(MulticastDns::is_pending);
        let now = Instant::now();
        let deadline = if pending { Some(now) } else { deadline };
        let timeout = self.timer.arm(deadline, now)?;
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.events {
            match event.token() {
                WAKER => {}
                TIMER => self.timer.fired(),
                INTERFACES => {
                    self.interfaces_changed = true;
                    if let Some(watch) = &self.watch {
                        watch.drain();
                    }
                }
                Token(index) => {
                    if let Some(Some(socket)) = self.sockets.get_mut(index) {
                        socket.readable = true;
                    }
                    self.streams.ready(event);
                    if let Some(multicast_dns) = &mut self.multicast_dns {
                        multicast_dns.ready(event);
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands every waiting datagram to `take`, at most [`MAX_DATAGRAMS_PER_TURN`] a socket.
    pub fn receive(&mut self, mut take: impl FnMut(Datagram<'_>)) {
        for socket in self.sockets.iter_mut().flatten().filter(|socket| socket.readable) {
            for _ in 0..MAX_DATAGRAMS_PER_TURN {
                match socket.udp.recv_from(&mut self.buffer[..]) {
                    Ok((length, source)) => take(Datagram {
                        arrival: Instant::now(),
                        source,
                        destination: socket.local,
                        payload: &self.buffer[..length],
                    }),
                    // An ICMP error of an earlier datagram: it tells of a path, and ICE finds that out itself.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(_) => {
                        socket.readable = false;
                        break;
                    }
                }
            }
        }
    }

    /// Sends one datagram from the socket on `source`. UDP promises nothing, so a full buffer or an unreachable
    /// network is only reported, never retried.
    ///
    /// # Errors
    /// `NotFound` when no socket is on `source`, else what the system said.
    pub fn send(&self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let socket = self
            .sockets
            .iter()
            .flatten()
            .find(|socket| socket.local == source)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no socket on this local address"))?;
        socket.udp.send_to(payload, destination).map(drop)
    }

    /// From now on [`EventLoop::wait`] ends when an interface or an address comes or goes, and
    /// [`EventLoop::interfaces_changed`] says so; best effort.
    pub fn watch_interfaces(&mut self) {
        match InterfaceWatch::register(self.poll.registry(), INTERFACES, News::Addresses) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => tracing::debug!(%error, "the system does not tell of changed interfaces"),
        }
    }

    /// Whether an interface or an address came or went since this was last asked.
    pub fn interfaces_changed(&mut self) -> bool {
        std::mem::take(&mut self.interfaces_changed)
    }

    /// Begins to open a stream to `server`, from the local address `from` where one is chosen, over TLS where that is
    /// wanted. What becomes of it is told by [`EventLoop::receive_streams`].
    pub fn open_stream(
        &mut self,
        key: StreamKey,
        server: SocketAddr,
        from: Option<IpAddr>,
        tls: Option<TlsTarget>,
    ) {
        self.streams.open(self.poll.registry(), key, server, from, tls);
    }

    /// Writes whole frames to an open stream. One that cannot keep up drops them; gives `false` then.
    pub fn send_stream(&mut self, key: StreamKey, frames: &[u8]) -> bool {
        self.streams.send(key, frames)
    }

    /// Closes a stream, and tells nothing more of it.
    pub fn close_stream(&mut self, key: StreamKey) {
        self.streams.close(self.poll.registry(), key);
    }

    /// Opens the sockets of multicast DNS on these links, in place of those that are open. Says on how many of them the
    /// group is heard.
    pub fn open_multicast_dns(&mut self, links: &[Link]) -> usize {
        let opened = MulticastDns::open(self.poll.registry(), links);
        let heard = opened.heard();
        self.multicast_dns = Some(opened);
        heard
    }

    /// Closes the sockets of multicast DNS.
    pub fn close_multicast_dns(&mut self) {
        self.multicast_dns = None;
    }

    /// Sends a message of multicast DNS, if its sockets are open.
    pub fn send_multicast_dns(&self, target: MulticastTarget, message: &[u8]) {
        if let Some(multicast_dns) = &self.multicast_dns {
            multicast_dns.send(target, message);
        }
    }

    /// Hands what came by multicast DNS to `take`.
    pub fn receive_multicast_dns(&mut self, mut take: impl FnMut(MulticastMessage<'_>)) {
        if let Some(multicast_dns) = &mut self.multicast_dns {
            multicast_dns.receive(&mut take);
        }
    }

    /// Hands what happened to the streams to `take`.
    pub fn receive_streams(&mut self, mut take: impl FnMut(StreamKey, StreamEvent<'_>)) {
        self.streams.receive(self.poll.registry(), &mut take);
    }
}

/// Best effort: containers and some systems refuse it, and the call works without.
fn mark_expedited(udp: &UdpSocket, ip: IpAddr) {
    let socket = socket2::SockRef::from(udp);
    let marked = match ip {
        IpAddr::V4(_) => socket.set_tos_v4(DSCP_EF_TRAFFIC_CLASS),
        IpAddr::V6(_) => socket.set_tclass_v6(DSCP_EF_TRAFFIC_CLASS),
    };
    if let Err(error) = marked {
        tracing::debug!(%error, "the platform does not let us mark packets Expedited Forwarding");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn two_sockets() -> (EventLoop, SocketAddr, SocketAddr) {
        let mut net = EventLoop::new().expect("a loop");
        let a = net.bind(LOOPBACK).expect("a socket");
        let b = net.bind(LOOPBACK).expect("another");
        (net, a, b)
    }

    fn collect(net: &mut EventLoop) -> Vec<(SocketAddr, SocketAddr, Vec<u8>)> {
        let mut all = Vec::new();
        net.receive(|d| all.push((d.source, d.destination, d.payload.to_vec())));
        all
    }

    #[test]
    fn a_datagram_says_where_it_came_from_and_where_to() {
        let (mut net, a, b) = two_sockets();
        collect(&mut net);
        net.send(a, b, b"hello").expect("sent");
        net.wait(Some(Instant::now() + Duration::from_secs(5))).expect("woken by the socket");
        assert_eq!(collect(&mut net), [(a, b, b"hello".to_vec())]);
    }

    #[test]
    fn a_flood_is_taken_in_turns_and_nothing_of_it_is_forgotten() {
        let (mut net, a, b) = two_sockets();
        for n in 0..(MAX_DATAGRAMS_PER_TURN as u16 + 20) {
            net.send(a, b, &n.to_be_bytes()).expect("sent");
        }
        let first = collect(&mut net).len();
        assert_eq!(first, MAX_DATAGRAMS_PER_TURN);
        net.wait(Some(Instant::now() + Duration::from_secs(5))).expect("returns at once");
        assert_eq!(first + collect(&mut net).len(), MAX_DATAGRAMS_PER_TURN + 20);
    }

    #[test]
    fn a_deadline_ends_the_wait_and_so_does_a_wake() {
        let mut net = EventLoop::new().expect("a loop");
        let start = Instant::now();
        net.wait(Some(start + Duration::from_micros(2500))).expect("ends");
        assert!(start.elapsed() >= Duration::from_micros(2500), "too early: {:?}", start.elapsed());
        let wake = net.wake();
        wake();
        net.wait(None).expect("a wake before the wait counts");
    }

    #[test]
    fn a_closed_socket_sends_no_more() {
        let (mut net, a, b) = two_sockets();
        net.unbind(a);
        assert_eq!(net.send(a, b, b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(net.local_addresses().collect::<Vec<_>>(), [b]);
    }
}
