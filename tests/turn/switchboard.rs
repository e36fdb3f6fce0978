//! The relay inside a real switchboard process: coturn's load client over every transport, our own client, and the end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handset::ice::turn::{Event, Failure, Login, Wire};
use handset::net::websocket::{SignalConfig, SignalThread};
use handset::signaling::{ClientConfig, ClientEvent};
use rustls::pki_types::CertificateDer;

use crate::client::Driven;
use crate::has;

/// Anything on loopback happens within this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Outside the range from which the system gives ports of its own.
const RELAY_PORTS: &str = "63000-63499";

/// A switchboard with its relay, ended with the test.
pub(crate) struct Switchboard {
    process: Child,
    signaling: SocketAddr,
    pub(crate) relay: SocketAddr,
    certificate: Option<CertificateDer<'static>>,
}

/// What a registered peer is told.
pub(crate) struct Told {
    urls: Vec<String>,
    pub(crate) username: String,
    pub(crate) credential: String,
}

impl Switchboard {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["--listen", "127.0.0.1:0", "--relay-ports", RELAY_PORTS])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let said = line.trim().strip_prefix("listening on http").map(|rest| rest.trim_start_matches("s"));
        let said = said.and_then(|rest| rest.strip_prefix("://"));
        let (signaling, relay) = said.and_then(|said| said.split_once(", relay on ")).expect(&line);
        let [signaling, relay] = [signaling, relay].map(|address| address.parse().expect("an address"));
        Self { process, signaling, relay, certificate: None }
    }

    /// One with a certificate for `localhost`.
    fn start_with_tls() -> Self {
        let folder = std::env::temp_dir().join(format!("handset-relay-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for its files");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let files = [("certificate.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())];
        let [certificate, key] = files.map(|(name, text)| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("it can be written");
            path.display().to_string()
        });
        let mut started =
            Self::start(&["--tls-cert", &certificate, "--tls-key", &key, "--relay-host", "localhost"]);
        let _ = std::fs::remove_dir_all(&folder);
        started.certificate = Some(made.cert.der().clone());
        started
    }

    /// Registers a peer and leaves again.
    pub(crate) fn tell(&self, id: &str) -> Told {
        let scheme = if self.certificate.is_some() { "wss" } else { "ws" };
        let server = format!("{scheme}://localhost:{}/ws", self.signaling.port());
        let config = SignalConfig {
            server: server.parse().expect("an address"),
            client: ClientConfig::new(id.parse().expect("an id")),
            seed: 1,
            extra_roots: self.certificate.iter().cloned().collect(),
        };
        let signal = SignalThread::start_with(config, Arc::new(|| {})).expect("a thread");
        let servers = match signal.wait_event(PATIENCE) {
            Some(ClientEvent::Registered(registered)) => registered.ice_servers,
            other => panic!("{other:?}"),
        };
        let turn = servers.iter().find(|server| server.username.is_some()).expect("a TURN server");
        Told {
            urls: servers.iter().flat_map(|server| server.urls.clone()).collect(),
            username: turn.username.clone().expect("looked for"),
            credential: turn.credential.as_ref().expect("with its name").as_str().to_owned(),
        }
    }

    fn client(&self, told: &Told, wire: Wire) -> Driven {
        let login = Login::new(&told.username, &told.credential).expect("of legal length");
        Driven::connect(self.relay, wire, login)
    }

    /// One figure of `/metrics`.
    fn metric(&self, name: &str) -> u64 {
        let mut stream = TcpStream::connect(self.signaling).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("it answers");
        let start = format!("switchboard_relay_{name} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().expect("a number")
    }

    fn terminate(&self) {
        let killed = Command::new("kill").arg(self.process.id().to_string()).status().expect("it runs");
        assert!(killed.success());
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two clients of coturn's, each with an RTP and an RTCP pair of ports, speak with each other through the relay. By
/// indications (-s): for channels it draws numbers up to 0x7fff, which RFC 8656 has taken away.
fn nothing_is_lost(switchboard: &Switchboard, transport: &[&str]) {
    let told = switchboard.tell("alice");
    let output = Command::new("turnutils_uclient")
        .args(["-y", "-s", "-u", &told.username, "-w", &told.credential])
        .args(["-m", "2", "-n", "50", "-l", "172", "-z", "20"])
        .args(transport)
        .args(["-L", "127.0.0.1", "-p", &switchboard.relay.port().to_string(), "127.0.0.1"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Total lost packets 0 (0.000000%)"), "{transport:?}: {text}");
}

#[test]
fn coturns_load_client_loses_nothing_over_udp_tcp_and_tls() {
    if !has("turnutils_uclient") {
        return;
    }
    let plain = Switchboard::start(&[]);
    nothing_is_lost(&plain, &[]);
    nothing_is_lost(&plain, &["-t"]);
    assert!(plain.metric("to_peers_total") > 0 && plain.metric("to_clients_total") > 0);
    assert_eq!(plain.metric("unsent_total"), 0);
    let secure = Switchboard::start_with_tls();
    nothing_is_lost(&secure, &["-t", "-S"]);
    let turns = format!("turns:localhost:{}?transport=tcp", secure.relay.port());
    assert!(secure.tell("bob").urls.contains(&turns));
}

#[test]
fn a_registered_peer_is_told_of_the_relay_and_let_in() {
    let switchboard = Switchboard::start(&[]);
    let told = switchboard.tell("alice");
    let relay = switchboard.relay;
    assert_eq!(
        told.urls,
        [
            format!("stun:{relay}"),
            format!("turn:{relay}?transport=udp"),
            format!("turn:{relay}?transport=tcp")
        ]
    );
    for wire in [Wire::Datagram, Wire::Stream] {
        let (mut near, mut far) = (switchboard.client(&told, wire), switchboard.client(&told, wire));
        assert!(matches!(near.first_event(), Event::Allocated { .. }));
        assert!(matches!(far.first_event(), Event::Allocated { .. }));
        let relayed = |driven: &Driven| driven.client.relayed().expect("allocated");
        let (from, to) = (relayed(&near), relayed(&far));
        near.client.bind(to, Instant::now());
        far.client.bind(from, Instant::now());
        near.until("a channel", |driven| driven.events.contains(&Event::ChannelBound { peer: to }));
        far.until("a channel", |driven| driven.events.contains(&Event::ChannelBound { peer: from }));
        for length in [1_usize, 2, 3, 4, 172, 1200] {
            near.send_to(to, &vec![7; length]);
            far.received.clear();
            far.until("it", |driven| !driven.received.is_empty());
            assert_eq!(far.received, [(from, vec![7; length])]);
        }
    }
    let mut stranger = switchboard.client(&Told { credential: "wrong".to_owned(), ..told }, Wire::Datagram);
    assert_eq!(stranger.first_event(), Event::Failed(Failure::Credentials));
    assert!(switchboard.metric("allocations") >= 2 && switchboard.metric("wrong_credentials_total") == 1);
}

#[test]
fn on_sigterm_what_is_relayed_goes_on_until_it_ends() {
    let mut switchboard = Switchboard::start(&["--drain", "60"]);
    let told = switchboard.tell("alice");
    let mut held = switchboard.client(&told, Wire::Datagram);
    assert!(matches!(held.first_event(), Event::Allocated { .. }));
    switchboard.terminate();
    // Once nobody new is let in it has heard the signal.
    let limit = Instant::now() + PATIENCE;
    loop {
        let mut late = switchboard.client(&told, Wire::Datagram);
        match late.first_event() {
            Event::Failed(Failure::Capacity) => break,
            Event::Allocated { .. } => late.client.release(Instant::now()),
            other => panic!("{other:?}"),
        }
        late.until("release", |driven| driven.client.is_ended());
        assert!(Instant::now() < limit, "it goes on giving allocations");
    }
    held.client.refresh(Instant::now());
    held.client.permit([127, 0, 0, 1].into(), Instant::now());
    held.client.release(Instant::now());
    held.until("release", |driven| driven.events.contains(&Event::Released));
    let status = switchboard.process.wait().expect("it ends");
    assert!(status.success());
}
