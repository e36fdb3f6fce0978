//! Where a STUN or TURN server is: `stun:`, `turn:` and `turns:` URIs (RFC 7064, RFC 7065).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Longest URI read: a host name has at most 253 characters.
const MAX_URI_BYTES: usize = 512;

/// The port where none is given (RFC 8489 §18.5).
const DEFAULT_PORT: u16 = 3478;

/// The port of TLS where none is given.
const DEFAULT_TLS_PORT: u16 = 5349;

/// What carries TURN to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// Datagrams.
    Udp,
    /// A TCP stream.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Carrier {
    /// `udp`, `tcp` or `tls`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// Whether it is a stream.
    pub fn is_stream(self) -> bool {
        self != Self::Udp
    }
}

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Tells us our address as it sees it.
    Stun,
    /// Lends us an address.
    Turn(Carrier),
}

/// A server's URI.
///
/// ```
/// use handset::ice::{Carrier, ServerUri, Service};
/// let uri: ServerUri = "turns:relay.example:443?transport=tcp".parse()?;
/// assert_eq!((uri.service(), uri.host(), uri.port()), (Service::Turn(Carrier::Tls), "relay.example", 443));
/// assert_eq!("stun:[2001:db8::1]".parse::<ServerUri>()?.to_string(), "stun:[2001:db8::1]:3478");
/// assert!("http://relay.example".parse::<ServerUri>().is_err());
/// # Ok::<(), handset::ice::ServerUriError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUri {
    service: Service,
    host: String,
    port: u16,
}

/// A text that is no [`ServerUri`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT], found {found:?}: {why}"
)]
pub struct ServerUriError {
    found: String,
    why: &'static str,
}

impl ServerUri {
    /// What it is for.
    pub fn service(&self) -> Service {
        self.service
    }

    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is one and need not be resolved.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl FromStr for ServerUri {
    type Err = ServerUriError;

    fn from_str(text: &str) -> Result<Self, ServerUriError> {
        let refuse = |why| ServerUriError { found: text.chars().take(80).collect(), why };
        if text.len() > MAX_URI_BYTES {
            return Err(refuse("it is too long"));
        }
        let (scheme, rest) = text.split_once(':').ok_or_else(|| refuse("the scheme is missing"))?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let transport = match query.map(|query| query.split_once('=').unwrap_or((query, ""))) {
            None => None,
            Some((key, value)) if key.eq_ignore_ascii_case("transport") => Some(value.to_ascii_lowercase()),
            Some(_) => return Err(refuse("the only parameter is transport")),
        };
        let service = match (scheme.to_ascii_lowercase().as_str(), transport.as_deref()) {
            ("stun", None) => Service::Stun,
            ("stun", Some(_)) => return Err(refuse("stun takes no transport")),
            ("turn", None | Some("udp")) => Service::Turn(Carrier::Udp),
            ("turn", Some("tcp")) => Service::Turn(Carrier::Tcp),
            ("turns", None | Some("tcp")) => Service::Turn(Carrier::Tls),
            ("turns", Some("udp")) => return Err(refuse("TURN over DTLS is not known here")),
            ("turn" | "turns", Some(_)) => return Err(refuse("the transport must be udp or tcp")),
            _ => return Err(refuse("the scheme must be stun, turn or turns")),
        };
        let default = if service == Service::Turn(Carrier::Tls) { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
        let (host, port) = place_of(place).ok_or_else(|| refuse("HOST or HOST:PORT"))?;
        Ok(Self { service, host: host.to_owned(), port: port.unwrap_or(default) })
    }
}

/// Host and port, where the text has that form.
fn place_of(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            match after {
                "" => (host, None),
                after => (host, Some(after.strip_prefix(':')?)),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(is_name) {
        return None;
    }
    let port = match port {
        Some(digits) => Some(digits.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    Some((host, port))
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.service {
            Service::Stun => "stun",
            Service::Turn(Carrier::Tls) => "turns",
            Service::Turn(_) => "turn",
        };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}:[{host}]:{port}")?;
        } else {
            write!(f, "{scheme}:{host}:{port}")?;
        }
        match self.service {
            Service::Stun => Ok(()),
            Service::Turn(Carrier::Udp) => f.write_str("?transport=udp"),
            Service::Turn(_) => f.write_str("?transport=tcp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_with_their_usual_ports_and_written_whole() {
        for (text, whole) in [
            ("stun:stun.example", "stun:stun.example:3478"),
            ("STUN:192.0.2.1:19302", "stun:192.0.2.1:19302"),
            ("turn:relay.example", "turn:relay.example:3478?transport=udp"),
            ("turn:relay.example:80?transport=TCP", "turn:relay.example:80?transport=tcp"),
            ("turns:relay.example", "turns:relay.example:5349?transport=tcp"),
            ("turn:[2001:db8::7]:3479?transport=udp", "turn:[2001:db8::7]:3479?transport=udp"),
        ] {
            let uri: ServerUri = text.parse().unwrap();
            assert_eq!(uri.to_string(), whole);
            assert_eq!(uri.to_string().parse::<ServerUri>().unwrap(), uri);
        }
    }

    #[test]
    fn what_is_wrong_with_a_uri_is_said() {
        for (text, why) in [
            ("relay.example", "the scheme is missing"),
            ("stuns:relay.example", "must be stun, turn or turns"),
            ("turn:", "HOST"),
            ("turn:relay.example:0", "HOST"),
            ("turn:relay.example:70000", "HOST"),
            ("turn:[nonsense]", "HOST"),
            ("turn:a b", "HOST"),
            ("turn:relay.example?transport=sctp", "udp or tcp"),
            ("turns:relay.example?transport=udp", "DTLS"),
            ("stun:relay.example?transport=udp", "no transport"),
            ("turn:relay.example?ttl=3", "transport"),
        ] {
            let error = text.parse::<ServerUri>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!("turn:".repeat(200).parse::<ServerUri>().is_err());
    }

    #[test]
    fn an_address_need_not_be_resolved() {
        let ip = |text: &str| text.parse::<ServerUri>().unwrap().ip();
        assert_eq!(ip("stun:192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(ip("stun:[::1]:9"), "::1".parse().ok());
        assert_eq!(ip("stun:localhost"), None);
    }
}
