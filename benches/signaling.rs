//! What a user waits for in signaling: a message on its way through the registry, through the whole
//! switchboard over loopback, and presence told to everybody.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures by the clock")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use handset::signaling::{ConnectionId, Limits, Output, Registry, RegistryConfig};
use handset::switchboard::{SwitchboardConfig, SwitchboardThread};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// A configuration that holds nobody to a rate.
fn unhurried() -> RegistryConfig {
    let limits = Limits {
        messages_per_second: u32::MAX,
        message_burst: u32::MAX,
        registration_burst: u32::MAX,
        connections_per_address: usize::MAX,
        candidates_per_call: u32::MAX,
        queued_messages: usize::MAX,
        queued_bytes: usize::MAX,
        ..Limits::default()
    };
    RegistryConfig { limits, ..RegistryConfig::default() }
}

/// A registry with so many peers, `p0` and up, each on the connection of its number.
fn registry_of(peers: u64) -> Registry {
    let mut registry = Registry::new(unhurried(), || [7; 32]);
    let now = Instant::now();
    for peer in 0..peers {
        let connection = ConnectionId(peer);
        registry.handle_connect(connection, IpAddr::V4(Ipv4Addr::LOCALHOST), now);
        registry.handle_text(connection, &register(&format!("p{peer}")), now);
        while registry.poll_output().is_some() {}
    }
    registry
}

fn register(id: &str) -> String {
    format!(r#"{{"type":"register","version":1,"id":"{id}"}}"#)
}

/// An offer of a usual size.
fn call() -> String {
    format!(r#"{{"type":"call","call":"c","to":"p1","sdp":"{}"}}"#, "a=candidate:1 1 udp 1\\r\\n".repeat(100))
}

const ACCEPT: &str = r#"{"type":"accept","call":"c","sdp":"v=0"}"#;
const HANG_UP: &str = r#"{"type":"hangup","call":"c","reason":"normal"}"#;

fn through_the_registry(criterion: &mut Criterion) {
    let mut registry = registry_of(100);
    let (now, call) = (Instant::now(), call());
    criterion.bench_function("a call offered, accepted and hung up, in the registry", |bencher| {
        bencher.iter(|| {
            for (who, text) in [(0, call.as_str()), (1, ACCEPT), (0, HANG_UP)] {
                registry.handle_text(ConnectionId(who), text, now);
            }
            while let Some(output) = registry.poll_output() {
                // The peers have everything at once, or their outboxes would grow.
                if let Output::Ping { connection, payload } = output {
                    registry.handle_pong(connection, payload, now);
                }
            }
        });
    });
    let mut registry = registry_of(1000);
    criterion.bench_function("a peer comes and goes among 1000", |bencher| {
        bencher.iter(|| {
            let connection = ConnectionId(5000);
            registry.handle_connect(connection, IpAddr::V4(Ipv4Addr::LOCALHOST), now);
            registry.handle_text(connection, &register("newcomer"), now);
            registry.handle_text(connection, r#"{"type":"unregister"}"#, now);
            std::iter::from_fn(|| registry.poll_output()).count()
        });
    });
}

/// A WebSocket to the switchboard, registered.
fn connect(address: SocketAddr, id: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("a TCP option");
    let (mut socket, _) = client(format!("ws://{address}/ws"), stream).expect("a WebSocket");
    socket.send(Message::text(register(id))).expect("sent");
    hear(&mut socket, "registered");
    socket
}

/// Reads until a message of this type.
fn hear(socket: &mut WebSocket<TcpStream>, kind: &str) {
    let start = format!(r#"{{"type":"{kind}""#);
    while !matches!(socket.read().expect("a frame"), Message::Text(text) if text.starts_with(&start)) {}
}

fn through_the_switchboard(criterion: &mut Criterion) {
    let config = SwitchboardConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        registry: unhurried(),
        ..SwitchboardConfig::default()
    };
    let switchboard = SwitchboardThread::start(config).expect("a free port");
    let mut caller = connect(switchboard.local_addr(), "p0");
    let mut callee = connect(switchboard.local_addr(), "p1");
    let call = call();
    criterion.bench_function("a call offered, accepted and hung up, over loopback", |bencher| {
        bencher.iter(|| {
            caller.send(Message::text(call.as_str())).expect("sent");
            hear(&mut callee, "call");
            callee.send(Message::text(ACCEPT)).expect("sent");
            hear(&mut caller, "accept");
            caller.send(Message::text(HANG_UP)).expect("sent");
            hear(&mut callee, "hangup");
        });
    });
}

criterion_group!(benches, through_the_registry, through_the_switchboard);
criterion_main!(benches);
