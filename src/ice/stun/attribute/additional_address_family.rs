//! ADDITIONAL-ADDRESS-FAMILY (RFC 8656 §18.11): an IPv6 address beside the IPv4 one.

use super::{AddressFamily, Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// Asks for one relayed address of each family. Only IPv6 is legal: IPv4 is there without asking.
///
/// ADDITIONAL-ADDRESS-FAMILY, type 0x8000 (RFC 8656 §18.11): `FAMILY RFFU*3`, family 2. Refused: a length other than
/// 4, a family other than IPv6.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::AdditionalAddressFamily};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&AdditionalAddressFamily)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(AdditionalAddressFamily));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdditionalAddressFamily;

impl Attribute<'_> for AdditionalAddressFamily {
    const TYPE: AttributeType = AttributeType::ADDITIONAL_ADDRESS_FAMILY;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        let [family, _, _, _] = fixed(value, Self::TYPE, "4")?;
        if AddressFamily::from_wire(family, Self::TYPE)? == AddressFamily::V6 {
            return Ok(Self);
        }
        let expected = "family 2 (IPv6)";
        Err(AttributeError::Value { attribute: Self::TYPE, expected, found: family.into() })
    }

    fn value_bytes(&self) -> usize {
        4
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&[AddressFamily::V6.wire(), 0, 0, 0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_and_other_families_are_refused() {
        for family in [0, 1, 3, 255] {
            let parsed = AdditionalAddressFamily::parse(&[family, 0, 0, 0], &[0; 12].into());
            assert!(matches!(parsed, Err(AttributeError::Value { found, .. }) if found == u64::from(family)));
        }
        let short = AdditionalAddressFamily::parse(&[2], &[0; 12].into());
        assert!(matches!(short, Err(AttributeError::Length { .. })));
    }
}
