//! What a server's answers do to a TURN client.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::auth::Auth;
use super::client::{Client, Received, State};
use super::config::Wire;
use super::event::{Event, Failure};
use super::peers::Standing;
use super::request::{Pending, Request};
use crate::ice::reflexive::mapped_address;
use crate::ice::stun::attribute::{AlternateServer, ErrorCode, Lifetime, XorRelayedAddress};
use crate::ice::stun::{Class, Message};

/// Servers that may send us on to another one.
pub const MAX_REDIRECTS: usize = 3;

/// Assumed where an answer names no lifetime (RFC 8656 §3.2).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// The longest lifetime believed (RFC 8656 §7.2 recommends servers to grant no more).
const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// An allocation is refreshed a minute before it ends, or at half of a short life.
const REFRESH_AHEAD: Duration = Duration::from_secs(60);

impl Client {
    pub(super) fn on_answer(&mut self, message: &Message<'_>, now: Instant) -> Received<'static> {
        let id = message.transaction_id();
        let Some(at) = self.pending.iter().position(|pending| pending.id == id) else {
            return Received::Foreign;
        };
        let pending = &self.pending[at];
        if pending.request.method() != message.method() || !self.is_believable(pending, message) {
            return Received::Foreign;
        }
        let Pending { request, signed, .. } = self.pending.swap_remove(at);
        if message.class() == Class::Success {
            if signed.is_some() {
                self.auth.note_success();
            }
            self.on_success(request, message, now);
        } else {
            self.on_error(request, signed, message, now);
        }
        Received::Control
    }

    /// A success to a signed request must be signed (RFC 8489 §9.2.5). An error may be unsigned, as servers refuse much
    /// before they know whom they speak to; a signature that is there must be right, and a redirection must have one.
    fn is_believable(&self, pending: &Pending, message: &Message<'_>) -> bool {
        if pending.signed.is_none() || self.auth.proves(message) {
            return true;
        }
        match code_of(message) {
            _ if message.class() == Class::Success => false,
            300 => false,
            // What answers an unknown nonce or name need not be signed with the key we have.
            401 | 438 => true,
            _ => !Auth::is_signed(message),
        }
    }

    fn on_success(&mut self, request: Request, message: &Message<'_>, now: Instant) {
        match request {
            Request::Allocate => self.on_allocated(message, now),
            Request::Refresh => {
                if let State::Allocated { refresh_at, .. } = &mut self.state {
                    *refresh_at = now + refresh_after(lifetime_of(message));
                }
            }
            Request::Release => self.end(Event::Released),
            Request::Clear => self.start(Request::Allocate, now),
            Request::Permission(ip) => self.peers.set_permission(ip, Standing::granted(now)),
            Request::Channel(peer, _) => {
                if self.peers.set_channel(peer, Standing::granted(now)) == Some(Standing::Asked) {
                    self.report(Event::ChannelBound { peer });
                }
            }
        }
    }

    fn on_allocated(&mut self, message: &Message<'_>, now: Instant) {
        if self.is_withdrawing() {
            return self.give_back(now);
        }
        let mut relayed =
            message.get_all::<XorRelayedAddress>().flatten().map(|XorRelayedAddress(relayed)| relayed);
        let Some(first) = relayed.next() else { return self.fail(Failure::Answer("a relayed address")) };
        let second = relayed.find(|other| other.is_ipv4() != first.is_ipv4());
        let lifetime = lifetime_of(message);
        if lifetime.is_zero() {
            return self.fail(Failure::Answer("a lifetime above zero"));
        }
        self.state = State::Allocated { relayed: first, second, refresh_at: now + refresh_after(lifetime) };
        tracing::debug!(lifetime_s = lifetime.as_secs(), both = second.is_some(), "TURN allocation made");
        let mapped = mapped_address(message);
        self.report(Event::Allocated { relayed: first, second, mapped, lifetime });
    }

    fn on_error(&mut self, request: Request, signed: Option<u32>, message: &Message<'_>, now: Instant) {
        if self.is_withdrawing() {
            // Nothing was granted, and nothing is wanted any more.
            return self.end(Event::Released);
        }
        let error: Option<ErrorCode<'_>> = message.get().ok().flatten();
        let Some(error) = error else { return self.on_refusal(request, 0, "", now) };
        match error.code() {
            401 if signed.is_none() => match self.auth.take_challenge(message) {
                Ok(()) => self.start(request, now),
                Err(failure) => self.fail(failure),
            },
            438 => match self.auth.take_stale_nonce(message, signed) {
                Ok(()) => self.start(request, now),
                Err(failure) => self.fail(failure),
            },
            300 if request == Request::Allocate => self.on_redirect(message, now),
            code => self.on_refusal(request, code, error.reason(), now),
        }
    }

    fn on_refusal(&mut self, request: Request, code: u16, reason: &str, now: Instant) {
        match (request, code) {
            (Request::Allocate, 437) => self.on_mismatch(now),
            (Request::Allocate, _) => self.fail(Failure::refused(code, reason)),
            // The allocation that was to be cleared is another user's, or not there any more: try once more.
            (Request::Clear, 401 | 441) => self.fail(Failure::refused(code, reason)),
            (Request::Clear, _) => self.start(Request::Allocate, now),
            (Request::Refresh | Request::Permission(_) | Request::Channel(..), 437) => {
                self.fail(Failure::Gone)
            }
            (Request::Refresh, _) => self.fail(Failure::refused(code, reason)),
            (Request::Release, _) => self.end(Event::Released),
            (Request::Permission(ip), _) => {
                self.peers.set_permission(ip, Standing::Refused);
                self.report(Event::PeerRefused { peer: ip, code: Some(code) });
            }
            (Request::Channel(peer, _), _) => {
                self.peers.set_channel(peer, Standing::Refused);
                self.report(Event::PeerRefused { peer: peer.ip(), code: Some(code) });
            }
        }
    }

    /// Somebody before us, on the same local port, left an allocation: give it back, once, and ask again.
    fn on_mismatch(&mut self, now: Instant) {
        match &mut self.state {
            State::Allocating { cleared } if !*cleared => {
                *cleared = true;
                self.start(Request::Clear, now);
            }
            _ => self.fail(Failure::Mismatch),
        }
    }

    /// RFC 8489 §10: the same request to another server, none of them twice.
    fn on_redirect(&mut self, message: &Message<'_>, now: Instant) {
        let named = message.get_all::<AlternateServer>().flatten().map(|AlternateServer(server)| server);
        let old = self.config.server;
        let server: Option<SocketAddr> = named.into_iter().find(|server| server.is_ipv4() == old.is_ipv4());
        let Some(server) = server else { return self.fail(Failure::Redirects) };
        if self.visited.contains(&server) || self.visited.len() > MAX_REDIRECTS {
            return self.fail(Failure::Redirects);
        }
        self.visited.push(server);
        self.config.server = server;
        self.auth.forget();
        self.report(Event::Redirected { server });
        match self.config.wire {
            Wire::Datagram => self.allocate(now),
            Wire::Stream => self.state = State::Connecting,
        }
    }
}

fn code_of(message: &Message<'_>) -> u16 {
    message.get::<ErrorCode<'_>>().ok().flatten().map_or(0, |error| error.code())
}

fn lifetime_of(message: &Message<'_>) -> Duration {
    let lifetime: Option<Lifetime> = message.get().ok().flatten();
    lifetime.map_or(DEFAULT_LIFETIME, Duration::from).min(MAX_LIFETIME)
}

fn refresh_after(lifetime: Duration) -> Duration {
    lifetime - REFRESH_AHEAD.min(lifetime / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_refreshed_a_minute_ahead_or_at_half_time() {
        let after = |seconds| refresh_after(Duration::from_secs(seconds)).as_secs();
        assert_eq!((after(600), after(120), after(60), after(10)), (540, 60, 30, 5));
    }
}
