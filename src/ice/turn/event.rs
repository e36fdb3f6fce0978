//! What a TURN client reports.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Something the owner of a [`Client`](super::Client) should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The relay lends an address: offer it as a relayed candidate.
    Allocated {
        /// The relayed address.
        relayed: SocketAddr,
        /// The relayed address of the other family, when both were asked for and there is one.
        second: Option<SocketAddr>,
        /// What the server sees us as: a server-reflexive address too, over UDP.
        mapped: Option<SocketAddr>,
        /// How long it lives without a refresh; the client refreshes it.
        lifetime: Duration,
    },
    /// Data for this peer travels behind four bytes from now on.
    ChannelBound {
        /// The peer.
        peer: SocketAddr,
    },
    /// The relay does not send to this peer.
    PeerRefused {
        /// The peer.
        peer: IpAddr,
        /// 403, 443, ... or `None` when no answer came.
        code: Option<u16>,
    },
    /// The server named another one. Over a stream: connect to it, then call `handle_connected`.
    Redirected {
        /// Where to.
        server: SocketAddr,
    },
    /// There is no allocation, or no more. The client is at its end.
    Failed(Failure),
    /// The allocation was given back. The client is at its end.
    Released,
}

/// Why there is no allocation, or no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Nothing came back.
    #[error("the TURN server does not answer")]
    Timeout,
    /// 401 to a signed request, or 441.
    #[error("the TURN server refuses the username or password")]
    Credentials,
    /// The challenge could not be met: no realm or nonce, or no password algorithm that both know.
    #[error("the TURN server's challenge cannot be answered: {0}")]
    Challenge(&'static str),
    /// Nonces kept going stale.
    #[error("the TURN server calls every nonce stale")]
    StaleNonces,
    /// 437, and what was left could not be cleared: try from another local port.
    #[error("the TURN server has another allocation for this address and port")]
    Mismatch,
    /// 486.
    #[error("the TURN server grants this user no more allocations")]
    Quota,
    /// 508.
    #[error("the TURN server has no port left")]
    Capacity,
    /// Redirected too often, in a circle, or to nowhere.
    #[error("the TURN server redirects without end")]
    Redirects,
    /// The allocation vanished on the server: it was restarted, or the refresh came too late.
    #[error("the TURN server knows the allocation no more")]
    Gone,
    /// The stream was closed.
    #[error("the connection to the TURN server was closed")]
    Disconnected,
    /// Any other refusal.
    #[error("the TURN server refuses: {code} {reason}")]
    Refused {
        /// ERROR-CODE.
        code: u16,
        /// Its reason, cut to 128 characters, control characters replaced.
        reason: String,
    },
    /// A success without what it must contain.
    #[error("the TURN server's answer lacks {0}")]
    Answer(&'static str),
}

impl Failure {
    /// Longest reason kept; RFC 8489 allows 128 characters.
    const MAX_REASON_CHARS: usize = 128;

    pub(super) fn refused(code: u16, reason: &str) -> Self {
        match code {
            401 | 441 => Self::Credentials,
            437 => Self::Mismatch,
            438 => Self::StaleNonces,
            486 => Self::Quota,
            508 => Self::Capacity,
            _ => {
                let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
                let reason = reason.chars().take(Self::MAX_REASON_CHARS).map(printable).collect();
                Self::Refused { code, reason }
            }
        }
    }
}
