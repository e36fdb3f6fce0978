//! USE-CANDIDATE (RFC 8445 §7.1.2): the controlling agent chooses this pair.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// Present or not: the pair that is checked is to be used.
///
/// USE-CANDIDATE, type 0x0025 (RFC 8445 §7.1.2, §16.1): an empty value. Refused: any other.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::UseCandidate};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&UseCandidate)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(UseCandidate));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UseCandidate;

impl Attribute<'_> for UseCandidate {
    const TYPE: AttributeType = AttributeType::USE_CANDIDATE;

    #[inline]
    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed::<0>(value, Self::TYPE, "0").map(|_| Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        0
    }

    #[inline]
    fn write(&self, _: &mut [u8], _: &TransactionId) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_has_no_value() {
        assert_eq!(UseCandidate::parse(&[], &[0; 12].into()), Ok(UseCandidate));
        let refused =
            AttributeError::Length { attribute: AttributeType::USE_CANDIDATE, expected: "0", found: 4 };
        assert_eq!(UseCandidate::parse(&[0; 4], &[0; 12].into()), Err(refused));
    }
}
