//! RESERVATION-TOKEN (RFC 8656 §18.10): a port a relay holds back for a second allocation.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// What an answer to EVEN-PORT names the reserved port by: to be repeated in the Allocate request that takes it.
///
/// RESERVATION-TOKEN, type 0x0022 (RFC 8656 §18.10): 8 bytes. Refused: other lengths.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::ReservationToken};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&ReservationToken::from([9; 8]))?;
/// let found: Option<ReservationToken> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(ReservationToken::from([9; 8])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReservationToken([u8; 8]);

impl ReservationToken {
    /// The 8 bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl From<[u8; 8]> for ReservationToken {
    fn from(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

impl Attribute<'_> for ReservationToken {
    const TYPE: AttributeType = AttributeType::RESERVATION_TOKEN;

    #[inline]
    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "8").map(Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        8
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&self.0);
    }
}

impl std::fmt::Debug for ReservationToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReservationToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_length_is_refused() {
        for length in [0, 4, 7, 9, 64] {
            let parsed = ReservationToken::parse(&vec![1; length], &[0; 12].into());
            let refused = AttributeError::Length {
                attribute: AttributeType::RESERVATION_TOKEN,
                expected: "8",
                found: length,
            };
            assert_eq!(parsed, Err(refused));
        }
    }
}
