//! Keys that sign and check messages (RFC 8489 §9).

use std::fmt;

use md5::Digest;

use super::hmac::{HmacSha1, HmacSha256, put_words};

/// How a long-term password becomes a key (RFC 8489 §18.5).
///
/// ```
/// use handset::ice::stun::{PasswordHash, attribute::PasswordAlgorithm};
/// assert_eq!(PasswordAlgorithm::from(PasswordHash::Sha256).number(), 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PasswordHash {
    /// MD5: the only one servers before RFC 8489 know.
    Md5,
    /// SHA-256.
    Sha256,
}

/// A key with its HMAC states computed: make it once for a session or a user, use it for every message.
///
/// Texts are taken as they are; bring non-ASCII ones into OpaqueString form (RFC 8265 §4) before. `Debug` shows
/// nothing of it.
///
/// ```
/// use handset::ice::stun::{Key, Message, MessageWriter, Class, Method};
/// let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
/// let mut buffer = [0; 100];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.integrity(&key)?;
/// let bytes = writer.finish();
/// let message = Message::parse(bytes)?;
/// assert!(message.check_integrity(&key).is_ok());
/// assert!(message.check_integrity(&Key::short_term("another")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Key {
    pub(super) sha1: HmacSha1,
    pub(super) sha256: HmacSha256,
}

impl Key {
    /// The key of a short-term credential, as ICE uses them: the password itself (RFC 8489 §9.1.1).
    pub fn short_term(password: &str) -> Self {
        Self::from_bytes(password.as_bytes())
    }

    /// The key of a long-term credential: the hash of `username:realm:password` (RFC 8489 §9.2.2).
    pub fn long_term(hash: PasswordHash, username: &str, realm: &str, password: &str) -> Self {
        let parts = [username, ":", realm, ":", password];
        match hash {
            PasswordHash::Md5 => Self::from_bytes(&hash_of::<md5::Md5>(parts)),
            PasswordHash::Sha256 => Self::from_bytes(&hash_of::<sha2::Sha256>(parts)),
        }
    }

    /// A key that is already bytes, such as the stored hash of a long-term credential.
    pub fn from_bytes(key: &[u8]) -> Self {
        Self { sha1: HmacSha1::new(key), sha256: HmacSha256::new(key) }
    }

    /// The first 96 bits of HMAC-SHA256 of a label.
    pub(crate) fn derive(&self, label: &[u8]) -> [u8; 12] {
        let mut bytes = [0; 12];
        put_words(&self.sha256.tag(&[], label), &mut bytes);
        bytes
    }
}

fn hash_of<D: Digest>(parts: [&str; 5]) -> md5::digest::Output<D> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
