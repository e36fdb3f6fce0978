//! One open WebSocket, read and written at once.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream as _, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::signaling::Disconnect;

/// How long a closing handshake may take before the socket is just dropped.
const CLOSE_TIME: Duration = Duration::from_millis(200);

/// TCP, or TLS over it.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A transport of either kind.
pub(super) type Stream = Box<dyn Transport>;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A text frame.
    Text(String),
    /// The answer to a ping, with the ping's number.
    Pong(u64),
    /// A sign of life.
    Other,
    /// Nothing more will come.
    Closed(Disconnect),
}

/// An open WebSocket with what is still to be written to it. The queue is as long as the client
/// machine makes it, which bounds what it sends.
pub(super) struct Link {
    socket: WebSocketStream<Stream>,
    outgoing: VecDeque<Message>,
}

impl Link {
    pub(super) fn new(socket: WebSocketStream<Stream>) -> Self {
        Self { socket, outgoing: VecDeque::new() }
    }

    /// Queues a text frame.
    pub(super) fn send(&mut self, text: String) {
        self.outgoing.push_back(Message::text(text));
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self, payload: u64) {
        self.outgoing.push_back(Message::Ping(payload.to_be_bytes().to_vec().into()));
    }

    /// Writes what is queued and waits for what comes in. May be dropped at any time and called again.
    pub(super) async fn next(&mut self) -> Incoming {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Incoming::Closed(failure(&error)));
        }
        let read = ready!(Pin::new(&mut self.socket).poll_next(cx));
        Poll::Ready(match read {
            Some(Ok(Message::Text(text))) => Incoming::Text(text.to_string()),
            Some(Ok(Message::Pong(payload))) => match payload.as_ref().try_into() {
                Ok(number) => Incoming::Pong(u64::from_be_bytes(number)),
                Err(_) => Incoming::Other,
            },
            Some(Ok(Message::Close(frame))) => Incoming::Closed(match frame {
                Some(frame) => {
                    Disconnect { code: Some(frame.code.into()), reason: format!("closed: {}", frame.reason) }
                }
                None => Disconnect { code: None, reason: "the server closed the connection".to_owned() },
            }),
            Some(Ok(_)) => Incoming::Other,
            Some(Err(error)) => Incoming::Closed(failure(&error)),
            None => Incoming::Closed(Disconnect { code: None, reason: "the connection ended".to_owned() }),
        })
    }

    /// Hands everything to the socket and flushes it, as far as it takes it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.outgoing.is_empty() {
            ready!(Pin::new(&mut self.socket).poll_ready(cx))?;
            if let Some(message) = self.outgoing.pop_front() {
                Pin::new(&mut self.socket).start_send(message)?;
            }
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Writes what is queued and says goodbye, briefly.
    pub(super) async fn close(mut self) {
        let goodbye = async {
            while let Some(message) = self.outgoing.pop_front() {
                self.socket.send(message).await?;
            }
            self.socket.close(None).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), Error>(())
        };
        // A server that doesn't answer notices by itself that the socket is gone.
        let _ = tokio::time::timeout(CLOSE_TIME, goodbye).await;
    }
}

fn failure(error: &Error) -> Disconnect {
    Disconnect { code: None, reason: format!("the connection broke: {error}") }
}
