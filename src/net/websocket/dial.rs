//! From an address to an open WebSocket: names, TCP, TLS, handshake.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::address::ServerAddress;
use super::link::{Link, Stream};
use crate::net::tls::client_config;
use crate::signaling::MAX_SERVER_FRAME_BYTES;

/// How long one address of a host may take before the next is tried beside it (RFC 8305 section 5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Bytes read or gathered for writing at once; most messages are smaller.
const BUFFER_BYTES: usize = 8 * 1024;

/// Addresses of a host that are tried.
const MAX_ADDRESSES: usize = 8;

/// Why no WebSocket came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("the name {host} could not be resolved: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("the name {host} has no addresses")]
    NoAddress { host: String },
    #[error("no connection to {host}:{port}: {source}")]
    Connect { host: String, port: u16, source: io::Error },
    #[error("TLS with {host} failed: {source}")]
    Tls { host: String, source: io::Error },
    #[error("{host} is no name that a certificate could be for")]
    ServerName { host: String },
    #[error("{address} answered, but not as a switchboard: {detail}")]
    Handshake { address: String, detail: String },
}

/// Makes the TLS side once: the platform's trusted roots, and `extra_roots` beside them.
pub(super) fn tls_connector(extra_roots: &[CertificateDer<'static>]) -> Result<TlsConnector, rustls::Error> {
    client_config(extra_roots).map(TlsConnector::from)
}

/// Opens the WebSocket, over TLS if there is a `tls`.
pub(super) async fn dial(address: ServerAddress, tls: Option<TlsConnector>) -> Result<Link, DialError> {
    let host = address.host().to_owned();
    let tcp = connect(&address).await?;
    // Small messages that someone waits for: never hold them back.
    tcp.set_nodelay(true).map_err(|source| DialError::Connect {
        host: host.clone(),
        port: address.port(),
        source,
    })?;
    let stream: Stream = match tls {
        Some(tls) => {
            let name = ServerName::try_from(host.clone());
            let name = name.map_err(|_| DialError::ServerName { host: host.clone() })?;
            Box::new(tls.connect(name, tcp).await.map_err(|source| DialError::Tls { host, source })?)
        }
        None => Box::new(tcp),
    };
    let limits = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MAX_SERVER_FRAME_BYTES))
        .max_frame_size(Some(MAX_SERVER_FRAME_BYTES));
    match client_async_with_config(address.to_string(), stream, Some(limits)).await {
        Ok((socket, _)) => Ok(Link::new(socket)),
        Err(error) => {
            Err(DialError::Handshake { address: address.to_string(), detail: handshake_failure(&error) })
        }
    }
}

/// What went wrong in a handshake, in a few words.
fn handshake_failure(error: &WebSocketError) -> String {
    match error {
        WebSocketError::Http(response) => format!("HTTP status {}", response.status()),
        other => other.to_string(),
    }
}

/// The first TCP connection that comes about to any of the host's addresses. They are tried in turn,
/// the next one beside those that haven't answered yet (RFC 8305, "happy eyeballs").
async fn connect(address: &ServerAddress) -> Result<TcpStream, DialError> {
    let host = || address.host().to_owned();
    let resolved = tokio::net::lookup_host((address.host(), address.port())).await;
    let resolved = resolved.map_err(|source| DialError::Resolve { host: host(), source })?;
    let mut untried = alternating(resolved.take(MAX_ADDRESSES).collect()).into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = None;
    loop {
        let next = untried.next();
        let has_more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(TcpStream::connect(address));
        }
        let finished = if has_more {
            tokio::time::timeout(NEXT_ADDRESS_AFTER, attempts.join_next()).await.ok().flatten()
        } else {
            match attempts.join_next().await {
                Some(finished) => Some(finished),
                None => break,
            }
        };
        match finished {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last_error = Some(error),
            Some(Err(_)) | None => {}
        }
    }
    Err(match last_error {
        Some(source) => DialError::Connect { host: host(), port: address.port(), source },
        None => DialError::NoAddress { host: host() },
    })
}

/// IPv6 and IPv4 addresses in turn, beginning with the resolver's first choice (RFC 8305 section 4).
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (like_first, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut others = others.into_iter();
    let mut mixed = Vec::new();
    for address in like_first {
        mixed.push(address);
        mixed.extend(others.next());
    }
    mixed.extend(others);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_tried_in_turn() {
        let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<SocketAddr>>();
        assert_eq!(
            alternating(parse(&["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"])),
            parse(&["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1", "127.0.0.3:1"])
        );
        assert!(alternating(Vec::new()).is_empty());
    }
}
