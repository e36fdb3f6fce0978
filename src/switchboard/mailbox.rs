//! What is to be sent to one connection: a bounded queue between the hub and the connection's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, watch};

use crate::signaling::CloseReason;

/// Frames that wait for a connection. Nobody who reads has more than a few; the most is a burst of
/// presence when many peers come at once.
const MAX_WAITING_FRAMES: usize = 1024;

/// Bytes of these: a few lists of ten thousand peers, a few dozen descriptions.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Something to send.
#[derive(Debug)]
pub(super) enum Item {
    /// A text frame.
    Text(Arc<str>),
    /// A ping with this number.
    Ping(u64),
    /// The end.
    Close(CloseReason),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Ping(_) | Self::Close(_) => 0,
        }
    }
}

/// The queue is full.
#[derive(Debug)]
pub(super) struct Overflow;

/// The hub's end of the queue.
#[derive(Debug)]
pub(super) struct Mailbox {
    items: mpsc::Sender<Item>,
    bytes: Arc<AtomicUsize>,
    cut: watch::Sender<Option<CloseReason>>,
}

/// The connection's end of the queue.
#[derive(Debug)]
pub(super) struct Outgoing {
    items: mpsc::Receiver<Item>,
    bytes: Arc<AtomicUsize>,
    cut: Cut,
}

/// Whether and why the connection is to end without regard to what waits.
#[derive(Debug, Clone)]
pub(super) struct Cut(watch::Receiver<Option<CloseReason>>);

/// A new queue.
pub(super) fn mailbox() -> (Mailbox, Outgoing) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_FRAMES);
    let (cut_sender, cut_receiver) = watch::channel(None);
    let bytes = Arc::new(AtomicUsize::new(0));
    (
        Mailbox { items: sender, bytes: bytes.clone(), cut: cut_sender },
        Outgoing { items: receiver, bytes, cut: Cut(cut_receiver) },
    )
}

impl Mailbox {
    /// Puts an item in; never waits.
    pub(super) fn put(&self, item: Item) -> Result<(), Overflow> {
        let size = item.bytes();
        if self.bytes.load(Ordering::Relaxed) + size > MAX_WAITING_BYTES {
            return Err(Overflow);
        }
        self.bytes.fetch_add(size, Ordering::Relaxed);
        match self.items.try_send(item) {
            // A connection whose task has ended is about to be reported as gone.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Overflow),
        }
    }

    /// Ends the connection without regard to what waits.
    pub(super) fn cut(&self, reason: CloseReason) {
        self.cut.send_replace(Some(reason));
    }
}

impl Outgoing {
    /// The next item; the end once the mailbox is gone or cut.
    pub(super) async fn next(&mut self) -> Item {
        tokio::select! {
            biased;
            reason = self.cut.wait() => Item::Close(reason),
            item = self.items.recv() => taken(&self.bytes, item),
        }
    }

    /// The next item if there is one already.
    pub(super) fn next_now(&mut self) -> Option<Item> {
        let item = self.items.try_recv().ok()?;
        Some(taken(&self.bytes, Some(item)))
    }

    /// Tells when the connection is cut, while the queue is being emptied.
    pub(super) fn cut(&self) -> Cut {
        self.cut.clone()
    }
}

impl Cut {
    /// Waits until the connection is cut.
    pub(super) async fn wait(&mut self) -> CloseReason {
        match self.0.wait_for(Option::is_some).await.ok().and_then(|reason| *reason) {
            Some(reason) => reason,
            // The mailbox is gone; what waits in the queue still goes out, then the queue ends.
            None => std::future::pending().await,
        }
    }
}

fn taken(bytes: &AtomicUsize, item: Option<Item>) -> Item {
    let item = item.unwrap_or(Item::Close(CloseReason::Shutdown));
    bytes.fetch_sub(item.bytes(), Ordering::Relaxed);
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_is_bounded_in_frames_and_in_bytes() {
        let (mailbox, mut outgoing) = mailbox();
        for number in 0..MAX_WAITING_FRAMES as u64 {
            mailbox.put(Item::Ping(number)).unwrap();
        }
        assert!(mailbox.put(Item::Ping(0)).is_err());
        for _ in 0..MAX_WAITING_FRAMES {
            assert!(matches!(outgoing.next().await, Item::Ping(_)));
        }
        let long: Arc<str> = "x".repeat(1024 * 1024).into();
        for _ in 0..4 {
            mailbox.put(Item::Text(long.clone())).unwrap();
        }
        assert!(mailbox.put(Item::Text(long.clone())).is_err());
        outgoing.next().await;
        mailbox.put(Item::Text(long)).unwrap();
    }

    #[tokio::test]
    async fn a_cut_passes_everything_that_waits() {
        let (mailbox, mut outgoing) = mailbox();
        mailbox.put(Item::Ping(1)).unwrap();
        mailbox.cut(CloseReason::SlowReceiver);
        assert!(matches!(outgoing.next().await, Item::Close(CloseReason::SlowReceiver)));
    }

    #[tokio::test]
    async fn what_waits_still_goes_out_when_the_hub_forgets_a_connection() {
        let (mailbox, mut outgoing) = mailbox();
        mailbox.put(Item::Ping(1)).unwrap();
        drop(mailbox);
        assert!(matches!(outgoing.next().await, Item::Ping(1)));
        assert!(matches!(outgoing.next().await, Item::Close(_)));
    }
}
