//! All TCP connections: who may have one, and which have something to say.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::stream::Stream;
use crate::relay::Client;
use crate::signaling::AddressBlock;

/// Connections from one address (an IPv6 /64 counts as one): an office behind one NAT.
const STREAMS_PER_ADDRESS: u32 = 128;

/// How long a connection may go without an allocation: a slow TLS handshake and two round trips fit, a sleeper does not.
const IDLE_TIME: Duration = Duration::from_secs(15);

/// How often is looked for those.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The connections, each at an index of its own.
pub(super) struct Streams {
    slots: Vec<Option<Stream>>,
    free: Vec<usize>,
    by_address: HashMap<AddressBlock, u32>,
    limit: usize,
    /// The core's number of the first stream's listener.
    first_listener: u16,
    /// Where something came in, or is to go out.
    readable: Vec<usize>,
    dirty: Vec<usize>,
    pub(super) refused: u64,
}

impl Streams {
    pub(super) fn new(limit: usize, first_listener: u16) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_address: HashMap::new(),
            limit: limit.min(usize::from(u16::MAX - first_listener)),
            first_listener,
            readable: Vec::new(),
            dirty: Vec::new(),
            refused: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes a connection in, to be polled as `token` plus its index; past a limit it is closed.
    pub(super) fn add(
        &mut self,
        mut socket: TcpStream,
        remote: SocketAddr,
        registry: &Registry,
        first_token: usize,
        now: Instant,
    ) {
        let block = AddressBlock::from(remote.ip());
        let here = self.by_address.get(&block).copied().unwrap_or_default();
        if here >= STREAMS_PER_ADDRESS || self.len() >= self.limit {
            self.refused += 1;
            return;
        }
        let index = self.free.pop().unwrap_or(self.slots.len());
        let both = Interest::READABLE | Interest::WRITABLE;
        // Small packets that somebody waits for: never held back.
        if socket.set_nodelay(true).is_err()
            || registry.register(&mut socket, Token(first_token + index), both).is_err()
        {
            self.free.extend((index < self.slots.len()).then_some(index));
            return;
        }
        self.by_address.insert(block, here + 1);
        // Below `limit`, which fits beside the listeners.
        let listener = self.first_listener + u16::try_from(index).unwrap_or(u16::MAX);
        let stream = Some(Stream::new(socket, Client { listener, remote }, now));
        if index == self.slots.len() {
            self.slots.push(stream);
        } else {
            self.slots[index] = stream;
        }
        self.readable.push(index);
    }

    /// The index of a client's stream, if it came by one.
    pub(super) fn index_of(&self, client: Client) -> Option<usize> {
        client.listener.checked_sub(self.first_listener).map(usize::from)
    }

    /// A client's stream, which is to be written to: it is flushed with the next [`take_dirty`](Self::take_dirty).
    pub(super) fn writable(&mut self, client: Client) -> Option<&mut Stream> {
        let index = self.index_of(client)?;
        let stream = self.slots.get_mut(index)?.as_mut().filter(|stream| stream.client == client)?;
        if self.dirty.last() != Some(&index) {
            self.dirty.push(index);
        }
        Some(stream)
    }

    /// Notes what the poll said.
    pub(super) fn set_ready(&mut self, index: usize, is_readable: bool, is_writable: bool) {
        if is_readable {
            self.readable.push(index);
        }
        if is_writable {
            self.dirty.push(index);
        }
    }

    /// Whether something is left to be read from before the next event.
    pub(super) fn has_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// Those to be read from, each once; the list is empty afterwards.
    pub(super) fn take_readable(&mut self) -> Vec<usize> {
        let mut taken = std::mem::take(&mut self.readable);
        taken.sort_unstable();
        taken.dedup();
        taken
    }

    /// Those to be flushed, each once; the list is empty afterwards.
    pub(super) fn take_dirty(&mut self) -> Vec<usize> {
        let mut taken = std::mem::take(&mut self.dirty);
        taken.sort_unstable();
        taken.dedup();
        taken
    }

    pub(super) fn get(&mut self, index: usize) -> Option<&mut Stream> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// Forgets a stream, whose socket closes with it; says whose it was.
    pub(super) fn remove(&mut self, index: usize, registry: &Registry) -> Option<Client> {
        let mut stream = self.slots.get_mut(index)?.take()?;
        let _ = registry.deregister(&mut stream.socket);
        self.free.push(index);
        let block = AddressBlock::from(stream.client.remote.ip());
        if let Some(count) = self.by_address.get_mut(&block) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&block);
            }
        }
        Some(stream.client)
    }

    /// Those that have had no allocation for too long.
    pub(super) fn idle(&mut self, now: Instant, has_allocation: impl Fn(Client) -> bool) -> Vec<usize> {
        let mut idle = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(stream) = slot else { continue };
            if has_allocation(stream.client) {
                stream.idle_since = now;
            } else if now.saturating_duration_since(stream.idle_since) > IDLE_TIME {
                idle.push(index);
            }
        }
        idle
    }
}
