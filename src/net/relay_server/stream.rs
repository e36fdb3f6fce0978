//! One client's TCP connection: plain or under TLS, cut into frames.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use super::batch::DATAGRAM_BYTES;
use crate::ice::stun::{Deframer, Frame};
use crate::relay::Client;

/// The longest frame that is taken: the longest datagram that is relayed, and what a Send indication puts around it.
const FRAME_BYTES: usize = DATAGRAM_BYTES + 64;

/// Bytes that wait for a client that does not read: a second of a call at a hundred packets a second. Beyond it data is
/// dropped, as a network would.
const WAITING_BYTES: usize = 32 * 1024;

/// Beyond this, answers wait as well: the client asks without ever reading, and is cut off.
const WAITING_BYTES_LIMIT: usize = 2 * WAITING_BYTES;

/// Room that a stream keeps when nothing waits: a few packets of a call.
const IDLE_BYTES: usize = 1024;

/// Bytes that one stream may bring in one turn, so that a flood keeps nobody else waiting.
const BYTES_PER_TURN: usize = 64 * 1024;

/// A TLS record begins with this (RFC 8446 section 5.1: handshake); neither STUN nor ChannelData does.
const TLS_HANDSHAKE: u8 = 22;

/// The stream is of no more use.
#[derive(Debug)]
pub(super) struct Closed;

/// What goes between the frames and the socket; known from the first byte on.
enum Layer {
    Unknown,
    Plain,
    Tls(Box<ServerConnection>),
}

/// A connection. Call [`read`](Self::read) when it is readable, [`flush`](Self::flush) after writing and when it is
/// writable.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) client: Client,
    /// Since when it has no allocation, as far as the last look at it told.
    pub(super) idle_since: Instant,
    layer: Layer,
    deframer: Deframer,
    outgoing: Vec<u8>,
    /// How much of `outgoing` the socket has taken.
    written: usize,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, client: Client, now: Instant) -> Self {
        Self {
            socket,
            client,
            idle_since: now,
            layer: Layer::Unknown,
            deframer: Deframer::new(FRAME_BYTES),
            outgoing: Vec::new(),
            written: 0,
        }
    }

    /// Takes what the socket has and hands out every frame in it, with a buffer for an answer; what that returns is the
    /// answer's length. Says whether something may be left for another turn.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        tls: Option<&Arc<ServerConfig>>,
        mut take: impl FnMut(Client, Frame<'_>, &mut [u8]) -> usize,
    ) -> Result<bool, Closed> {
        let mut total = 0;
        while total < BYTES_PER_TURN {
            match self.socket.read(scratch) {
                Ok(0) => return Err(Closed),
                Ok(count) => {
                    total += count;
                    self.take_bytes(&scratch[..count], tls, &mut take)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Closed),
            }
        }
        Ok(true)
    }

    fn take_bytes(
        &mut self,
        mut bytes: &[u8],
        tls: Option<&Arc<ServerConfig>>,
        take: &mut impl FnMut(Client, Frame<'_>, &mut [u8]) -> usize,
    ) -> Result<(), Closed> {
        if matches!(self.layer, Layer::Unknown) {
            self.layer = match (bytes.first(), tls) {
                (Some(&TLS_HANDSHAKE), Some(tls)) => {
                    let connection = ServerConnection::new(tls.clone()).map_err(|_| Closed)?;
                    Layer::Tls(Box::new(connection))
                }
                _ => Layer::Plain,
            };
        }
        while !bytes.is_empty() {
            match &mut self.layer {
                Layer::Tls(connection) => {
                    connection.read_tls(&mut bytes).map_err(|_| Closed)?;
                    let processed = connection.process_new_packets().map(drop);
                    self.take_records(take)?;
                    // What went wrong is told to the client by an alert, if it still listens.
                    if processed.is_err() {
                        self.flush()?;
                        return Err(Closed);
                    }
                }
                Layer::Plain | Layer::Unknown => {
                    let taken = self.deframer.push(bytes);
                    bytes = &bytes[taken..];
                    self.take_frames(take)?;
                }
            }
        }
        Ok(())
    }

    /// Moves what TLS has decrypted to the deframer.
    fn take_records(
        &mut self,
        take: &mut impl FnMut(Client, Frame<'_>, &mut [u8]) -> usize,
    ) -> Result<(), Closed> {
        loop {
            let Layer::Tls(connection) = &mut self.layer else { return Ok(()) };
            match connection.reader().read(self.deframer.space()) {
                Ok(0) => return Err(Closed),
                Ok(count) => self.deframer.filled(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Closed),
            }
            self.take_frames(take)?;
        }
    }

    fn take_frames(
        &mut self,
        take: &mut impl FnMut(Client, Frame<'_>, &mut [u8]) -> usize,
    ) -> Result<(), Closed> {
        let mut answer = [0; super::ANSWER_BYTES];
        loop {
            let length = match self.deframer.next_frame() {
                Ok(Some(frame)) => take(self.client, frame, &mut answer),
                Ok(None) => return Ok(()),
                Err(_) => return Err(Closed),
            };
            if length > 0 {
                self.write_answer(&answer[..length])?;
            }
        }
    }

    /// Puts an answer behind what waits.
    pub(super) fn write_answer(&mut self, answer: &[u8]) -> Result<(), Closed> {
        if self.waiting_bytes() + answer.len() > WAITING_BYTES_LIMIT {
            return Err(Closed);
        }
        self.write(&[answer])
    }

    /// Puts data behind what waits, unless too much waits already; says whether it did.
    pub(super) fn write_data(&mut self, pieces: &[&[u8]]) -> Result<bool, Closed> {
        if self.waiting_bytes() > WAITING_BYTES {
            return Ok(false);
        }
        self.write(pieces).map(|()| true)
    }

    fn write(&mut self, pieces: &[&[u8]]) -> Result<(), Closed> {
        let Layer::Tls(connection) = &mut self.layer else {
            pieces.iter().for_each(|piece| self.outgoing.extend_from_slice(piece));
            return Ok(());
        };
        // In one piece, so that it becomes one record.
        let whole = pieces.concat();
        connection.writer().write_all(&whole).map_err(|_| Closed)?;
        self.encrypt()
    }

    /// Moves what TLS has to say to the outgoing bytes.
    fn encrypt(&mut self) -> Result<(), Closed> {
        if let Layer::Tls(connection) = &mut self.layer {
            while connection.wants_write() {
                connection.write_tls(&mut self.outgoing).map_err(|_| Closed)?;
            }
        }
        Ok(())
    }

    fn waiting_bytes(&self) -> usize {
        self.outgoing.len() - self.written
    }

    /// Gives the socket as much as it takes.
    pub(super) fn flush(&mut self) -> Result<(), Closed> {
        self.encrypt()?;
        while self.written < self.outgoing.len() {
            match self.socket.write(&self.outgoing[self.written..]) {
                Ok(0) => return Err(Closed),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Closed),
            }
        }
        if self.written == self.outgoing.len() {
            self.written = 0;
            self.outgoing.clear();
            self.outgoing.shrink_to(IDLE_BYTES);
        } else if self.written > WAITING_BYTES {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}
