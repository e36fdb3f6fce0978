//! The loop of a relay: one thread, one poll, everything that a turn does from top to bottom.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use rustls::ServerConfig;

use super::ANSWER_BYTES;
use super::batch::{BATCH, Inbox, Outbox};
use super::config::{RelayServerConfig, RelayServerError};
use super::figures::RelayFigures;
use super::kernel::{KernelPath, Passage};
use super::listeners::Listener;
use super::relay_sockets::{RelaySockets, ToPeer};
use super::server::Shared;
use super::streams::{SWEEP_INTERVAL, Streams};
use crate::ice::stun::{ChannelNumber, Frame};
use crate::net::interface_watch::{InterfaceWatch, News};
use crate::relay::{Action, Client, Envelope, Outcome, Relay, RelayId};

/// Addresses that one relay listens on.
pub(super) const MAX_LISTENERS: usize = 16;

/// What the poll calls things: listeners first, then relay sockets, then streams.
const WAKER: usize = usize::MAX;
const NETWORK: usize = usize::MAX - 1;
const FIRST_UDP: usize = 0;
const FIRST_TCP: usize = MAX_LISTENERS;
const FIRST_RELAY: usize = 2 * MAX_LISTENERS;
const FIRST_STREAM: usize = 1 << 24;

/// Events of one look at the poll: a tenth of the sockets that there may be.
const EVENTS: usize = 1024;

/// Calls for datagrams at one socket in one turn, so that a flood keeps nobody else waiting.
const CALLS_PER_TURN: usize = 4;

/// Datagrams that are first asked for at a relay socket: a call seldom has more at once.
const FIRST_CALL: usize = 4;

/// What one read of a stream takes at most.
const SCRATCH_BYTES: usize = 16 * 1024;

/// Everything that the thread owns.
pub(super) struct Shell {
    poll: Poll,
    events: Events,
    core: Relay,
    listeners: Vec<Listener>,
    sockets: RelaySockets,
    streams: Streams,
    tls: Option<Arc<ServerConfig>>,
    bind_v4: Option<IpAddr>,
    bind_v6: Option<IpAddr>,
    /// Where the kernel relays as well, and what tells of changes in the network then.
    kernel: Option<(KernelPath, InterfaceWatch)>,
    inbox: Inbox,
    /// What goes out of each listener.
    outboxes: Vec<Outbox>,
    /// What goes out of one relay socket, when that is more than one datagram.
    outbox: Outbox,
    to_peers: Vec<ToPeer>,
    scratch: Box<[u8]>,
    sweep_at: Option<Instant>,
    unsent: u64,
    too_long: u64,
}

impl Shell {
    pub(super) fn new(
        config: RelayServerConfig,
        listeners: Vec<Listener>,
        core: Relay,
        streams: usize,
        kernel: Option<KernelPath>,
    ) -> Result<(Self, Waker), RelayServerError> {
        let system = |what| move |source: io::Error| RelayServerError::System { what, source };
        let poll = Poll::new().map_err(system("poll"))?;
        let waker = Waker::new(poll.registry(), Token(WAKER)).map_err(system("waker"))?;
        let mut listeners = listeners;
        for (at, listener) in listeners.iter_mut().enumerate() {
            let registry = poll.registry();
            registry
                .register(&mut listener.udp, Token(FIRST_UDP + at), Interest::READABLE)
                .and_then(|()| {
                    registry.register(&mut listener.tcp, Token(FIRST_TCP + at), Interest::READABLE)
                })
                .map_err(system("poll"))?;
        }
        let watch = || InterfaceWatch::register(poll.registry(), Token(NETWORK), News::RoutesV4);
        let kernel =
            kernel.map(|path| Ok((path, watch()?))).transpose().map_err(system("news of its network"))?;
        let shell = Self {
            poll,
            kernel,
            events: Events::with_capacity(EVENTS),
            core,
            sockets: RelaySockets::default(),
            streams: Streams::new(streams, MAX_LISTENERS as u16),
            tls: config.tls,
            bind_v4: config.bind_v4,
            bind_v6: config.bind_v6,
            inbox: Inbox::new(),
            outboxes: listeners.iter().map(|_| Outbox::new()).collect(),
            listeners,
            outbox: Outbox::new(),
            to_peers: Vec::with_capacity(BATCH),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            sweep_at: None,
            unsent: 0,
            too_long: 0,
        };
        Ok((shell, waker))
    }

