//! One WebSocket: a reader and a writer that never wait for each other.

use std::net::IpAddr;
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;

use super::hub::Hub;
use super::mailbox::{Item, Outgoing, mailbox};
use crate::signaling::{CloseReason, ConnectionId};

/// How long the socket may take for what is handed to it at once; a receiver that takes none of it for so long is
/// gone.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// How long a connection that was told to close may take to answer.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Serves a WebSocket until it is over.
pub(super) async fn serve(socket: WebSocket, address: IpAddr, hub: &Hub) {
    let (sink, mut stream) = socket.split();
    let (mailbox, outgoing) = mailbox();
    let connection = hub.connect(address, mailbox);
    tokio::select! {
        () = read(&mut stream, connection, hub) => {}
        () = write(sink, outgoing) => {
            hub.disconnect(connection);
            // What the peer sent meanwhile is taken off the socket; closed with bytes unread, it
            // would be reset and the close frame with its reason could be lost.
            let rest = async { while let Some(Ok(_)) = stream.next().await {} };
            let _ = timeout(CLOSE_TIME, rest).await;
        }
    }
    hub.disconnect(connection);
}

/// Hands everything that comes in to the hub; ends when nothing more can come.
async fn read(stream: &mut SplitStream<WebSocket>, connection: ConnectionId, hub: &Hub) {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Text(text)) => hub.handle_text(connection, &text),
            Ok(Message::Ping(_)) => hub.handle_ping(connection),
            Ok(Message::Pong(payload)) => {
                let number = payload.as_ref().try_into().map_or(0, u64::from_be_bytes);
                hub.handle_pong(connection, number);
            }
            Ok(Message::Binary(_)) => return violation(connection, CloseReason::TextOnly, hub).await,
            Ok(Message::Close(_)) => return,
            Err(error) if is_too_large(&error) => {
                return violation(connection, CloseReason::FrameTooLarge, hub).await;
            }
            Err(_) => return,
        }
    }
}

/// Reports a broken rule, then leaves the end to the writer.
async fn violation(connection: ConnectionId, reason: CloseReason, hub: &Hub) {
    hub.handle_violation(connection, reason);
    std::future::pending().await
}

/// Whether reading failed because a frame or message was beyond its limit.
fn is_too_large(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}

/// Sends what is in the queue; ends after a close, or when the socket takes nothing more.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut outgoing: Outgoing) {
    let mut cut = outgoing.cut();
    let reason = loop {
        let first = outgoing.next().await;
        let batch = timeout(WRITE_TIME, write_batch(&mut sink, first, &mut outgoing));
        tokio::select! {
            written = batch => match written {
                Ok(Ok(Batch::Written)) => {}
                Ok(Ok(Batch::Closed) | Err(_)) | Err(_) => return,
            },
            reason = cut.wait() => break reason,
        }
    };
    close(&mut sink, reason).await;
}

enum Batch {
    Written,
    Closed,
}

/// Sends everything that waits, and flushes once.
async fn write_batch(
    sink: &mut SplitSink<WebSocket, Message>,
    first: Item,
    outgoing: &mut Outgoing,
) -> Result<Batch, Error> {
    let mut next = Some(first);
    while let Some(item) = next {
        match item {
            Item::Text(text) => sink.feed(Message::text(&*text)).await?,
            Item::Ping(number) => sink.feed(Message::Ping(number.to_be_bytes().to_vec().into())).await?,
            Item::Close(reason) => {
                close(sink, reason).await;
                return Ok(Batch::Closed);
            }
        }
        next = outgoing.next_now();
    }
    sink.flush().await?;
    Ok(Batch::Written)
}

/// Sends a close frame, if the socket takes it soon.
async fn close(sink: &mut SplitSink<WebSocket, Message>, reason: CloseReason) {
    let frame = CloseFrame { code: reason.code(), reason: reason.as_str().into() };
    let _ = timeout(CLOSE_TIME, sink.send(Message::Close(Some(frame)))).await;
}
