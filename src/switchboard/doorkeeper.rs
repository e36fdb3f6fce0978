//! Counts every socket from accept to close, in all and by address, before a byte is read.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::signaling::{AddressBlock, Limits};

/// Sockets that an address may have beside its WebSockets: pages being loaded by the browsers behind
/// it, six at once each (the browsers' own limit).
const SOCKETS_FOR_PAGES: usize = 32;

/// Sockets beside all WebSockets, for the same reason.
pub(super) const SOCKETS_FOR_PAGES_IN_ALL: usize = 512;

/// Lets sockets in and counts them until they are closed.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    per_address: usize,
    in_all: usize,
    /// Reverse proxies, whose sockets are those of many.
    proxies: Vec<IpAddr>,
    counts: Mutex<Counts>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<AddressBlock, usize>,
    in_all: usize,
    refused: u64,
}

impl Doorkeeper {
    pub(super) fn new(limits: &Limits, proxies: &[IpAddr]) -> Arc<Self> {
        Arc::new(Self {
            per_address: limits.connections_per_address.saturating_add(SOCKETS_FOR_PAGES),
            in_all: limits.connections.saturating_add(SOCKETS_FOR_PAGES_IN_ALL),
            proxies: proxies.to_vec(),
            counts: Mutex::default(),
            emptied: Notify::new(),
        })
    }

    /// A permit for a socket, or none if there are too many.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let is_proxy = self.is_proxy(address);
        let address = AddressBlock::from(address);
        let mut counts = self.counts();
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        if (here >= self.per_address && !is_proxy) || counts.in_all >= self.in_all {
            counts.refused += 1;
            return None;
        }
        counts.in_all += 1;
        counts.by_address.insert(address, here + 1);
        Some(Permit { doorkeeper: self.clone(), address })
    }

    /// Whether a socket from here is a reverse proxy's.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.contains(&address.to_canonical())
    }

    /// Sockets open now, and sockets refused so far.
    pub(super) fn sockets(&self) -> (usize, u64) {
        let counts = self.counts();
        (counts.in_all, counts.refused)
    }

    /// Waits until every socket is closed.
    pub(super) async fn wait_until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.sockets().0 == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One admitted socket; gives its place back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    doorkeeper: Arc<Doorkeeper>,
    address: AddressBlock,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.doorkeeper.counts();
        counts.in_all -= 1;
        if let Some(here) = counts.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        if counts.in_all == 0 {
            self.doorkeeper.emptied.notify_one();
        }
    }
}

/// A socket that holds its permit for as long as it is open, whoever owns it.
#[derive(Debug)]
pub(super) struct Admitted<S> {
    stream: S,
    _permit: Permit,
}

impl<S> Admitted<S> {
    pub(super) fn new(stream: S, permit: Permit) -> Self {
        Self { stream, _permit: permit }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Admitted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Admitted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_socket_gives_its_place_back() {
        let limits = Limits { connections_per_address: 1, ..Limits::default() };
        let doorkeeper = Doorkeeper::new(&limits, &[]);
        let address = "192.0.2.1".parse().unwrap();
        let mut permits: Vec<_> =
            (0..1 + SOCKETS_FOR_PAGES).filter_map(|_| doorkeeper.admit(address)).collect();
        assert_eq!(permits.len(), 1 + SOCKETS_FOR_PAGES);
        assert!(doorkeeper.admit(address).is_none());
        assert!(doorkeeper.admit("192.0.2.2".parse().unwrap()).is_some());
        permits.pop();
        assert!(doorkeeper.admit(address).is_some());
        permits.clear();
        assert_eq!(doorkeeper.sockets(), (0, 1));
        assert!(doorkeeper.counts().by_address.is_empty());
    }
}
