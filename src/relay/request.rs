//! Requests: who asks, and whether it is granted.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::allocation::{Allocation, Refused, Signing, Stage, User};
use super::answer::{self, Answer, Challenge, lifetime_of, without_cookie};
use super::client::Client;
use super::data::canonical;
use super::nonce::Standing;
use super::ports::Wanted;
use super::server::{Outcome, Relay};
use crate::ice::stun::attribute::{
    AddressFamily, ErrorCode, EvenPort, Lifetime, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm,
    RequestedAddressFamily, RequestedTransport, ReservationToken, Username, XorMappedAddress, XorPeerAddress,
};
use crate::ice::stun::{AttributeType, ChannelNumber, Class, Key, Message, Method, PasswordHash, WriteError};

/// What must be understood and is; DONT-FRAGMENT is not, as a relay in user space cannot keep its promise.
const UNDERSTOOD: &[AttributeType] = &[
    AttributeType::USERNAME,
    AttributeType::CHANNEL_NUMBER,
    AttributeType::LIFETIME,
    AttributeType::XOR_PEER_ADDRESS,
    AttributeType::DATA,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::REQUESTED_ADDRESS_FAMILY,
    AttributeType::EVEN_PORT,
    AttributeType::REQUESTED_TRANSPORT,
    AttributeType::PASSWORD_ALGORITHM,
    AttributeType::RESERVATION_TOKEN,
];

/// What a Binding request may have.
const UNDERSTOOD_IN_BINDING: &[AttributeType] = &[];

/// Why a request goes no further.
enum No {
    /// 401 or 438, with what is needed to ask again.
    Challenge(ErrorCode<'static>),
    Error(ErrorCode<'static>),
}

impl Relay {
    pub(super) fn on_message<'p>(
        &mut self,
        client: Client,
        message: &Message<'p>,
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'p> {
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => self.on_send_indication(client, message, UNDERSTOOD, now),
            // A client reminds its NAT of us.
            (Class::Indication, Method::BINDING) => Outcome::Nothing,
            (Class::Request, Method::BINDING) => self.on_binding(client, message, answer, now),
            (Class::Request, _) => self.on_request(client, message, answer, now),
            _ => self.foreign(),
        }
    }

    fn on_binding(
        &mut self,
        client: Client,
        request: &Message<'_>,
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'static> {
        if !self.unproven.take(1, self.uptime(now)) {
            self.counters.withheld += 1;
            return Outcome::Nothing;
        }
        if request.not_understood(UNDERSTOOD_IN_BINDING).next().is_some() {
            self.counters.refusals += 1;
            return Self::written(answer::unknown(request, UNDERSTOOD_IN_BINDING, None, answer));
        }
        self.counters.bindings += 1;
        let mapped = XorMappedAddress(canonical(client.remote));
        let written =
            Answer::to(request, Class::Success, answer).and_then(|answer| answer.with(&mapped)?.finish(None));
        Self::written(written)
    }

    fn on_request(
        &mut self,
        client: Client,
        request: &Message<'_>,
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'static> {
        let user = match self.authenticate(client, request, now) {
            Ok(user) => user,
            Err(no) => return self.refuse_unproven(client, request, &no, answer, now),
        };
        if request.not_understood(UNDERSTOOD).next().is_some() {
            self.counters.refusals += 1;
            return Self::written(answer::unknown(request, UNDERSTOOD, Some(&user), answer));
        }
        let granted = match request.method() {
            Method::ALLOCATE => self.on_allocate(client, request, &user, answer, now),
            Method::REFRESH => self.on_refresh(client, request, &user, answer, now),
            Method::CREATE_PERMISSION => self.on_create_permission(client, request, &user, answer, now),
            Method::CHANNEL_BIND => self.on_channel_bind(client, request, &user, answer, now),
            _ => Err(ErrorCode::BAD_REQUEST),
        };
        match granted {
            Ok(outcome) => outcome,
            Err(error) => {
                self.note_refusal(error);
                let written = Answer::to(request, Class::Error, answer)
                    .and_then(|answer| answer.error(error, Some(&user))?.finish(Some(&user)));
                Self::written(written)
            }
        }
    }