    /// Turns until it is told to stop, or drained and empty.
    pub(super) fn run(mut self, shared: &Shared) {
        loop {
            if let Err(error) = self.wait() {
                tracing::error!(%error, "the relay ends: it cannot wait for its sockets");
                return;
            }
            if shared.is_draining() {
                self.core.drain();
            }
            let now = Instant::now();
            self.core.handle_timeout(now);
            if let Some((path, _)) = &mut self.kernel {
                path.handle_timeout(now);
            }
            self.act(now);
            self.serve_clients(now);
            self.serve_peers(now);
            self.serve_streams(now);
            self.flush();
            self.sweep(now);
            shared.publish(self.figures());
            if shared.is_over(self.core.counters().active) {
                return;
            }
        }
    }

    fn figures(&self) -> RelayFigures {
        RelayFigures {
            core: self.core.counters(),
            by_kernel: 0,
            streams: self.streams.len(),
            streams_refused: self.streams.refused,
            unsent: self.unsent,
            too_long: self.too_long,
        }
    }

    /// Blocks until a socket has something, somebody woke us, or something expires.
    fn wait(&mut self) -> io::Result<()> {
        let is_pending = self.sockets.ready_count() > 0
            || self.streams.has_readable()
            || self.listeners.iter().any(|listener| listener.is_readable);
        let timeout = if is_pending {
            Some(Duration::ZERO)
        } else {
            let renewal = self.kernel.as_ref().and_then(|(path, _)| path.poll_timeout());
            let due = [self.core.poll_timeout(), self.sweep_at, renewal].into_iter().flatten().min();
            due.map(|due| due.saturating_duration_since(Instant::now()))
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.events {
            match event.token().0 {
                WAKER => {}
                NETWORK => {
                    if let Some((path, watch)) = &mut self.kernel {
                        watch.drain();
                        path.handle_network_change(Instant::now());
                    }
                }
                token @ FIRST_STREAM.. => {
                    let is_readable = event.is_readable() || event.is_read_closed() || event.is_error();
                    self.streams.set_ready(token - FIRST_STREAM, is_readable, event.is_writable());
                }
                token @ FIRST_RELAY.. => self.sockets.set_ready(token - FIRST_RELAY),
                token @ FIRST_TCP.. => self.listeners[token - FIRST_TCP].is_acceptable = true,
                token => self.listeners[token].is_readable = true,
            }
        }
        Ok(())
    }

    /// What clients sent as datagrams.
    fn serve_clients(&mut self, now: Instant) {
        for at in 0..self.listeners.len() {
            for _ in 0..CALLS_PER_TURN {
                if !self.listeners[at].is_readable {
                    break;
                }
                self.listeners[at].is_readable =
                    match self.inbox.receive(self.listeners[at].udp.as_fd(), BATCH) {
                        Ok(count) => {
                            self.take_from_clients(at, count, now);
                            count == BATCH
                        }
                        // Anything but "nothing there" tells of an earlier datagram; another look costs little.
                        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
                    };
            }
        }
    }

    /// Hands a batch of one listener to the core and sends what comes of it.
    fn take_from_clients(&mut self, listener: usize, count: usize, now: Instant) {
        let Self { inbox, core, outboxes, listeners, to_peers, sockets, outbox, kernel, .. } = self;
        let mut answer = [0; ANSWER_BYTES];
        for at in 0..count {
            let Some((remote, packet)) = inbox.datagram(at) else {
                self.too_long += 1;
                continue;
            };
            let client = Client { listener: listener as u16, remote };
            match core.handle_client(client, packet, &mut answer, now) {
                Outcome::Nothing => {}
                Outcome::Answer(length) => {
                    if !outboxes[listener].has_room() {
                        self.unsent += outboxes[listener].flush(listeners[listener].udp.as_fd()) as u64;
                    }
                    outboxes[listener].push(remote, [&answer[..length], &[], &[]]);
                }
                Outcome::ToPeer { relay, peer, data } => {
                    let start = data.as_ptr().addr() - packet.as_ptr().addr();
                    to_peers.push(ToPeer { relay, peer, at, start, end: start + data.len() });
                }
            }
        }
        if let Some((path, _)) = kernel {
            // Stable: datagrams of one client stay in order.
            to_peers.sort_by_key(|piece| piece.relay);
            for run in to_peers.chunk_by(|a, b| a.relay == b.relay) {
                let bytes = run.iter().map(|piece| piece.end - piece.start).sum::<usize>();
                share_bandwidth(core, path, run[0].relay, bytes);
            }
        }
        self.unsent += sockets.send_all(to_peers, inbox, outbox) as u64;
        self.act(now);
    }

    /// What peers sent to relay sockets.
    fn serve_peers(&mut self, now: Instant) {
        // One round: what is ready again by then waits for the next turn.
        for _ in 0..self.sockets.ready_count() {
            let Some(relay) = self.sockets.next_ready() else { return };
            let mut limit = FIRST_CALL;
            for call in 0..=CALLS_PER_TURN {
                if call == CALLS_PER_TURN {
                    self.sockets.set_ready(relay.index());
                    break;
                }
                let Some(socket) = self.sockets.descriptor(relay) else { break };
                match self.inbox.receive(socket, limit) {
                    Ok(count) => {
                        self.take_from_peers(relay, count, now);
                        if count < limit {
                            break;
                        }
                        limit = BATCH;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // It tells of an earlier datagram.
                    Err(_) => {}
                }
            }
        }
    }

    /// Hands a batch of one relay socket to the core and passes on what it permits.
    fn take_from_peers(&mut self, relay: RelayId, count: usize, now: Instant) {
        let Self { inbox, core, outboxes, listeners, streams, kernel, .. } = self;
        let (mut envelope, mut bytes) = (Envelope::new(), 0);
        for at in 0..count {
            let Some((peer, data)) = inbox.datagram(at) else {
                self.too_long += 1;
                continue;
            };
            let Some(client) = core.handle_peer(relay, peer, data.len(), &mut envelope, now) else {
                continue;
            };
            bytes += data.len();
            let listener = usize::from(client.listener);
            if let Some(outbox) = outboxes.get_mut(listener) {
                if !outbox.has_room() {
                    self.unsent += outbox.flush(listeners[listener].udp.as_fd()) as u64;
                }
                outbox.push(client.remote, [envelope.head(), data, envelope.datagram_padding()]);
            } else if let Some(stream) = streams.writable(client) {
                // A stream that is closed is noticed when it is flushed.
                let pieces = [envelope.head(), data, envelope.stream_padding()];
                let is_taken = stream.write_data(&pieces).unwrap_or(false);
                self.unsent += u64::from(!is_taken);
            }
        }
        if let Some((path, _)) = kernel {
            share_bandwidth(core, path, relay, bytes);
        }
    }

    /// New connections, and what came in over those that there are.
    fn serve_streams(&mut self, now: Instant) {
        self.accept(now);
        for index in self.streams.take_readable() {
            let Self { streams, core, sockets, scratch, tls, unsent, .. } = self;
            let Some(stream) = streams.get(index) else { continue };
            let take = |client: Client, frame: Frame<'_>, answer: &mut [u8]| match core
                .handle_client_frame(client, frame, answer, now)
            {
                Outcome::Nothing => 0,
                Outcome::Answer(length) => length,
                Outcome::ToPeer { relay, peer, data } => {
                    *unsent += u64::from(!sockets.send(relay, peer, data));
                    0
                }
            };
            let read = stream.read(scratch, tls.as_ref(), take);
            let flushed = stream.flush();
            match (read, flushed) {
                (Ok(is_more), Ok(())) => self.streams.set_ready(index, is_more, false),
                _ => self.close_stream(index),
            }
            self.act(now);
        }
    }

    fn accept(&mut self, now: Instant) {
        let Self { listeners, streams, poll, .. } = self;
        for listener in listeners.iter_mut().filter(|listener| listener.is_acceptable) {
            listener.is_acceptable = loop {
                match listener.tcp.accept() {
                    Ok((socket, remote)) => streams.add(socket, remote, poll.registry(), FIRST_STREAM, now),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                    Err(error) if is_of_one_socket(&error) => {}
                    Err(error) => {
                        // Out of descriptors: tried again with the next event or sweep.
                        tracing::warn!(%error, "no connection to the relay could be accepted");
                        break true;
                    }
                }
            };
        }
        if self.sweep_at.is_none() && self.needs_sweep() {
            self.sweep_at = Some(now + SWEEP_INTERVAL);
        }
    }

    fn needs_sweep(&self) -> bool {
        self.streams.len() > 0 || self.listeners.iter().any(|listener| listener.is_acceptable)
    }

    /// Does what the core asks for, and sends the answers that come of it.
    fn act(&mut self, now: Instant) {
        let mut answer = [0; ANSWER_BYTES];
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Open { relay, public, port } => {
                    let bind = if public.is_ipv4() { self.bind_v4 } else { self.bind_v6 };
                    let address = SocketAddr::new(bind.unwrap_or(public), port);
                    let opened = self.sockets.open(relay, address, self.poll.registry(), FIRST_RELAY);
                    if let Err(error) = &opened
                        && error.kind() != io::ErrorKind::AddrInUse
                    {
                        tracing::warn!(%error, "no relay socket could be opened");
                    }
                    let told = self.core.handle_relay_opened(relay, opened.is_ok(), &mut answer, now);
                    if let Some((client, length)) = told {
                        self.answer(client, &answer[..length]);
                    }
                }
                Action::Pass { relay, client, channel, peer, until } => {
                    self.pass_by_kernel(relay, client, channel, peer, until, now);
                }
                Action::Close { relay } => {
                    if let Some((path, _)) = &mut self.kernel {
                        path.close(relay.index());
                    }
                    self.sockets.close(relay, self.poll.registry());
                }
            }
        }
    }

