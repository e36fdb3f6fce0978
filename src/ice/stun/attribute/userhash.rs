//! USERHASH (RFC 8489 §14.4): who signs, without saying the name.

use sha2::{Digest, Sha256};

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// SHA-256 of `username:realm`, in place of USERNAME, for servers that announce it in their
/// [nonce](super::SecurityFeatures).
///
/// USERHASH, type 0x001e (RFC 8489 §14.4): 32 bytes. Refused: other lengths.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Userhash};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&Userhash::from([9; 32]))?;
/// let found: Option<Userhash> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(Userhash::from([9; 32])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Userhash([u8; 32]);

impl Userhash {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of a name, both texts in OpaqueString form (RFC 8265).
    ///
    /// ```
    /// use handset::ice::stun::attribute::Userhash;
    /// assert_ne!(Userhash::of("alice", "example.org"), Userhash::of("alice", "example.com"));
    /// ```
    pub fn of(username: &str, realm: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(username);
        hash.update(":");
        hash.update(realm);
        Self(hash.finalize().into())
    }
}

impl From<[u8; 32]> for Userhash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Attribute<'_> for Userhash {
    const TYPE: AttributeType = AttributeType::USERHASH;

    #[inline]
    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "32").map(Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        32
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&self.0);
    }
}

impl std::fmt::Debug for Userhash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Userhash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_length_is_refused() {
        for length in [0, 4, 31, 33, 64] {
            let parsed = Userhash::parse(&vec![1; length], &[0; 12].into());
            let refused =
                AttributeError::Length { attribute: AttributeType::USERHASH, expected: "32", found: length };
            assert_eq!(parsed, Err(refused));
        }
    }

    #[test]
    fn the_hash_of_rfc_8489_appendix_b_1_comes_out() {
        let hash = Userhash::of("\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}", "example.org");
        let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704");
    }
}
