//! The streams of an event loop.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::{Registry, Token};

use super::stream::{Stream, TlsTarget, Told};

/// Streams that one loop may hold: a few servers of a few calls.
const MAX_STREAMS: usize = 64;

/// Tokens of streams begin here, far above those of sockets.
const FIRST_TOKEN: usize = 1 << 16;

/// Reads of one stream in one turn, so that a flood cannot keep the audio side waiting.
const MAX_READS_PER_TURN: usize = 16;

/// Bytes read at once: more than a TLS record holds.
const READ_BYTES: usize = 17 * 1024;

/// Names a stream; chosen by whoever opens it.
pub type StreamKey = u64;

/// What happened to a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum StreamEvent<'a> {
    /// It is open, TLS included.
    Open,
    /// These bytes came.
    Data(&'a [u8]),
    /// It is gone, or never came about; told once.
    Closed(String),
}

#[derive(Debug)]
pub(super) struct Streams {
    slots: Vec<Option<(StreamKey, Stream)>>,
    /// Streams that the system refused at once.
    refused: VecDeque<(StreamKey, String)>,
    buffer: Box<[u8; READ_BYTES]>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), refused: VecDeque::new(), buffer: Box::new([0; READ_BYTES]) }
    }

    /// Opens a stream; whatever becomes of it is told by [`receive`](Self::receive).
    pub(super) fn open(
        &mut self,
        registry: &Registry,
        key: StreamKey,
        server: SocketAddr,
        from: Option<IpAddr>,
        tls: Option<TlsTarget>,
    ) {
        if let Err(error) = self.try_open(registry, key, server, from, tls) {
            self.refused.push_back((key, error.to_string()));
        }
    }

    fn try_open(
        &mut self,
        registry: &Registry,
        key: StreamKey,
        server: SocketAddr,
        from: Option<IpAddr>,
        tls: Option<TlsTarget>,
    ) -> io::Result<()> {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if free >= MAX_STREAMS {
            return Err(io::Error::other(format!("at most {MAX_STREAMS} streams in one loop")));
        }
        let mut stream = Stream::connect(server, from, tls)?;
        stream.register(registry, Token(FIRST_TOKEN + free))?;
        if free == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[free] = Some((key, stream));
        Ok(())
    }

    /// Closes a stream; one that is not there is ignored.
    pub(super) fn close(&mut self, registry: &Registry, key: StreamKey) {
        for slot in &mut self.slots {
            if let Some((_, stream)) = slot.as_mut().filter(|(other, _)| *other == key) {
                stream.close();
                stream.deregister(registry);
                *slot = None;
            }
        }
        self.refused.retain(|(other, _)| *other != key);
    }

    /// Writes whole frames to an open stream; `false` when it is not open or too much waits already.
    pub(super) fn send(&mut self, key: StreamKey, frames: &[u8]) -> bool {
        let stream = self.slots.iter_mut().flatten().find(|(other, _)| *other == key);
        stream.is_some_and(|(_, stream)| stream.send(frames))
    }

    /// Whether a token is one of a stream; notes what it is ready for.
    pub(super) fn ready(&mut self, event: &mio::event::Event) {
        let Some(at) = event.token().0.checked_sub(FIRST_TOKEN) else { return };
        if let Some(Some((_, stream))) = self.slots.get_mut(at) {
            let ended = event.is_read_closed() || event.is_error();
            stream.ready(event.is_readable() || ended, event.is_writable());
            if event.is_writable() {
                // An error shows at the next reading too.
                let _ = stream.flush();
            }
        }
    }

    /// Whether something waits that no further edge will tell of.
    pub(super) fn is_pending(&self) -> bool {
        !self.refused.is_empty() || self.slots.iter().flatten().any(|(_, stream)| stream.is_pending())
    }

    /// Hands out everything that happened.
    pub(super) fn receive(&mut self, registry: &Registry, take: &mut dyn FnMut(StreamKey, StreamEvent<'_>)) {
        while let Some((key, why)) = self.refused.pop_front() {
            take(key, StreamEvent::Closed(why));
        }
        for slot in &mut self.slots {
            let Some((key, stream)) = slot else { continue };
            let key = *key;
            for _ in 0..MAX_READS_PER_TURN {
                if !stream.is_pending() {
                    break;
                }
                match stream.turn(&mut self.buffer[..]) {
                    Told::Open => take(key, StreamEvent::Open),
                    Told::Read(bytes) => take(key, StreamEvent::Data(&self.buffer[..bytes])),
                    Told::Nothing => {}
                    Told::Closed(why) => {
                        stream.deregister(registry);
                        *slot = None;
                        take(key, StreamEvent::Closed(why));
                        break;
                    }
                }
            }
        }
    }
}
