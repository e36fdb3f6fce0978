//! What a TURN client is told.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::ice::stun::attribute::Username;

/// Longest password accepted. Those that REST schemes make have 28 characters.
const MAX_PASSWORD_BYTES: usize = 512;

/// What carries TURN messages to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Datagrams: requests are sent again, ChannelData is not padded.
    Datagram,
    /// A TCP or TLS stream: requests are sent once, ChannelData is padded.
    Stream,
}

/// Which families of relayed address to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RelayFamily {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
    /// IPv4, and IPv6 if the server has it.
    Both,
}

/// Why a name or password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// RFC 8489 §14.3.
    #[error("TURN username of {bytes} bytes, expected 1 to 508")]
    Username {
        /// How many there are.
        bytes: usize,
    },
    /// Longer than anything that is in use.
    #[error("TURN password of {bytes} bytes, expected 1 to 512")]
    Password {
        /// How many there are.
        bytes: usize,
    },
}

/// A name and password for long-term credentials (RFC 8489 §9.2). `Debug` shows neither.
///
/// Both are used as they are; bring non-ASCII ones into OpaqueString form (RFC 8265) before.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    username: String,
    password: String,
}

impl Login {
    /// ```
    /// use handset::ice::turn::Login;
    /// assert!(Login::new("1763719200:alice", "Vx3l4qS0hQe8mJcJ0t0yRw2Zp5I=").is_ok());
    /// assert!(Login::new("", "secret").is_err());
    /// ```
    ///
    /// # Errors
    /// Empty or too long.
    pub fn new(username: &str, password: &str) -> Result<Self, LoginError> {
        if username.is_empty() || Username::new(username).is_err() {
            return Err(LoginError::Username { bytes: username.len() });
        }
        if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
            return Err(LoginError::Password { bytes: password.len() });
        }
        Ok(Self { username: username.to_owned(), password: password.to_owned() })
    }

    /// Whose credentials.
    pub fn username(&self) -> &str {
        &self.username
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

/// What a client is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the server is.
    pub server: SocketAddr,
    /// What carries the messages.
    pub wire: Wire,
    /// Name and password.
    pub login: Login,
    /// Families of relayed address.
    pub family: RelayFamily,
    /// How long an allocation should live without a refresh; a server caps it. Default 10 minutes.
    pub lifetime: Duration,
}

impl Config {
    /// An IPv4 relay for ten minutes at a time.
    pub fn new(server: SocketAddr, wire: Wire, login: Login) -> Self {
        Self { server, wire, login, family: RelayFamily::V4, lifetime: Duration::from_secs(600) }
    }
}
