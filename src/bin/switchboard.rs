//! The signaling server as a command.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser};
use handset::switchboard::{
    IceServer, IceServers, KernelRelaying, Limits, Network, Origin, RegistryConfig, RelayConfig, RelayLimits,
    RelayServerError, Switchboard, SwitchboardConfig, SwitchboardError, TlsFiles, TurnServers,
};
use tokio::signal::unix::{SignalKind, signal};

/// Exit code when the address can't be listened on.
const EXIT_LISTEN: u8 = 3;

/// Exit code when certificate or key can't be used.
const EXIT_TLS: u8 = 4;

const EXIT_CODES: &str = "\
Exit codes:
  0  stopped by SIGTERM or SIGINT, every peer told
  1  something else went wrong
  2  a wrong option
  3  the address can't be listened on, or its port is in use
  4  the certificate or the key can't be used";

/// The signaling server: peers and browsers register here, see who is online and call each other.
///
/// Serves the WebSocket at /ws, the web client at /, /healthz and /metrics, and beside them STUN and TURN for calls that
/// find no direct way. Prints one line to standard output once it listens.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, after_help = EXIT_CODES)]
struct Options {
    /// Where to listen; port 0 lets the system choose one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// The certificate chain in PEM, for https and wss
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// A web page that may connect beside those served here, as https://HOST[:PORT]; repeatable
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,

    /// A reverse proxy in front, by its address: clients are told apart by its X-Forwarded-For;
    /// repeatable
    #[arg(long, value_name = "ADDR")]
    proxy: Vec<IpAddr>,

    /// How long a peer that lost its connection keeps its id and calls
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    grace: u64,

    /// How many WebSockets one address may have
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections_per_address)]
    connections_per_address: usize,

    /// How many peers may be registered
    #[arg(long, value_name = "N", default_value_t = Limits::default().registrations)]
    peers: usize,

    /// A STUN server that peers are told of, as stun:HOST[:PORT]; repeatable
    #[arg(long, value_name = "URI")]
    stun: Vec<String>,

    /// A TURN server that peers are told of, as turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT], with
    /// credentials of their own; repeatable
    #[arg(long, value_name = "URI", requires = "turn_secret", value_parser = turn_uri)]
    turn: Vec<String>,

    /// What those credentials are made with (coturn: use-auth-secret, static-auth-secret)
    #[arg(long, value_name = "SECRET", env = "HANDSET_TURN_SECRET", hide_env_values = true)]
    turn_secret: Option<String>,

    #[command(flatten)]
    relay: RelayOptions,

    /// How long connections, and calls over the relay, may take to end when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    drain: u64,

    /// What to log to standard error: error, warn, info, debug, trace, or a filter such as handset=debug
    #[arg(long, value_name = "FILTER", default_value = "warn", env = "HANDSET_LOG")]
    log: String,
}

/// The STUN and TURN server beside the signaling.
#[derive(Debug, Args)]
#[command(next_help_heading = "Relay")]
struct RelayOptions {
    /// No relay: calls that find no direct way fail, unless --turn names another
    #[arg(long)]
    no_relay: bool,

    /// Where the relay listens, over UDP, TCP and (with a certificate) TLS on the same port; repeatable. Default: beside
    /// the signaling, or everywhere with --public-ip; port 3478 or the next that is free
    #[arg(long, value_name = "ADDR:PORT")]
    relay_listen: Vec<SocketAddr>,

    /// The address by which others reach this machine; once for IPv4, once for IPv6
    #[arg(long, value_name = "IP")]
    public_ip: Vec<IpAddr>,

    /// The name of this machine for others, as its certificate has it, instead of its address
    #[arg(long, value_name = "NAME")]
    relay_host: Option<String>,

    /// Ports that are lent
    #[arg(long, value_name = "MIN-MAX", default_value = "49152-65535", value_parser = port_range)]
    relay_ports: RangeInclusive<u16>,

    /// A network that may be relayed to although it is not of the internet, as 192.168.0.0/16; repeatable. On loopback
    /// addresses alone the relay serves this machine by itself
    #[arg(long, value_name = "CIDR")]
    allow_peers: Vec<Network>,

    /// Whether the kernel passes established calls on by itself, which takes a fraction of the processor's time: auto, on
    /// (or don't start) or off. It takes Linux 6.6 and CAP_BPF with CAP_NET_ADMIN; a packet filter of this machine does
    /// not see such packets
    #[arg(long, value_name = "WHEN", default_value = "off", env = "HANDSET_RELAY_KERNEL", value_parser = kernel_relaying)]
    relay_kernel: KernelRelaying,

    /// How many allocations there may be
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    relay_allocations: u16,

    /// How many allocations one peer may have
    #[arg(long, value_name = "N", default_value_t = 16)]
    relay_allocations_per_peer: u16,

