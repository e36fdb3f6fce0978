//! What a relay's shell is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::kernel::KernelPathError;
use crate::relay;

/// Whether the system's kernel relays what passes for certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KernelRelaying {
    /// Where it can.
    Auto,
    /// Never.
    #[default]
    Off,
    /// Or the relay does not start.
    On,
}

/// Where a relay listens, and what it relays.
#[derive(Clone)]
pub struct RelayServerConfig {
    /// Where to listen, each over UDP and over TCP on the same port; at most 16.
    pub listen: Vec<SocketAddr>,
    /// The next so many ports are tried when one is taken; 0 for none.
    pub ports_to_try: u16,
    /// TLS on the TCP ports, beside plain TCP: the first byte tells them apart.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The local address of relay sockets that stand for [`relay::Config::public_v4`].
    pub bind_v4: Option<IpAddr>,
    /// The same for IPv6.
    pub bind_v6: Option<IpAddr>,
    /// Files that the rest of the process may have open at once.
    pub other_files: u64,
    /// Whether the kernel relays as well.
    pub kernel: KernelRelaying,
    /// What the core is made with. Its limit of allocations is lowered to what the system has file descriptors for.
    pub core: relay::Config,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayServerError {
    /// Another program has the port, and as many after it as were to be tried.
    #[error("{address} is in use by another program; choose another address or port for the relay")]
    InUse {
        /// Where it should have listened.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("can't listen on {address} for the relay: {source}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The kernel was to relay, and can't.
    #[error(transparent)]
    Kernel(#[from] KernelPathError),
    /// The system gives no poll, thread or randomness.
    #[error("the system gives the relay no {what}: {source}")]
    System {
        /// Which of them.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}