    fn note_refusal(&mut self, error: ErrorCode<'_>) {
        match error.code() {
            403 => self.counters.peers_refused += 1,
            441 => self.counters.wrong_credentials += 1,
            486 | 508 => self.counters.over_quota += 1,
            _ => self.counters.refusals += 1,
        }
    }

    /// RFC 8489 §9.2.4, in its order.
    fn authenticate(&mut self, client: Client, request: &Message<'_>, now: Instant) -> Result<User, No> {
        let signed = request.has(AttributeType::MESSAGE_INTEGRITY)
            || request.has(AttributeType::MESSAGE_INTEGRITY_SHA256);
        if !signed {
            self.counters.challenges += 1;
            return Err(No::Challenge(ErrorCode::UNAUTHENTICATED));
        }
        let bad = |_| No::Error(ErrorCode::BAD_REQUEST);
        let username: Option<Username<'_>> = request.get().map_err(bad)?;
        let realm: Option<Realm<'_>> = request.get().map_err(bad)?;
        let nonce: Option<Nonce<'_>> = request.get().map_err(bad)?;
        let (Some(username), Some(_), Some(nonce)) = (username, realm, nonce) else {
            return Err(No::Error(ErrorCode::BAD_REQUEST));
        };
        let nonce = without_cookie(nonce.as_str(), self.config.offer_sha256);
        if self.nonces.judge(nonce, client, self.nonce_time_s(now)) == Standing::Stale {
            self.counters.stale_nonces += 1;
            return Err(No::Challenge(ErrorCode::STALE_NONCE));
        }
        let (signing, hash) = self.signing_of(request)?;
        self.user_of(client, request, username.as_str(), signing, hash, now).ok_or_else(|| {
            self.counters.wrong_credentials += 1;
            No::Challenge(ErrorCode::UNAUTHENTICATED)
        })
    }

    /// By which attribute the request is signed, with which kind of key: the choice of algorithm counts only with the
    /// offer repeated as it was made.
    fn signing_of(&self, request: &Message<'_>) -> Result<(Signing, PasswordHash), No> {
        let bad = No::Error(ErrorCode::BAD_REQUEST);
        let (Ok(offer), Ok(chosen)) =
            (request.get::<PasswordAlgorithms<'_>>(), request.get::<PasswordAlgorithm<'_>>())
        else {
            return Err(bad);
        };
        match (offer, chosen) {
            (None, None) => Ok((Signing::Sha1, PasswordHash::Md5)),
            (Some(PasswordAlgorithms::SHA256_AND_MD5), Some(chosen)) if self.config.offer_sha256 => {
                chosen.hash().map(|hash| (Signing::Sha256, hash)).ok_or(bad)
            }
            _ => Err(bad),
        }
    }

    /// The user whose key signs the request. One that has an allocation keeps the key it was made with: that is quick,
    /// and a credential that expires does not cut a call.
    fn user_of(
        &mut self,
        client: Client,
        request: &Message<'_>,
        username: &str,
        signing: Signing,
        hash: PasswordHash,
        now: Instant,
    ) -> Option<User> {
        let proves = |key: &Key| match signing {
            Signing::Sha1 => request.check_integrity(key).is_ok(),
            Signing::Sha256 => request.check_integrity_sha256(key).is_ok(),
        };
        let known =
            self.table.id_of(client).and_then(|id| self.table.get(id)).map(|allocation| &allocation.user);
        if let Some(known) = known.filter(|known| known.username == username && known.signing == signing)
            && proves(&known.key)
        {
            return Some(known.clone());
        }
        let unix_s = self.unix_s(now);
        self.config.logins.passwords(username, unix_s).find_map(|password| {
            let key = Key::long_term(hash, username, &self.config.realm, &password);
            proves(&key).then(|| User { username: username.to_owned(), key, signing })
        })
    }

    fn refuse_unproven(
        &mut self,
        client: Client,
        request: &Message<'_>,
        no: &No,
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'static> {
        if !self.unproven.take(1, self.uptime(now)) {
            self.counters.withheld += 1;
            return Outcome::Nothing;
        }
        let mut write = || -> Result<usize, WriteError> {
            let answer = Answer::to(request, Class::Error, answer)?;
            match no {
                No::Error(error) => answer.error(*error, None)?.finish(None),
                No::Challenge(error) => {
                    let challenge = Challenge {
                        realm: &self.config.realm,
                        nonce: self.nonces.make(client, self.nonce_time_s(now)),
                        offer_sha256: self.config.offer_sha256,
                    };
                    answer.error(*error, None)?.challenge(&challenge)?.finish(None)
                }
            }
        };
        Self::written(write())
    }

