//! How a peer finds paths: which servers it asks, and what it tells the other side.

use std::path::PathBuf;

use crate::ice::ServerUri;
use crate::ice::gather::IcePolicy;
use crate::ice::turn::Login;

/// How a peer finds paths.
#[derive(Debug, Clone)]
pub struct IceOptions {
    /// Which candidates the other side is told of.
    pub policy: IcePolicy,
    /// Whether the other side is told names of multicast DNS in place of this machine's own addresses
    /// (draft-ietf-mmusic-mdns-ice-candidates): who is on the same network finds out what they stand for.
    pub hide_addresses: bool,
    /// Servers to ask beside those that the switchboard names.
    pub servers: Vec<IceServer>,
    /// Whether the servers that the switchboard names are asked too.
    pub use_given_servers: bool,
    /// A PEM file of certificates to trust for `turns:`, beside the system's.
    pub turn_ca: Option<PathBuf>,
}

impl Default for IceOptions {
    fn default() -> Self {
        Self {
            policy: IcePolicy::All,
            hide_addresses: false,
            servers: Vec::new(),
            use_given_servers: true,
            turn_ca: None,
        }
    }
}

/// A STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceServer {
    /// Where it is, and what for.
    pub uri: ServerUri,
    /// Who we are to it: for TURN alone.
    pub login: Option<Login>,
}