    /// What one allocation may carry, both ways together; 0 for no limit
    #[arg(long, value_name = "KBIT/S", default_value_t = 8000)]
    relay_bandwidth: u32,
}

impl RelayOptions {
    fn config(&self) -> Option<RelayConfig> {
        let bytes_per_s = self.relay_bandwidth.saturating_mul(1000 / 8);
        (!self.no_relay).then(|| RelayConfig {
            listen: self.relay_listen.clone(),
            public: self.public_ip.clone(),
            host: self.relay_host.clone(),
            ports: self.relay_ports.clone(),
            allow_peers: self.allow_peers.clone(),
            kernel: self.relay_kernel,
            limits: RelayLimits {
                allocations: self.relay_allocations.into(),
                allocations_per_user: self.relay_allocations_per_peer.into(),
                bytes_per_s: Some(bytes_per_s).filter(|rate| *rate > 0),
                ..RelayLimits::default()
            },
        })
    }
}

fn kernel_relaying(text: &str) -> Result<KernelRelaying, String> {
    match text {
        "auto" => Ok(KernelRelaying::Auto),
        "on" => Ok(KernelRelaying::On),
        "off" => Ok(KernelRelaying::Off),
        _ => Err(format!("expected auto, on or off, found {text:?}")),
    }
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let bounds = text.split_once('-').and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?)));
    match bounds {
        Some((min, max)) if 0 < min && min <= max => Ok(min..=max),
        _ => Err(format!("expected MIN-MAX, found {text:?}")),
    }
}

/// Takes what begins as a TURN URI does; the servers' names are for the peers to make something of.
fn turn_uri(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with("//") => Ok(text.to_owned()),
        _ => {
            Err(format!("expected turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT], found {text:?}"))
        }
    }
}

impl Options {
    /// The TURN servers of others, if they were named.
    fn turn_servers(&self) -> Vec<TurnServers> {
        match (&self.turn_secret, self.turn.as_slice()) {
            (None, _) | (_, []) => Vec::new(),
            (Some(secret), urls) => {
                vec![TurnServers { urls: urls.to_vec(), secret: secret.clone().into_bytes() }]
            }
        }
    }

    fn config(&self) -> SwitchboardConfig {
        let limits = Limits {
            connections_per_address: self.connections_per_address,
            registrations: self.peers,
            connections: self
                .peers
                .saturating_add(self.peers / 5)
                .max(Limits::default().connections_per_address),
            registration_burst: u32::try_from(self.connections_per_address)
                .unwrap_or(u32::MAX)
                .max(Limits::default().registration_burst),
            ..Limits::default()
        };
        let ice_servers = match self.stun.as_slice() {
            [] => Vec::new(),
            urls => vec![IceServer { urls: urls.to_vec(), username: None, credential: None }],
        };
        SwitchboardConfig {
            listen: self.listen,
            tls: self
                .tls_cert
                .clone()
                .zip(self.tls_key.clone())
                .map(|(certificates, key)| TlsFiles { certificates, key }),
            allowed_origins: self.allow_origin.clone(),
            proxies: self.proxy.clone(),
            registry: RegistryConfig {
                limits,
                grace: Duration::from_secs(self.grace),
                ice_servers: IceServers::fixed(ice_servers),
                ..RegistryConfig::default()
            },
            turn: self.turn_servers(),
            relay: self.relay.config(),
            drain_time: Duration::from_secs(self.drain),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "switchboard: {}", whole(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// With what is behind it, as far as it does not say that itself.
fn whole(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |said, cause| {
        if said.contains(&cause) { said } else { format!("{said}: {cause}") }
    })
}

/// `listening on http://127.0.0.1:8080, relay on 127.0.0.1:3478`
fn start_line(switchboard: &Switchboard) -> String {
    let mut line = format!("listening on {}", switchboard.url());
    let mut before = ", relay on";
    for address in switchboard.relay_addrs() {
        line.push_str(&format!("{before} {address}"));
        before = " and";
    }
    line
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(
            SwitchboardError::InUse { .. }
            | SwitchboardError::Listen { .. }
            | SwitchboardError::Relay(RelayServerError::InUse { .. } | RelayServerError::Listen { .. }),
        ) => EXIT_LISTEN,
        Some(SwitchboardError::TlsFile { .. } | SwitchboardError::Tls(_)) => EXIT_TLS,
        Some(SwitchboardError::Relay(_) | SwitchboardError::Thread(_)) | None => 1,
    }
}

fn run(options: &Options) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&options.log).context("--log")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let switchboard = Switchboard::bind(options.config()).await?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        // Whoever started this may not read its output; that is no reason to stop.
        let _ = writeln!(std::io::stdout(), "{}", start_line(&switchboard));
        switchboard
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await;
        anyhow::Ok(())
    })?;
    runtime.shutdown_background();
    Ok(())
}
