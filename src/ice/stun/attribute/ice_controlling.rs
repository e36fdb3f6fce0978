//! ICE-CONTROLLING (RFC 8445 §7.1.3): the sender believes it controls.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// The tie-breaker of an agent in the controlling role.
///
/// ICE-CONTROLLING, type 0x802a (RFC 8445 §16.1): 64 bits. Refused: other lengths than 8.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::IceControlling};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&IceControlling::from(0x6e00_01ff))?;
/// let found: Option<IceControlling> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.map(IceControlling::get), Some(0x6e00_01ff));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IceControlling(u64);

impl IceControlling {
    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for IceControlling {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Attribute<'_> for IceControlling {
    const TYPE: AttributeType = AttributeType::ICE_CONTROLLING;

    #[inline]
    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "8").map(|bytes| Self(u64::from_be_bytes(bytes)))
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        8
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&self.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_but_eight_is_refused() {
        for length in 0..=12 {
            let parsed = IceControlling::parse(&vec![1; length], &[0; 12].into());
            let refused = AttributeError::Length {
                attribute: AttributeType::ICE_CONTROLLING,
                expected: "8",
                found: length,
            };
            assert_eq!(parsed.err(), (length != 8).then_some(refused));
        }
    }
}
