//! The server: listens, takes sockets in, and stops in order.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::doorkeeper::{Admitted, Doorkeeper, Permit, SOCKETS_FOR_PAGES_IN_ALL};
use super::error::SwitchboardError;
use super::hub::Hub;
use super::origin::Origin;
use super::relay::{self, RelayConfig};
use super::routes::{RemoteAddress, Shared, router};
use super::tls::TlsFiles;
use super::turn_servers::{TurnServers, with_credentials};
use crate::net::relay_server::RelayServer;
use crate::signaling::RegistryConfig;

/// How long a TLS handshake or the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Bytes that the head of a request may have.
const HEAD_BYTES: usize = 16 * 1024;

/// How long to wait before accepting again when the system is out of sockets; trying at once would
/// only burn the processor until one is closed.
const OUT_OF_SOCKETS_WAIT: Duration = Duration::from_millis(100);

/// How a switchboard behaves.
#[derive(Debug, Clone)]
pub struct SwitchboardConfig {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// TLS, for `https` and `wss`.
    pub tls: Option<TlsFiles>,
    /// Pages that may connect beside those that the switchboard serves.
    pub allowed_origins: Vec<Origin>,
    /// Reverse proxies in front of the switchboard. What comes from them counts as from the address
    /// that they put last into `X-Forwarded-For`.
    pub proxies: Vec<IpAddr>,
    /// Limits, grace time, STUN and TURN servers.
    pub registry: RegistryConfig,
    /// TURN servers for which peers are given credentials of their own.
    pub turn: Vec<TurnServers>,
    /// The STUN and TURN server beside the signaling.
    pub relay: Option<RelayConfig>,
    /// How long connections, and calls over the relay, may take to end when the switchboard stops.
    pub drain_time: Duration,
}

impl Default for SwitchboardConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            allowed_origins: Vec::new(),
            proxies: Vec::new(),
            registry: RegistryConfig::default(),
            turn: Vec::new(),
            relay: None,
            drain_time: Duration::from_secs(5),
        }
    }
}

/// A switchboard that listens and is ready to [`run`](Self::run).
pub struct Switchboard {
    listener: TcpListener,
    local_addr: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    relay: Option<RelayServer>,
    drain_time: Duration,
}

impl Switchboard {
    /// Reads the TLS files and takes the port.
    ///
    /// # Errors
    /// When the port is taken, the address isn't this machine's, or the TLS files don't work.
    pub async fn bind(config: SwitchboardConfig) -> Result<Self, SwitchboardError> {
        let address = config.listen;
        let refuse = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => SwitchboardError::InUse { address },
            _ => SwitchboardError::Listen { address, source },
        };
        let tls = config.tls.as_ref().map(TlsFiles::for_https).transpose()?;
        let listener = TcpListener::bind(address).await.map_err(refuse)?;
        let local_addr = listener.local_addr().map_err(refuse)?;
        let started = Instant::now();
        let (mut registry, mut turn) = (config.registry, config.turn);
        let mut relay = None;
        if let Some(options) = &config.relay {
            let tls = config.tls.as_ref().map(TlsFiles::for_relay).transpose()?;
            let files = registry.limits.connections.saturating_add(SOCKETS_FOR_PAGES_IN_ALL);
            let beside = relay::start(options, local_addr, tls, files as u64)?;
            registry.ice_servers = registry.ice_servers.with_fixed(beside.stun);
            turn.push(beside.turn);
            relay = Some(beside.server);
        }
        registry.ice_servers = with_credentials(registry.ice_servers, turn, started, unix_s());
        let limits = &registry.limits;
        let shared = Arc::new(Shared {
            doorkeeper: Doorkeeper::new(limits, &config.proxies),
            allowed_origins: config.allowed_origins,
            frame_bytes: limits.frame_bytes,
            hub: Hub::new(registry),
            started,
            refused_origins: AtomicU64::new(0),
            relay: relay.as_ref().map(RelayServer::meter),
        });
        Ok(Self { listener, local_addr, tls, shared, relay, drain_time: config.drain_time })
    }

    /// Where it listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where a browser finds it: `http://...` or `https://...`.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.local_addr)
    }

    /// Where a peer finds it: `ws://.../ws` or `wss://.../ws`.
    pub fn websocket_url(&self) -> String {
        format!("{}://{}/ws", if self.tls.is_some() { "wss" } else { "ws" }, self.local_addr)
    }

    /// Where the relay listens; nowhere if there is none.
    pub fn relay_addrs(&self) -> &[SocketAddr] {
        self.relay.as_ref().map_or(&[], RelayServer::local_addrs)
    }

    /// Serves until `stop` is done. Then tells every peer, closes every connection and waits for them,
    /// and for what is relayed, to end, for the drain time at most.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, tls, shared, mut relay, drain_time, .. } = self;
        let (stopping, is_stopping) = watch::channel(false);
        let door = Door { router: router(shared.clone()), tls, is_stopping };
        tokio::select! {
            () = accept(&listener, &door, &shared.doorkeeper) => {}
            () = shared.hub.keep_time() => {}
            () = stop => {}
        }
        tracing::info!("stopping");
        drop(listener);
        stopping.send_replace(true);
        shared.hub.shut_down();
        let all = async {
            if let Some(relay) = &mut relay {
                relay.drain();
                relay.ended().await;
            }
            shared.doorkeeper.wait_until_empty().await;
        };
        if timeout(drain_time, all).await.is_err() {
            let relayed = shared.relay.as_ref().map_or(0, |relay| relay.read().core.active);
            tracing::warn!(left = shared.doorkeeper.sockets().0, relayed, "connections are cut off");
            shared.hub.cut_all();
        }
    }
}

/// The time of day, by which credentials expire.
fn unix_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switchboard").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// Takes sockets in, for ever.
async fn accept(listener: &TcpListener, door: &Door, doorkeeper: &Arc<Doorkeeper>) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Past a limit the socket is just closed: nothing has been read that could be answered.
                if let Some(permit) = doorkeeper.admit(address.ip()) {
                    tokio::spawn(door.clone().serve(stream, address, permit));
                }
            }
            Err(error) if is_of_one_socket(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no socket could be accepted");
                tokio::time::sleep(OUT_OF_SOCKETS_WAIT).await;
            }
        }
    }
}

/// Whether accepting failed because of the socket that was accepted, and not for all of them.
fn is_of_one_socket(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// What a socket needs to be served.
#[derive(Clone)]
struct Door {
    router: Router,
    tls: Option<TlsAcceptor>,
    is_stopping: watch::Receiver<bool>,
}

impl Door {
    async fn serve(self, stream: TcpStream, address: SocketAddr, permit: Permit) {
        // Signaling is small messages that someone waits for; never hold them back.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let stream = Admitted::new(stream, permit);
        match self.tls.clone() {
            None => self.serve_http(stream, address).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(HEAD_TIME, tls.accept(stream)).await {
                    self.serve_http(stream, address).await;
                }
            }
        }
    }

    /// Serves one HTTP connection; a WebSocket that comes out of it goes on by itself.
    async fn serve_http(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        address: SocketAddr,
    ) {
        let Self { router, mut is_stopping, .. } = self;
        let router = router.layer(axum::Extension(RemoteAddress(address.ip())));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
            .with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            // What goes wrong with a connection is its own affair.
            _ = connection.as_mut() => {}
            () = async { drop(is_stopping.wait_for(|is_stopping| *is_stopping).await) } => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}
