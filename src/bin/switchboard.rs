//! The signaling server as a command.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use handset::switchboard::{
    IceServer, IceServers, Limits, Origin, RegistryConfig, Switchboard, SwitchboardConfig, SwitchboardError, TlsFiles,
    TurnServers,
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
/// Serves the WebSocket at /ws, the web client at /, /healthz and /metrics. Prints one line to
/// standard output once it listens. It stays out of the media.
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

    /// How long connections may take to end when the server stops
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    drain: u64,

    /// What to log to standard error: error, warn, info, debug, trace, or a filter such as handset=debug
    #[arg(long, value_name = "FILTER", default_value = "warn", env = "HANDSET_LOG")]
    log: String,
}

/// Takes what begins as a TURN URI does; the servers' names are for the peers to make something of.
fn turn_uri(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with("//") => Ok(text.to_owned()),
        _ => Err(format!("expected turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT], found {text:?}")),
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
            drain_time: Duration::from_secs(self.drain),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "switchboard: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(SwitchboardError::InUse { .. } | SwitchboardError::Listen { .. }) => EXIT_LISTEN,
        Some(SwitchboardError::TlsFile { .. } | SwitchboardError::Tls(_)) => EXIT_TLS,
        Some(SwitchboardError::Thread(_)) | None => 1,
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
        let _ = writeln!(std::io::stdout(), "listening on {}", switchboard.url());
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
