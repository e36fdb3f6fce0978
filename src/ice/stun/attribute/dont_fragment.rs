//! DONT-FRAGMENT (RFC 8656 §18.9): relayed datagrams go out with DF set.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// Present or not: the relay must set DF on what it sends to the peer, or refuse.
///
/// DONT-FRAGMENT, type 0x001a (RFC 8656 §18.9): an empty value. Refused: any other.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::DontFragment};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&DontFragment)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(DontFragment));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DontFragment;

impl Attribute<'_> for DontFragment {
    const TYPE: AttributeType = AttributeType::DONT_FRAGMENT;

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
        assert_eq!(DontFragment::parse(&[], &[0; 12].into()), Ok(DontFragment));
        let refused =
            AttributeError::Length { attribute: AttributeType::DONT_FRAGMENT, expected: "0", found: 4 };
        assert_eq!(DontFragment::parse(&[0; 4], &[0; 12].into()), Err(refused));
    }
}
