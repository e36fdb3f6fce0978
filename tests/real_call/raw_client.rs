//! Somebody at the switchboard who does not keep to the rules, and a switchboard that does not.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, stream::MaybeTlsStream};

use super::processes::{SOON, Switchboard};

/// A client that says whatever it is told to.
pub(crate) struct RawClient {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
}

impl RawClient {
    /// Connects, and registers under `id`.
    pub(crate) fn registered(id: &str, switchboard: &Switchboard) -> Self {
        let mut client = Self::connected(switchboard);
        client.say(&json!({"type": "register", "version": 1, "id": id}));
        client.hear("registered");
        client
    }

    /// Connects only.
    pub(crate) fn connected(switchboard: &Switchboard) -> Self {
        let (mut socket, _) = tungstenite::connect(switchboard.url()).expect("the switchboard is there");
        if let MaybeTlsStream::Plain(stream) = socket.get_mut() {
            stream.set_read_timeout(Some(SOON)).expect("a timeout can be set");
        }
        Self { socket }
    }

    pub(crate) fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string());
    }

    pub(crate) fn say_text(&mut self, text: &str) {
        // A frame past the limit is cut off by the switchboard while it is still being sent.
        let _ = self.socket.send(Message::text(text));
    }

    /// The next message of `kind`; others are passed over.
    #[track_caller]
    pub(crate) fn hear(&mut self, kind: &str) -> Value {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).expect("the switchboard speaks JSON");
                    if message["type"] == kind {
                        return message;
                    }
                }
                Ok(Message::Close(frame)) => panic!("closed instead of {kind}: {frame:?}"),
                Ok(_) => {}
                Err(error) => panic!("no {kind}: {error}"),
            }
        }
    }

    /// Whether the other end closes the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        loop {
            match self.socket.read() {
                Ok(Message::Close(_))
                | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Protocol(_)) => {
                    return true;
                }
                Err(tungstenite::Error::Io(error)) => {
                    return !matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    );
                }
                Err(_) => return true,
                Ok(_) => {}
            }
        }
    }
}

/// A server that takes one peer's connection, hears its registration, and says `words` to it.
pub(crate) fn foreign_switchboard(words: Vec<Message>) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/ws", listener.local_addr().expect("bound"));
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the peer comes");
        let mut socket = tungstenite::accept(stream).expect("the peer speaks WebSocket");
        drop(socket.read());
        for word in words {
            if socket.send(word).is_err() {
                return;
            }
        }
        socket.get_mut().set_read_timeout(Some(Duration::from_millis(700))).expect("a timeout can be set");
        while socket.read().is_ok() {}
    });
    (url, server)
}
