//! PRIORITY (RFC 8445 §7.1.1): what a peer-reflexive candidate found by this check would weigh.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// The priority of the candidate that the check may discover.
///
/// PRIORITY, type 0x0024 (RFC 8445 §7.1.1, §16.1): 32 bits. Refused: other lengths than 4.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Priority};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&Priority::from(0x6e00_01ff))?;
/// let found: Option<Priority> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.map(Priority::get), Some(0x6e00_01ff));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u32);

impl Priority {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<u32> for Priority {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl Attribute<'_> for Priority {
    const TYPE: AttributeType = AttributeType::PRIORITY;

    #[inline]
    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "4").map(|bytes| Self(u32::from_be_bytes(bytes)))
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        4
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
    fn every_length_but_four_is_refused() {
        for length in 0..=12 {
            let parsed = Priority::parse(&vec![1; length], &[0; 12].into());
            let refused =
                AttributeError::Length { attribute: AttributeType::PRIORITY, expected: "4", found: length };
            assert_eq!(parsed.err(), (length != 4).then_some(refused));
        }
    }
}
