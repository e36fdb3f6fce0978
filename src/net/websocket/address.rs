//! Where a switchboard is: `ws://HOST:PORT/PATH` or `wss://HOST:PORT/PATH`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::Uri;

/// Longest address in bytes: a host name has at most 253, and the path is short.
const MAX_ADDRESS_BYTES: usize = 1024;

/// The WebSocket of a switchboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    is_secure: bool,
    host: String,
    port: u16,
    path: String,
}

/// A text that is no [`ServerAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("server address: expected ws://HOST:PORT/ws or wss://HOST/ws, found {found:?}: {why}")]
pub struct AddressError {
    found: String,
    why: &'static str,
}

impl ServerAddress {
    /// Whether TLS goes below the WebSocket.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The host: a name, an IPv4 address, or an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, by default 80 or 443.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = |why| AddressError { found: text.chars().take(80).collect(), why };
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(refuse("it is too long"));
        }
        let uri: Uri = text.parse().map_err(|_| refuse("it is no URL"))?;
        let is_secure = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            Some(_) => return Err(refuse("the scheme must be ws or wss")),
            None => return Err(refuse("the scheme ws:// or wss:// is missing")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("user names and passwords have no place in it"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(refuse("the host is missing"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err(refuse("the port must be 1 to 65535")),
            Some(port) => port,
            None if has_port => return Err(refuse("the port must be 1 to 65535")),
            None if is_secure => 443,
            None => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { is_secure, host: host.to_owned(), port, path })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        let Self { host, port, path, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}{path}")
        } else {
            write!(f, "{scheme}://{host}:{port}{path}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_usual_ports() {
        for (text, whole) in [
            ("ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws"),
            ("wss://calls.example/ws", "wss://calls.example:443/ws"),
            ("ws://calls.example", "ws://calls.example:80/"),
            ("ws://[::1]:9/ws?x=1", "ws://[::1]:9/ws?x=1"),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), whole);
        }
    }

    #[test]
    fn an_address_on_this_machine_is_known_as_such() {
        let is_loopback = |text: &str| text.parse::<ServerAddress>().unwrap().is_loopback();
        assert!(is_loopback("ws://127.0.0.1:1/ws"));
        assert!(is_loopback("ws://[::1]:1/ws"));
        assert!(is_loopback("wss://localhost/ws"));
        assert!(!is_loopback("wss://calls.example/ws"));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, why) in [
            ("127.0.0.1:8080", "ws"),
            ("http://x/ws", "the scheme must be ws or wss"),
            ("ws://", "it is no URL"),
            ("ws://x:0/ws", "1 to 65535"),
            ("ws://x:70000/ws", "1 to 65535"),
            ("ws://me:secret@x/ws", "no place"),
            ("", "it is no URL"),
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