    /// Lets the kernel relay what passes for certain, if client and peer both come by UDP.
    fn pass_by_kernel(
        &mut self,
        relay: RelayId,
        client: Client,
        channel: ChannelNumber,
        peer: SocketAddr,
        until: Instant,
        now: Instant,
    ) {
        let Some((path, _)) = &mut self.kernel else { return };
        let Some(listener) = self.listeners.get(usize::from(client.listener)) else { return };
        let Some(relayed) = self.sockets.local_addr(relay) else { return };
        let passage =
            Passage { client: client.remote, listener: listener.local, relayed, channel, peer, until };
        path.pass(relay.index(), passage, now);
    }

    fn answer(&mut self, client: Client, answer: &[u8]) {
        let listener = usize::from(client.listener);
        if let Some(outbox) = self.outboxes.get_mut(listener) {
            if !outbox.has_room() {
                self.unsent += outbox.flush(self.listeners[listener].udp.as_fd()) as u64;
            }
            outbox.push(client.remote, [answer, &[], &[]]);
        } else if let Some(stream) = self.streams.writable(client) {
            // One that takes no more is closed when it is flushed.
            let _ = stream.write_answer(answer);
        }
    }

    /// Sends what waits for clients.
    fn flush(&mut self) {
        for (outbox, listener) in self.outboxes.iter_mut().zip(&self.listeners) {
            if !outbox.is_empty() {
                self.unsent += outbox.flush(listener.udp.as_fd()) as u64;
            }
        }
        for index in self.streams.take_dirty() {
            if self.streams.get(index).is_some_and(|stream| stream.flush().is_err()) {
                self.close_stream(index);
            }
        }
    }

    fn close_stream(&mut self, index: usize) {
        if let Some(client) = self.streams.remove(index, self.poll.registry()) {
            self.core.handle_client_gone(client);
        }
    }

    /// Closes connections that are of no use.
    fn sweep(&mut self, now: Instant) {
        if self.sweep_at.is_none_or(|at| at > now) {
            return;
        }
        let idle = self.streams.idle(now, |client| self.core.has_allocation(client));
        idle.into_iter().for_each(|index| self.close_stream(index));
        self.sweep_at = self.needs_sweep().then_some(now + SWEEP_INTERVAL);
    }
}

/// What sockets and kernel relay for one allocation together is bounded: each is told of the other.
fn share_bandwidth(core: &mut Relay, path: &KernelPath, relay: RelayId, bytes: usize) {
    if let Some(left) = path.charge(relay.index(), bytes as u64) {
        core.limit_reserve(relay, left);
    }
}

/// Whether accepting failed because of the socket that was accepted, and not for all of them.
fn is_of_one_socket(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
