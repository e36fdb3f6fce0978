//! What ties an answer to its request.

use std::fmt;

/// The 96 bits that an answer repeats (RFC 8489 §5): make them with a cryptographic generator, for they are what
/// an off-path attacker would have to guess.
///
/// ```
/// use handset::ice::stun::TransactionId;
/// let id = TransactionId::from([7; 12]);
/// assert_eq!(id.as_bytes(), &[7; 12]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId([u8; 12]);

impl TransactionId {
    /// The bytes on the wire.
    #[inline]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl From<[u8; 12]> for TransactionId {
    #[inline]
    fn from(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
