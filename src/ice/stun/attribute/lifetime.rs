//! LIFETIME (RFC 8656 §18.2): how long an allocation lives without a refresh.

use std::time::Duration;

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// Whole seconds, 0 to 2^32-1. Zero in a Refresh deletes the allocation. Both ends cap what the other asks for.
///
/// LIFETIME, type 0x000d (RFC 8656 §18.2): 32 bits. Refused: other lengths than 4.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Lifetime};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::REFRESH, [1; 12].into())?;
/// writer.push(&Lifetime::from_secs(0))?;
/// let found: Option<Lifetime> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(Lifetime::ZERO));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lifetime(u32);

impl Lifetime {
    /// Asks for deletion.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }
}

impl From<Lifetime> for Duration {
    fn from(lifetime: Lifetime) -> Self {
        Duration::from_secs(lifetime.0.into())
    }
}

impl Attribute<'_> for Lifetime {
    const TYPE: AttributeType = AttributeType::LIFETIME;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "4").map(|bytes| Self(u32::from_be_bytes(bytes)))
    }

    fn value_bytes(&self) -> usize {
        4
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&self.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_legal_and_other_lengths_are_not() {
        let parse = |value: &[u8]| Lifetime::parse(value, &[0; 12].into());
        assert_eq!(parse(&[0xff; 4]), Ok(Lifetime::from_secs(u32::MAX)));
        assert_eq!(parse(&[0; 4]), Ok(Lifetime::ZERO));
        for length in [0, 3, 5, 8] {
            assert!(matches!(parse(&vec![0; length]), Err(AttributeError::Length { .. })));
        }
    }
}
