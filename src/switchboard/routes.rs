//! The paths: `/ws`, `/healthz`, `/metrics`, and the files of the web client.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};
use sha2::{Digest, Sha256};

use super::connection;
use super::doorkeeper::Doorkeeper;
use super::hub::Hub;
use super::origin::{Origin, may_connect};
use super::report::Report;
use super::web;
use crate::net::relay_server::RelayMeter;

/// Frames up to this many times the limit are read whole, so that their sender gets a close with a
/// reason; what is larger is cut off in the middle.
const FRAMES_READ_PAST_LIMIT: usize = 4;

/// Bytes that a WebSocket reads or gathers for writing at once. Most messages are far smaller, and a
/// server holds thousands of connections.
const BUFFER_BYTES: usize = 4 * 1024;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemoteAddress(pub(super) IpAddr);

/// What every request may need.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) hub: Hub,
    pub(super) doorkeeper: Arc<Doorkeeper>,
    pub(super) allowed_origins: Vec<Origin>,
    pub(super) frame_bytes: usize,
    pub(super) started: Instant,
    pub(super) refused_origins: AtomicU64,
    pub(super) relay: Option<RelayMeter>,
}

/// The whole service.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/ws", any(websocket))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .fallback(file)
        .layer(middleware::map_response(harden))
        .with_state(shared)
}

async fn websocket(
    State(shared): State<Arc<Shared>>,
    Extension(RemoteAddress(address)): Extension<RemoteAddress>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // A browser sends the origin of the page, and no page can change it; a native peer sends none.
    if headers.contains_key(header::ORIGIN) {
        let origin = text(header::ORIGIN).unwrap_or_default();
        if !may_connect(origin, text(header::HOST), &shared.allowed_origins) {
            shared.refused_origins.fetch_add(1, Ordering::Relaxed);
            return (StatusCode::FORBIDDEN, "pages of this origin may not connect (see --allow-origin)\n")
                .into_response();
        }
    }
    let address = client_address(&shared.doorkeeper, address, &headers);
    match upgrade {
        Ok(upgrade) => upgrade
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_message_size(shared.frame_bytes.saturating_mul(FRAMES_READ_PAST_LIMIT))
            .max_frame_size(shared.frame_bytes.saturating_mul(FRAMES_READ_PAST_LIMIT))
            .on_upgrade(move |socket| async move { connection::serve(socket, address, &shared.hub).await }),
        Err(rejection) => rejection.into_response(),
    }
}

/// Who is at the other end: what the proxy says, if it is one of ours. Entries before the last are what
/// the client claims of itself.
fn client_address(doorkeeper: &Doorkeeper, address: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !doorkeeper.is_proxy(address) {
        return address;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    last.and_then(|last| last.trim().parse().ok()).unwrap_or(address)
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")],
        shared.report().health(),
    )
        .into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], shared.report().metrics())
        .into_response()
}

/// A file of the web client. Browsers ask each time whether it has changed, so that a new version
/// is never mixed with an old one.
async fn file(request: Request) -> Response {
    let Some(asset) = web::asset(request.uri().path()) else {
        return (StatusCode::NOT_FOUND, "there is nothing here\n").into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let tag = version_tag();
    let caching = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache")];
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, asset.content_type)], asset.body).into_response()
}

/// The entity tag of all files together: they belong together.
fn version_tag() -> &'static str {
    static TAG: OnceLock<String> = OnceLock::new();
    TAG.get_or_init(|| {
        let mut hash = Sha256::new();
        web::ASSETS.iter().for_each(|asset| hash.update(asset.body));
        let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{digits}\"")
    })
}

/// Headers that every answer carries: what a page from here may do, and nothing more.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, web::CONTENT_SECURITY_POLICY),
        (HeaderName::from_static("permissions-policy"), web::PERMISSIONS_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Shared {
    fn report(&self) -> Report {
        let (counters, occupancy) = self.hub.figures();
        let (sockets, refused_sockets) = self.doorkeeper.sockets();
        Report {
            uptime: self.started.elapsed(),
            sockets,
            refused_sockets,
            refused_origins: self.refused_origins.load(Ordering::Relaxed),
            counters,
            occupancy,
            relay: self.relay.as_ref().map(RelayMeter::read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signaling::Limits;

    #[test]
    fn only_a_known_proxy_is_believed_and_only_its_own_word() {
        let [proxy, client, other] =
            ["10.0.0.1", "192.0.2.7", "192.0.2.8"].map(|text| text.parse::<IpAddr>().unwrap());
        let doorkeeper = Doorkeeper::new(&Limits::default(), &[proxy]);
        let mut headers = HeaderMap::new();
        assert_eq!(client_address(&doorkeeper, proxy, &headers), proxy);
        headers.insert("x-forwarded-for", "192.0.2.8, 192.0.2.7".parse().unwrap());
        assert_eq!(client_address(&doorkeeper, proxy, &headers), client);
        assert_eq!(client_address(&doorkeeper, other, &headers), other);
        headers.insert("x-forwarded-for", "unknown".parse().unwrap());
        assert_eq!(client_address(&doorkeeper, proxy, &headers), proxy);
    }
}