    /// RFC 8656 §7.2, in its order.
    fn on_allocate(
        &mut self,
        client: Client,
        request: &Message<'_>,
        user: &User,
        answer: &mut [u8],
        now: Instant,
    ) -> Result<Outcome<'static>, ErrorCode<'static>> {
        if let Some(outcome) = self.allocated_before(client, request, answer, now)? {
            return Ok(outcome);
        }
        let bad = |_| ErrorCode::BAD_REQUEST;
        let transport: RequestedTransport = request.get().map_err(bad)?.ok_or(ErrorCode::BAD_REQUEST)?;
        if transport != RequestedTransport::UDP {
            return Err(ErrorCode::UNSUPPORTED_TRANSPORT);
        }
        let family: Option<RequestedAddressFamily> = request.get().map_err(bad)?;
        let even: Option<EvenPort> = request.get().map_err(bad)?;
        let token: Option<ReservationToken> = request.get().map_err(bad)?;
        if token.is_some() && (even.is_some() || family.is_some()) {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let public = match family.map_or(AddressFamily::V4, |RequestedAddressFamily(family)| family) {
            AddressFamily::V4 => self.config.public_v4,
            AddressFamily::V6 => self.config.public_v6,
        };
        let public = public.ok_or(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)?;
        if self.draining || self.table.len() >= self.config.limits.allocations {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        if self.table.of_owner(&user.username) >= self.config.limits.allocations_per_user {
            return Err(ErrorCode::ALLOCATION_QUOTA_REACHED);
        }
        let wanted = match even {
            None => Wanted::Any,
            Some(EvenPort { reserve_next: false }) => Wanted::Even,
            Some(EvenPort { reserve_next: true }) => Wanted::Pair,
        };
        let port = match token {
            Some(token) => self.ports.redeem(token.as_bytes(), now),
            None => self.ports.take(wanted),
        };
        let port = port.ok_or(ErrorCode::INSUFFICIENT_CAPACITY)?;
        let lifetime: Option<Lifetime> = request.get().map_err(bad)?;
        let relayed = SocketAddr::new(public, port);
        let mut allocation = Allocation::new(user.clone(), relayed, request.transaction_id(), now);
        allocation.stage = Stage::Opening { tries: 0, wanted };
        allocation.fingerprint = request.has(AttributeType::FINGERPRINT);
        allocation.lifetime = self.lifetime(lifetime.map(Duration::from), now, now);
        allocation.expires = now + allocation.lifetime;
        if wanted == Wanted::Pair {
            allocation.token = self.ports.reserve(port + 1, now);
        }
        self.open(client, allocation, now);
        Ok(Outcome::Nothing)
    }

    /// The same request again gets the same answer, another one on the same 5-tuple is refused.
    fn allocated_before(
        &mut self,
        client: Client,
        request: &Message<'_>,
        answer: &mut [u8],
        now: Instant,
    ) -> Result<Option<Outcome<'static>>, ErrorCode<'static>> {
        let Some(id) = self.table.id_of(client) else { return Ok(None) };
        let Some(allocation) = self.table.get(id) else { return Ok(None) };
        if allocation.transaction != request.transaction_id() {
            return Err(ErrorCode::ALLOCATION_MISMATCH);
        }
        if !allocation.is_open() {
            return Ok(Some(Outcome::Nothing));
        }
        let left = allocation.expires.saturating_duration_since(now);
        Ok(Some(Self::written(answer::allocated(allocation, client.remote, left, answer))))
    }

    /// The allocation of a request that needs one: this user's own.
    fn own(
        &mut self,
        client: Client,
        user: &User,
    ) -> Result<(super::RelayId, &mut Allocation), ErrorCode<'static>> {
        let (id, allocation) = self.table.open_of(client).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        if allocation.user.username != user.username {
            return Err(ErrorCode::WRONG_CREDENTIALS);
        }
        Ok((id, allocation))
    }

    fn on_refresh(
        &mut self,
        client: Client,
        request: &Message<'_>,
        user: &User,
        answer: &mut [u8],
        now: Instant,
    ) -> Result<Outcome<'static>, ErrorCode<'static>> {
        let (id, allocation) = self.own(client, user)?;
        let (relayed, born) = (allocation.relayed, allocation.born);
        let family: Option<RequestedAddressFamily> = request.get().map_err(|_| ErrorCode::BAD_REQUEST)?;
        if family.is_some_and(|RequestedAddressFamily(family)| family != AddressFamily::of(relayed.ip())) {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        let asked: Option<Lifetime> = request.get().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let lifetime = if asked == Some(Lifetime::ZERO) {
            Duration::ZERO
        } else {
            self.lifetime(asked.map(Duration::from), born, now)
        };
        if lifetime.is_zero() {
            self.end(id);
        } else {
            self.table.set_expiry(id, now + lifetime);
            self.announce(id, |_, _| true, now);
        }
        let written = Answer::to(request, Class::Success, answer)
            .and_then(|answer| answer.with(&lifetime_of(lifetime))?.finish(Some(user)));
        Ok(Self::written(written))
    }

    /// All peers of a request are permitted, or none (RFC 8656 §10.2).
    fn on_create_permission(
        &mut self,
        client: Client,
        request: &Message<'_>,
        user: &User,
        answer: &mut [u8],
        now: Instant,
    ) -> Result<Outcome<'static>, ErrorCode<'static>> {
        let (id, allocation) = self.own(client, user)?;
        let relayed = allocation.relayed;
        let mut count = 0;
        for peer in request.get_all::<XorPeerAddress>() {
            let XorPeerAddress(peer) = peer.map_err(|_| ErrorCode::BAD_REQUEST)?;
            self.check_peer(relayed, canonical(peer))?;
            count += 1;
        }
        if count == 0 {
            return Err(ErrorCode::BAD_REQUEST);
        }
        let allocation = self.table.get(id).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        let peers =
            || request.get_all::<XorPeerAddress>().flatten().map(|XorPeerAddress(peer)| canonical(peer).ip());
        let new = peers().filter(|ip| !allocation.is_permitted(*ip, now)).count();
        if !allocation.can_permit(new, now) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        for ip in peers() {
            allocation.permit(ip, now).map_err(refused)?;
        }
        self.announce(id, |_, ip| peers().any(|permitted| permitted == ip), now);
        let written =
            Answer::to(request, Class::Success, answer).and_then(|answer| answer.finish(Some(user)));
        Ok(Self::written(written))
    }

    fn on_channel_bind(
        &mut self,
        client: Client,
        request: &Message<'_>,
        user: &User,
        answer: &mut [u8],
        now: Instant,
    ) -> Result<Outcome<'static>, ErrorCode<'static>> {
        let (id, allocation) = self.own(client, user)?;
        let relayed = allocation.relayed;
        let bad = |_| ErrorCode::BAD_REQUEST;
        let number: ChannelNumber = request.get().map_err(bad)?.ok_or(ErrorCode::BAD_REQUEST)?;
        let XorPeerAddress(peer) = request.get().map_err(bad)?.ok_or(ErrorCode::BAD_REQUEST)?;
        let peer = canonical(peer);
        self.check_peer(relayed, peer)?;
        if self.is_own_and_closed(peer) {
            return Err(ErrorCode::FORBIDDEN);
        }
        let allocation = self.table.get(id).ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        allocation.bind(number, peer, now).map_err(refused)?;
        self.announce(id, |channel, _| channel == number, now);
        let written =
            Answer::to(request, Class::Success, answer).and_then(|answer| answer.finish(Some(user)));
        Ok(Self::written(written))
    }

    fn check_peer(&self, relayed: SocketAddr, peer: SocketAddr) -> Result<(), ErrorCode<'static>> {
        if peer.is_ipv4() != relayed.is_ipv4() {
            return Err(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH);
        }
        // Two clients of this relay meet on its own address, whatever that is; which ports are open to them is looked at
        // with each datagram.
        if !self.is_own(peer.ip()) && !self.config.policy.permits(peer.ip()) {
            return Err(ErrorCode::FORBIDDEN);
        }
        Ok(())
    }
}

fn refused(refused: Refused) -> ErrorCode<'static> {
    match refused {
        Refused::Conflict => ErrorCode::BAD_REQUEST,
        Refused::TooMany => ErrorCode::INSUFFICIENT_CAPACITY,
    }
}
