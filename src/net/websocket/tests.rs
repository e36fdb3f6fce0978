//! The thread against a small server of the test's own: a registry over real WebSockets.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{Message, accept};

use super::*;
use crate::net::Wake;
use crate::signaling::{
    ClientConfig, ClientEvent, ClientMessage, ConnectionId, ErrorCode, HangupReason, Output, Registry,
    RegistryConfig, ServerMessage,
};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that takes one connection, serves it until it is closed or `messages` have come, and returns its
/// registry.
fn serve_once(
    listener: TcpListener,
    mut registry: Registry,
    number: u64,
    messages: usize,
) -> JoinHandle<Registry> {
    let serve = move || {
        let (stream, address) = listener.accept().expect("a connection");
        let mut socket = accept(stream).expect("a WebSocket");
        let connection = ConnectionId(number);
        registry.handle_connect(connection, address.ip(), Instant::now());
        let mut left = messages;
        'serving: while left > 0 {
            match socket.read() {
                Ok(Message::Text(text)) => {
                    registry.handle_text(connection, &text, Instant::now());
                    left -= 1;
                }
                Ok(_) => {}
                Err(_) => break,
            }
            while let Some(output) = registry.poll_output() {
                match output {
                    Output::Send { text, .. } => socket.send(Message::text(text.to_string())).expect("sent"),
                    Output::Ping { payload, .. } => {
                        socket.send(Message::Ping(payload.to_be_bytes().to_vec().into())).expect("sent");
                    }
                    Output::Close { .. } => {
                        let _ = socket.close(None);
                        while socket.read().is_ok() {}
                        break 'serving;
                    }
                }
            }
        }
        registry.handle_disconnect(connection, Instant::now());
        registry
    };
    std::thread::Builder::new().spawn(serve).expect("a thread")
}

fn registry() -> Registry {
    Registry::new(RegistryConfig::default(), || [7; 32])
}

fn start(port: u16) -> (SignalThread, Arc<AtomicUsize>) {
    let wakes = Arc::new(AtomicUsize::new(0));
    let counted = wakes.clone();
    let wake: Wake = Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let config = ClientConfig::new("alice".parse().unwrap());
    let server = format!("ws://127.0.0.1:{port}/ws");
    (SignalThread::start(&server, config, 1, wake).expect("a thread"), wakes)
}

#[test]
fn the_thread_registers_is_cut_off_resumes_and_stops() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let first = serve_once(listener.try_clone().unwrap(), registry(), 1, 2);
    let (mut signal, wakes) = start(port);
    match signal.wait_event(PATIENCE).unwrap() {
        ClientEvent::Registered(registered) => assert!(!registered.resumed),
        other => panic!("{other:?}"),
    }
    let hangup = ClientMessage::Hangup { call: "none".parse().unwrap(), reason: HangupReason::Normal };
    signal.send(hangup.clone());
    match signal.wait_event(PATIENCE).unwrap() {
        ClientEvent::Message(ServerMessage::Error { code, .. }) => assert_eq!(code, ErrorCode::UnknownCall),
        other => panic!("{other:?}"),
    }
    let registry = first.join().unwrap();
    assert!(matches!(signal.wait_event(PATIENCE).unwrap(), ClientEvent::Lost { .. }));
    signal.send(hangup);
    let second = serve_once(listener, registry, 2, 3);
    match signal.wait_event(PATIENCE).unwrap() {
        ClientEvent::Registered(registered) => assert!(registered.resumed),
        other => panic!("{other:?}"),
    }
    assert!(matches!(signal.wait_event(PATIENCE).unwrap(), ClientEvent::Message(_)));
    signal.stop();
    assert_eq!(wakes.load(Ordering::Relaxed), 6, "each event wakes its reader");
    assert!(matches!(signal.wait_event(PATIENCE).unwrap(), ClientEvent::Stopped));
    assert_eq!(signal.wait_event(PATIENCE), None, "nothing follows");
    let occupancy = second.join().unwrap().occupancy();
    assert_eq!((occupancy.online, occupancy.away), (0, 0));
}

#[test]
fn an_unreachable_server_is_said_in_words_and_stopping_does_not_wait() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (mut signal, _) = start(port);
    match signal.wait_event(PATIENCE).unwrap() {
        ClientEvent::Lost { reason, .. } => {
            assert!(reason.starts_with(&format!("no connection to 127.0.0.1:{port}: ")), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    signal.stop();
}

#[test]
fn a_server_that_is_no_switchboard_is_said_in_words() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (signal, _) = start(port);
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 4096];
    assert!(stream.read(&mut request).unwrap() > 0);
    stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
    match signal.wait_event(PATIENCE).unwrap() {
        ClientEvent::Lost { reason, .. } => {
            assert!(
                reason.ends_with("answered, but not as a switchboard: HTTP status 404 Not Found"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    drop(signal);
}

#[test]
fn a_handle_that_is_dropped_ends_the_thread_and_frees_the_id() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (signal, _) = start(listener.local_addr().unwrap().port());
    let server = serve_once(listener, registry(), 1, 2);
    assert!(matches!(signal.wait_event(PATIENCE), Some(ClientEvent::Registered(_))));
    drop(signal);
    let occupancy = server.join().unwrap().occupancy();
    assert_eq!((occupancy.online, occupancy.away), (0, 0));
}
