//! One stream to a server, TCP or TLS over it, without blocking.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Protocol, Socket, Type};

/// What waits to be written at most: half a second of a call. A stream that cannot keep up drops what is newest, as a
/// full socket drops datagrams; what is older than that nobody wants to hear any more.
const MAX_WAITING_BYTES: usize = 16 * 1024;

/// The kernel's own queue in front of the network, for the same reason.
const SEND_BUFFER_BYTES: usize = 32 * 1024;

/// With whom to speak TLS, and how.
#[derive(Debug, Clone)]
pub struct TlsTarget {
    /// The name in the server's certificate, and in SNI.
    pub name: String,
    /// Whom to trust.
    pub config: Arc<ClientConfig>,
}

/// What a stream has to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is open, TLS included.
    Open,
    /// So many bytes stand in the buffer.
    Read(usize),
    /// Nothing for now.
    Nothing,
    /// It is at its end.
    Closed(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Handshaking,
    Open,
}

#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    stage: Stage,
    outgoing: Vec<u8>,
    /// Edge-triggered: both stay true until the system says otherwise.
    readable: bool,
    writable: bool,
}

impl Stream {
    /// Begins to connect.
    ///
    /// # Errors
    /// When the system gives no socket, knows no way to the server, or the name is none that a certificate could be for.
    pub(super) fn connect(
        server: SocketAddr,
        from: Option<IpAddr>,
        tls: Option<TlsTarget>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        // Small packets that someone waits for: never hold them back.
        socket.set_tcp_nodelay(true)?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        if let Some(from) = from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        match socket.connect(&server.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        let tls = tls.map(client).transpose()?;
        let tcp = TcpStream::from_std(socket.into());
        let stage = Stage::Connecting;
        Ok(Self { tcp, tls, stage, outgoing: Vec::new(), readable: false, writable: false })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.tcp.register(registry, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // Closing the descriptor deregisters it as well.
        let _ = self.tcp.deregister(registry);
    }

    pub(super) fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// Whether there is more to be read, or opened, at once.
    pub(super) fn is_pending(&self) -> bool {
        self.readable || (self.writable && self.stage != Stage::Open)
    }

    /// Takes one step: connects, shakes hands, or reads into `buffer`.
    pub(super) fn turn(&mut self, buffer: &mut [u8]) -> Told {
        self.try_turn(buffer).unwrap_or_else(|error| Told::Closed(reason(&error)))
    }

    fn try_turn(&mut self, buffer: &mut [u8]) -> io::Result<Told> {
        if self.stage == Stage::Connecting {
            if !self.is_connected()? {
                return Ok(Told::Nothing);
            }
            self.stage = if self.tls.is_some() { Stage::Handshaking } else { Stage::Open };
            if self.stage == Stage::Open {
                return Ok(Told::Open);
            }
        }
        self.flush()?;
        let read = match &mut self.tls {
            None => self.tcp.read(buffer),
            Some(tls) => {
                match tls.read_tls(&mut self.tcp) {
                    Ok(0) => Ok(0),
                    Ok(_) => {
                        let state = tls.process_new_packets();
                        // An alert tells the server what we did not like.
                        let _ = tls.write_tls(&mut self.tcp);
                        state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                        if self.stage == Stage::Handshaking && !tls.is_handshaking() {
                            self.stage = Stage::Open;
                            return Ok(Told::Open);
                        }
                        return self.read_plain(buffer);
                    }
                    // What was decrypted before, beyond what the last buffer held.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        let plain = self.read_plain(buffer)?;
                        if plain != Told::Nothing {
                            return Ok(plain);
                        }
                        Err(error)
                    }
                    Err(error) => Err(error),
                }
            }
        };
        match read {
            Ok(0) => Ok(Told::Closed("the server closed the connection".into())),
            Ok(bytes) => Ok(Told::Read(bytes)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                self.writable &= self.stage == Stage::Open;
                Ok(Told::Nothing)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Told::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Decrypted bytes; a read of nothing tells nothing, the socket tells the end.
    fn read_plain(&mut self, buffer: &mut [u8]) -> io::Result<Told> {
        self.flush()?;
        let Some(tls) = &mut self.tls else { return Ok(Told::Nothing) };
        match tls.reader().read(buffer) {
            Ok(0) => Ok(Told::Closed("the server closed the connection".into())),
            Ok(bytes) => Ok(Told::Read(bytes)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Told::Nothing),
            Err(error) => Err(error),
        }
    }

    fn is_connected(&mut self) -> io::Result<bool> {
        if !self.writable && !self.readable {
            return Ok(false);
        }
        if let Some(error) = self.tcp.take_error()? {
            return Err(error);
        }
        match self.tcp.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                (self.readable, self.writable) = (false, false);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes whole frames, now or as soon as the network takes them; `false` when too much waits already.
    pub(super) fn send(&mut self, frames: &[u8]) -> bool {
        if self.stage != Stage::Open || self.outgoing.len() + frames.len() > MAX_WAITING_BYTES {
            return false;
        }
        self.outgoing.extend_from_slice(frames);
        // An error shows at the next reading too, which tells of it.
        self.flush().is_ok()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        loop {
            let written = match &mut self.tls {
                Some(tls) if tls.wants_write() => tls.write_tls(&mut self.tcp).map(|_| 0),
                _ if self.outgoing.is_empty() || self.stage != Stage::Open => return Ok(()),
                Some(tls) => tls.writer().write(&self.outgoing),
                None => self.tcp.write(&self.outgoing),
            };
            match written {
                Ok(bytes) => drop(self.outgoing.drain(..bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Says goodbye, as far as that goes without waiting.
    pub(super) fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        let _ = self.flush();
    }
}

fn client(target: TlsTarget) -> io::Result<Box<ClientConnection>> {
    let name = ServerName::try_from(target.name)
        .map_err(|_| io::Error::new(ErrorKind::InvalidInput, "no name that a certificate could be for"))?;
    let client = ClientConnection::new(target.config, name);
    Ok(Box::new(client.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?))
}

/// Non-blocking sockets answer so to `connect`.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// Without the addresses that some systems put into their words.
fn reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => format!("TLS failed: {tls}"),
        None => error.to_string(),
    }
}
