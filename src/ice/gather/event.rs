//! What a gatherer tells and asks for.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::ice::turn::Failure;
use crate::ice::{CandidateKind, Carrier, ServerUri};

/// One address where we can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// How it was found.
    pub kind: CandidateKind,
    /// Where the other side sends to.
    pub address: SocketAddr,
    /// The local socket that it belongs to; for one relayed over a stream, `address` itself.
    pub base: SocketAddr,
    /// Who told or lends it; `None` for a host's own.
    pub origin: Option<Origin>,
}

/// Where an address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The server.
    pub server: ServerUri,
    /// What carried the question.
    pub carrier: Carrier,
    /// From the first packet to the answer.
    pub took: Duration,
}

/// Something the owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatherEvent {
    /// An address of ours: tell the other side.
    Found(Gathered),
    /// An address that is ours no more: the relay took it back, or its interface is gone.
    Lost {
        /// The address.
        address: SocketAddr,
    },
    /// What one STUN server sees one of our sockets as, new or not.
    Mapped {
        /// The socket.
        base: SocketAddr,
        /// The server.
        server: SocketAddr,
        /// What it sees.
        mapped: SocketAddr,
        /// From the first packet to the answer.
        took: Duration,
    },
    /// A server is of no use. Told once for each server and cause.
    Failed {
        /// The server.
        server: ServerUri,
        /// Why.
        trouble: Trouble,
    },
    /// Every server has answered or been given up: there will be no more before the next restart.
    Complete,
}

/// Why a server is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// A TURN server's refusal.
    #[error(transparent)]
    Turn(#[from] Failure),
    /// No stream to it came about, or it broke before anything was lent.
    #[error("no connection to the TURN server: {0}")]
    Stream(String),
    /// A STUN server that says nothing.
    #[error("the STUN server does not answer")]
    Silent,
    /// A STUN server that refuses.
    #[error("the STUN server refuses: {0}")]
    Refused(u16),
    /// A TURN server without a name and password for it.
    #[error("there is no username and password for the TURN server")]
    NoLogin,
    /// The resolver's word on the name.
    #[error("its name cannot be resolved: {0}")]
    Name(String),
}

impl Trouble {
    /// Whether other credentials would help.
    pub fn is_of_credentials(&self) -> bool {
        matches!(self, Self::Turn(Failure::Credentials) | Self::NoLogin)
    }
}

/// Names a stream between gatherer and owner. Numbers are not used again within a gatherer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub(super) u32);

impl StreamId {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A stream to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// What it will be known by.
    pub id: StreamId,
    /// Where to.
    pub server: SocketAddr,
    /// From this local address, where that was chosen.
    pub from: Option<IpAddr>,
    /// With TLS to a server of this name.
    pub tls_name: Option<String>,
}

/// What is to be done about streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamAction {
    /// Open it; then `handle_stream_open` or `handle_stream_closed`.
    Open(Dial),
    /// Close it, once what was written is sent.
    Close(StreamId),
}

/// How something leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In a datagram.
    Datagram {
        /// The local socket.
        source: SocketAddr,
        /// Where to.
        destination: SocketAddr,
    },
    /// On an open stream.
    Stream(StreamId),
}

/// Something to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// How.
    pub way: Way,
    /// What: a whole datagram, or whole frames of the stream.
    pub bytes: &'a [u8],
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} bytes)", self.bytes.len())
    }
}

/// What a packet was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound<'p> {
    /// Nothing of a server's: the other side's, for the call to read.
    Direct,
    /// The other side's, through a relay: as if it had come to the relayed address.
    Relayed {
        /// Who sent it.
        source: SocketAddr,
        /// The relayed address that it came to.
        destination: SocketAddr,
        /// What was sent.
        data: &'p [u8],
    },
    /// A server's, dealt with.
    Taken,
}
