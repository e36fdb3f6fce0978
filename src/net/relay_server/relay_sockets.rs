//! The sockets that stand for clients: one for each allocation.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::batch::{Inbox, Outbox};
use crate::relay::RelayId;

/// A piece of a datagram in an inbox, on its way to a peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToPeer {
    pub(super) relay: RelayId,
    pub(super) peer: SocketAddr,
    /// Which datagram, and which bytes of it.
    pub(super) at: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

struct RelaySocket {
    id: RelayId,
    socket: UdpSocket,
    /// Whether it stands in the queue of those that have datagrams.
    is_ready: bool,
}

/// All of them, at the index of their [`RelayId`].
#[derive(Default)]
pub(super) struct RelaySockets {
    slots: Vec<Option<RelaySocket>>,
    ready: VecDeque<usize>,
}

impl RelaySockets {
    /// Opens one, to be polled as `token` plus its index.
    pub(super) fn open(
        &mut self,
        id: RelayId,
        address: SocketAddr,
        registry: &Registry,
        first_token: usize,
    ) -> io::Result<()> {
        let mut socket = UdpSocket::bind(address)?;
        registry.register(&mut socket, Token(first_token + id.index()), Interest::READABLE)?;
        if self.slots.len() <= id.index() {
            self.slots.resize_with(id.index() + 1, || None);
        }
        self.slots[id.index()] = Some(RelaySocket { id, socket, is_ready: false });
        Ok(())
    }

    /// Closes one; one that was never opened is passed over.
    pub(super) fn close(&mut self, id: RelayId, registry: &Registry) {
        if let Some(slot) = self.slots.get_mut(id.index())
            && let Some(mut open) = slot.take_if(|open| open.id == id)
        {
            // Closing the descriptor deregisters it as well.
            let _ = registry.deregister(&mut open.socket);
        }
    }

    /// Notes that one has datagrams.
    pub(super) fn set_ready(&mut self, index: usize) {
        if let Some(Some(open)) = self.slots.get_mut(index)
            && !std::mem::replace(&mut open.is_ready, true)
        {
            self.ready.push_back(index);
        }
    }

    /// How many have datagrams, as far as is known.
    pub(super) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// The next one that has datagrams; it is expected to be emptied or [set ready](Self::set_ready) again.
    pub(super) fn next_ready(&mut self) -> Option<RelayId> {
        while let Some(index) = self.ready.pop_front() {
            if let Some(Some(open)) = self.slots.get_mut(index) {
                open.is_ready = false;
                return Some(open.id);
            }
        }
        None
    }

    /// To read from one.
    pub(super) fn descriptor(&self, id: RelayId) -> Option<BorrowedFd<'_>> {
        self.of(id).map(|open| open.socket.as_fd())
    }

    /// Where one is bound.
    pub(super) fn local_addr(&self, id: RelayId) -> Option<SocketAddr> {
        self.of(id)?.socket.local_addr().ok()
    }

    fn of(&self, id: RelayId) -> Option<&RelaySocket> {
        self.slots.get(id.index())?.as_ref().filter(|open| open.id == id)
    }

    /// Sends one datagram; whether the system took it.
    pub(super) fn send(&self, relay: RelayId, peer: SocketAddr, data: &[u8]) -> bool {
        self.of(relay).is_some_and(|open| open.socket.send_to(data, peer).is_ok())
    }

    /// Sends pieces of an inbox, those that leave the same socket with one call, and empties the list. Says how many
    /// the system did not take.
    pub(super) fn send_all(&self, pieces: &mut Vec<ToPeer>, inbox: &Inbox, outbox: &mut Outbox) -> usize {
        // Stable: datagrams of one client stay in order.
        pieces.sort_by_key(|piece| piece.relay);
        let mut unsent = 0;
        for run in pieces.chunk_by(|a, b| a.relay == b.relay) {
            let data =
                |piece: &ToPeer| inbox.datagram(piece.at).map(|(_, bytes)| &bytes[piece.start..piece.end]);
            let relay = run[0].relay;
            let Some(open) = self.of(relay) else {
                unsent += run.len();
                continue;
            };
            if let [piece] = run {
                let sent = data(piece).is_some_and(|data| open.socket.send_to(data, piece.peer).is_ok());
                unsent += usize::from(!sent);
                continue;
            }
            for piece in run {
                if !outbox.has_room() {
                    unsent += outbox.flush(open.socket.as_fd());
                }
                if let Some(data) = data(piece) {
                    outbox.push(piece.peer, [data, &[], &[]]);
                }
            }
            unsent += outbox.flush(open.socket.as_fd());
        }
        pieces.clear();
        unsent
    }
}
