//! Why a switchboard can't start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::net::relay_server::RelayServerError;

/// Why a switchboard can't start. Once it runs, nothing that arrives can stop it.
#[derive(Debug, thiserror::Error)]
pub enum SwitchboardError {
    /// Another program has the port.
    #[error("{address} is in use by another program; choose another address or port")]
    InUse {
        /// Where it should have listened.
        address: SocketAddr,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate or key can't be read.
    #[error("expected {expected} in PEM in {}, found: {found}", path.display())]
    TlsFile {
        /// What the file should hold.
        expected: &'static str,
        /// The file.
        path: PathBuf,
        /// What went wrong.
        found: String,
    },
    /// The certificate and the key don't work together.
    #[error("the certificate and the key can't be used: {0}")]
    Tls(#[source] rustls::Error),
    /// The relay can't start.
    #[error(transparent)]
    Relay(#[from] RelayServerError),
    /// The system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(#[source] io::Error),
}
