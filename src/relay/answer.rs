//! What a relay answers.

use std::net::SocketAddr;
use std::time::Duration;

use super::allocation::{Allocation, Signing, User};
use super::nonce::NONCE_BYTES;
use crate::ice::stun::attribute::{
    ErrorCode, Lifetime, Nonce, PasswordAlgorithms, Realm, ReservationToken, SecurityFeatures,
    UnknownAttributes, XorMappedAddress, XorRelayedAddress,
};
use crate::ice::stun::{Attribute, AttributeType, Class, Message, MessageWriter, Method, WriteError};

/// What a challenge consists of.
pub(super) struct Challenge<'a> {
    pub(super) realm: &'a str,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) offer_sha256: bool,
}

/// Bytes of a nonce with its cookie in front.
const COOKIE_BYTES: usize = 13;

/// The features that challenges announce when SHA-256 is offered.
const FEATURES: SecurityFeatures = SecurityFeatures { password_algorithms: true, userhash: false };

/// The nonce without the cookie that this server puts in front of it, if it does.
pub(super) fn without_cookie(nonce: &str, offer_sha256: bool) -> &str {
    if !offer_sha256 {
        return nonce;
    }
    let cookie = FEATURES.cookie();
    match std::str::from_utf8(&cookie) {
        Ok(cookie) => nonce.strip_prefix(cookie).unwrap_or_default(),
        // Base64 is ASCII.
        Err(_) => nonce,
    }
}

/// Writes one answer; every one goes through here, so that every one repeats FINGERPRINT where the request had it.
pub(super) struct Answer<'b> {
    writer: MessageWriter<'b>,
    fingerprint: bool,
}

impl<'b> Answer<'b> {
    pub(super) fn to(request: &Message<'_>, class: Class, buffer: &'b mut [u8]) -> Result<Self, WriteError> {
        let writer = MessageWriter::answer(buffer, class, request)?;
        Ok(Self { writer, fingerprint: request.has(AttributeType::FINGERPRINT) })
    }

    pub(super) fn with<'v, A: Attribute<'v>>(mut self, attribute: &A) -> Result<Self, WriteError> {
        self.writer.push(attribute)?;
        Ok(self)
    }

    /// Reasons are left out of what may be sent to somebody who did not ask: they only make it longer.
    pub(super) fn error(self, error: ErrorCode<'static>, user: Option<&User>) -> Result<Self, WriteError> {
        let bare = ErrorCode::new(error.code(), "").unwrap_or(error);
        self.with(if user.is_some() { &error } else { &bare })
    }

    pub(super) fn challenge(mut self, challenge: &Challenge<'_>) -> Result<Self, WriteError> {
        let mut nonce = [0; COOKIE_BYTES + NONCE_BYTES];
        nonce[..COOKIE_BYTES].copy_from_slice(&FEATURES.cookie());
        nonce[COOKIE_BYTES..].copy_from_slice(&challenge.nonce);
        let nonce = if challenge.offer_sha256 { &nonce[..] } else { &nonce[COOKIE_BYTES..] };
        if let Ok(realm) = Realm::new(challenge.realm) {
            self.writer.push(&realm)?;
        }
        // Hex and base64 are UTF-8.
        if let Some(nonce) = std::str::from_utf8(nonce).ok().and_then(|nonce| Nonce::new(nonce).ok()) {
            self.writer.push(&nonce)?;
        }
        if challenge.offer_sha256 {
            self.writer.push(&PasswordAlgorithms::SHA256_AND_MD5)?;
        }
        Ok(self)
    }

    /// The length of the finished answer, signed with the user's key if there is a user.
    pub(super) fn finish(mut self, user: Option<&User>) -> Result<usize, WriteError> {
        match user {
            Some(User { key, signing: Signing::Sha1, .. }) => {
                self.writer.integrity(key)?;
            }
            Some(User { key, signing: Signing::Sha256, .. }) => {
                self.writer.integrity_sha256(key)?;
            }
            None => {}
        }
        if self.fingerprint {
            self.writer.fingerprint()?;
        }
        Ok(self.writer.finish().len())
    }
}

pub(super) fn unknown(
    request: &Message<'_>,
    understood: &[AttributeType],
    user: Option<&User>,
    buffer: &mut [u8],
) -> Result<usize, WriteError> {
    let types: UnknownAttributes<'_> = request.not_understood(understood).collect();
    Answer::to(request, Class::Error, buffer)?
        .error(ErrorCode::UNKNOWN_ATTRIBUTE, user)?
        .with(&types)?
        .finish(user)
}

/// The success of an Allocate request, made from the allocation alone: its socket may have taken a while to open.
pub(super) fn allocated(
    allocation: &Allocation,
    mapped: SocketAddr,
    lifetime: Duration,
    buffer: &mut [u8],
) -> Result<usize, WriteError> {
    let writer = MessageWriter::new(buffer, Class::Success, Method::ALLOCATE, allocation.transaction)?;
    let mut answer = Answer { writer, fingerprint: allocation.fingerprint };
    answer = answer.with(&XorRelayedAddress(allocation.relayed))?.with(&lifetime_of(lifetime))?;
    if let Some(token) = allocation.token {
        answer = answer.with(&ReservationToken::from(token))?;
    }
    answer.with(&XorMappedAddress(mapped))?.finish(Some(&allocation.user))
}

/// The refusal of an Allocate request whose socket could not be opened.
pub(super) fn not_allocated(allocation: &Allocation, buffer: &mut [u8]) -> Result<usize, WriteError> {
    let writer = MessageWriter::new(buffer, Class::Error, Method::ALLOCATE, allocation.transaction)?;
    let answer = Answer { writer, fingerprint: allocation.fingerprint };
    answer.with(&ErrorCode::INSUFFICIENT_CAPACITY)?.finish(Some(&allocation.user))
}

pub(super) fn lifetime_of(lifetime: Duration) -> Lifetime {
    Lifetime::from_secs(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX))
}
