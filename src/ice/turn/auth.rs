//! Long-term credentials: meeting a server's challenge (RFC 8489 §9.2).

use super::config::Login;
use super::event::Failure;
use crate::ice::stun::attribute::{Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm, Userhash, Username};
use crate::ice::stun::{AttributeType, Key, Message, MessageWriter, PasswordHash, WriteError};

/// Challenges in a row with a new nonce that is stale again. One is normal when a nonce expires; more than a few are a
/// server that does not work, or somebody who keeps us busy.
pub const MAX_STALE_NONCES: u8 = 3;

/// Longest list of password algorithms that is repeated to the server. The two that exist take 8 bytes.
const MAX_OFFERED_BYTES: usize = 256;

/// A login, and what the server last challenged it with.
#[derive(Debug)]
pub(super) struct Auth {
    login: Login,
    challenge: Option<Challenge>,
    /// Counts challenges: requests signed to meet an older one are not held against the newest.
    generation: u32,
    stale_in_a_row: u8,
}

#[derive(Debug)]
struct Challenge {
    realm: String,
    nonce: String,
    key: Key,
    signing: Signing,
    name: Name,
}

#[derive(Debug, PartialEq, Eq)]
enum Signing {
    /// A server before RFC 8489: MD5 key, MESSAGE-INTEGRITY.
    Sha1,
    /// The server offered algorithms: this one was chosen, the offer is repeated, MESSAGE-INTEGRITY-SHA256.
    Sha256 { hash: PasswordHash, offered: Vec<u8> },
}

impl Signing {
    fn hash(&self) -> PasswordHash {
        match self {
            Self::Sha1 => PasswordHash::Md5,
            Self::Sha256 { hash, .. } => *hash,
        }
    }
}

#[derive(Debug)]
enum Name {
    InClear,
    Hashed(Userhash),
}

impl Auth {
    pub(super) fn new(login: Login) -> Self {
        Self { login, challenge: None, generation: 0, stale_in_a_row: 0 }
    }

    /// Another server challenges anew.
    pub(super) fn forget(&mut self) {
        self.challenge = None;
        self.stale_in_a_row = 0;
    }

    /// A signed request was granted: its nonce was good.
    pub(super) fn note_success(&mut self) {
        self.stale_in_a_row = 0;
    }

    /// A 438 answer to a request signed in this generation: the same challenge with a new nonce.
    pub(super) fn take_stale_nonce(
        &mut self,
        message: &Message<'_>,
        generation: Option<u32>,
    ) -> Result<(), Failure> {
        if generation.is_some_and(|generation| generation != self.generation) {
            // Several requests met the same stale nonce; the first answer brought the new one.
            return Ok(());
        }
        self.stale_in_a_row += 1;
        if self.stale_in_a_row > MAX_STALE_NONCES {
            return Err(Failure::StaleNonces);
        }
        self.take_challenge(message)
    }

    /// A 401 or 438 answer: realm, nonce, and perhaps the algorithms to choose from.
    pub(super) fn take_challenge(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let old = self.challenge.take();
        let realm: Option<Realm<'_>> = message.get().ok().flatten();
        let realm = match (realm, old) {
            (Some(realm), _) => realm.as_str().to_owned(),
            (None, Some(old)) => old.realm,
            (None, None) => return Err(Failure::Challenge("no realm")),
        };
        let nonce: Nonce<'_> = message.get().ok().flatten().ok_or(Failure::Challenge("no nonce"))?;
        let offered: Option<PasswordAlgorithms<'_>> =
            message.get().map_err(|_| Failure::Challenge("broken password algorithms"))?;
        let features = nonce.features();
        let signing = match offered {
            Some(offered) => choose(offered)?,
            // RFC 8489 §9.2.5: the nonce says that somebody took the list away, to have MD5 used.
            None if features.is_some_and(|features| features.password_algorithms) => {
                return Err(Failure::Challenge("password algorithms were removed"));
            }
            None => Signing::Sha1,
        };
        let name = if features.is_some_and(|features| features.userhash) {
            Name::Hashed(Userhash::of(self.login.username(), &realm))
        } else {
            Name::InClear
        };
        let key = Key::long_term(signing.hash(), self.login.username(), &realm, self.login.password());
        self.challenge = Some(Challenge { realm, nonce: nonce.as_str().to_owned(), key, signing, name });
        self.generation = self.generation.wrapping_add(1);
        Ok(())
    }

    /// Appends who we are and the signature; nothing before a challenge came. Says in which generation
    /// it signed.
    pub(super) fn sign(&self, writer: &mut MessageWriter<'_>) -> Result<Option<u32>, WriteError> {
        let Some(challenge) = &self.challenge else { return Ok(None) };
        match &challenge.name {
            Name::Hashed(hash) => writer.push(hash)?,
            Name::InClear => match Username::new(self.login.username()) {
                Ok(username) => writer.push(&username)?,
                // A login was checked when it was made.
                Err(_) => return Ok(None),
            },
        };
        // Both came out of attributes, within the same limits.
        if let (Ok(realm), Ok(nonce)) = (Realm::new(&challenge.realm), Nonce::new(&challenge.nonce)) {
            writer.push(&realm)?.push(&nonce)?;
        }
        match &challenge.signing {
            Signing::Sha1 => writer.integrity(&challenge.key)?,
            Signing::Sha256 { hash, offered } => {
                if let Ok(offered) = PasswordAlgorithms::from_bytes(offered) {
                    writer.push(&offered)?;
                }
                writer.push(&PasswordAlgorithm::from(*hash))?.integrity_sha256(&challenge.key)?
            }
        };
        Ok(Some(self.generation))
    }

    /// Whether an answer is signed with our key, by the attribute that we sign with.
    pub(super) fn proves(&self, message: &Message<'_>) -> bool {
        match &self.challenge {
            Some(Challenge { key, signing: Signing::Sha1, .. }) => message.check_integrity(key).is_ok(),
            Some(Challenge { key, signing: Signing::Sha256 { .. }, .. }) => {
                message.check_integrity_sha256(key).is_ok()
            }
            None => false,
        }
    }

    /// Whether an answer carries a signature at all.
    pub(super) fn is_signed(message: &Message<'_>) -> bool {
        message.has(AttributeType::MESSAGE_INTEGRITY) || message.has(AttributeType::MESSAGE_INTEGRITY_SHA256)
    }
}

/// The first algorithm in the server's order that we know.
fn choose(offered: PasswordAlgorithms<'_>) -> Result<Signing, Failure> {
    let bytes = offered.as_bytes();
    if bytes.len() > MAX_OFFERED_BYTES {
        return Err(Failure::Challenge("too many password algorithms"));
    }
    match offered.iter().find_map(|algorithm| algorithm.hash()) {
        Some(hash) => Ok(Signing::Sha256 { hash, offered: bytes.to_vec() }),
        None => Err(Failure::Challenge("no known password algorithm")),
    }
}
