//! Requests of a TURN client: what they say and when they are sent again.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::auth::Auth;
use super::config::{Config, RelayFamily, Wire};
use crate::ice::stun::attribute::{
    AdditionalAddressFamily, AddressFamily, Lifetime, RequestedAddressFamily, RequestedTransport,
    XorPeerAddress,
};
use crate::ice::stun::{ChannelNumber, Class, MessageWriter, Method, TransactionId, WriteError};
use crate::ice::transaction::Schedule;

/// Requests under way at once: one for the allocation, the rest for peers. A browser offers some ten candidates.
pub const MAX_PENDING: usize = 64;

/// The longest request: USERNAME, REALM and NONCE at their longest, and the rest below 400 bytes.
const MAX_REQUEST_BYTES: usize = 512 + 2 * 768 + 512;

/// Times a request is sent that gives back what was lent: when all are lost, it expires.
const RELEASE_SENDS: u8 = 3;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Allocate,
    Refresh,
    /// Give back our allocation.
    Release,
    /// Give back one that somebody before us left on this 5-tuple.
    Clear,
    Permission(IpAddr),
    Channel(SocketAddr, ChannelNumber),
}

impl Request {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Allocate => Method::ALLOCATE,
            Self::Refresh | Self::Release | Self::Clear => Method::REFRESH,
            Self::Permission(_) => Method::CREATE_PERMISSION,
            Self::Channel(..) => Method::CHANNEL_BIND,
        }
    }

    /// The message, signed if there is a challenge to meet; and in which generation.
    fn write(
        self,
        id: TransactionId,
        config: &Config,
        auth: &Auth,
    ) -> Result<(Vec<u8>, Option<u32>), WriteError> {
        let mut buffer = [0; MAX_REQUEST_BYTES];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, self.method(), id)?;
        match self {
            Self::Allocate => {
                writer.push(&RequestedTransport::UDP)?;
                match config.family {
                    RelayFamily::V4 => {}
                    RelayFamily::V6 => {
                        writer.push(&RequestedAddressFamily(AddressFamily::V6))?;
                    }
                    RelayFamily::Both => {
                        writer.push(&AdditionalAddressFamily)?;
                    }
                }
                writer.push(&lifetime(config.lifetime))?;
            }
            Self::Refresh => {
                writer.push(&lifetime(config.lifetime))?;
            }
            Self::Release | Self::Clear => {
                writer.push(&Lifetime::ZERO)?;
            }
            // RFC 8656 §10.1: the port is ignored.
            Self::Permission(ip) => {
                writer.push(&XorPeerAddress(SocketAddr::new(ip, 0)))?;
            }
            Self::Channel(peer, number) => {
                writer.push(&number)?.push(&XorPeerAddress(peer))?;
            }
        }
        let signed = auth.sign(&mut writer)?;
        Ok((writer.finish().to_vec(), signed))
    }
}

fn lifetime(wanted: Duration) -> Lifetime {
    Lifetime::from_secs(u32::try_from(wanted.as_secs()).unwrap_or(u32::MAX).max(1))
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: Request,
    pub(super) id: TransactionId,
    /// The generation of the challenge it was signed to meet; `None` when it is not signed.
    pub(super) signed: Option<u32>,
    pub(super) unsent: bool,
    pub(super) schedule: Schedule,
    pub(super) bytes: Vec<u8>,
}

impl Pending {
    pub(super) fn new(
        request: Request,
        id: TransactionId,
        config: &Config,
        auth: &Auth,
        now: Instant,
    ) -> Result<Self, WriteError> {
        let (bytes, signed) = request.write(id, config, auth)?;
        let mut schedule = match config.wire {
            Wire::Datagram => Schedule::datagram(now),
            Wire::Stream => Schedule::stream(now),
        };
        if matches!(request, Request::Release | Request::Clear) {
            schedule = schedule.at_most(RELEASE_SENDS);
        }
        Ok(Self { request, id, signed, unsent: true, schedule, bytes })
    }
}
