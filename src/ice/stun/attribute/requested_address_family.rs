//! REQUESTED-ADDRESS-FAMILY (RFC 8656 §18.6): IPv4 or IPv6 on the relay.

use std::net::IpAddr;

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// IPv4 or IPv6.
///
/// One byte: 1 or 2 (RFC 8656 §18.6, §18.11, §18.12). Refused: every other.
///
/// ```
/// use handset::ice::stun::attribute::AddressFamily;
/// assert_eq!(AddressFamily::of(std::net::Ipv6Addr::LOCALHOST.into()), AddressFamily::V6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressFamily {
    /// IPv4: 1 on the wire.
    V4,
    /// IPv6: 2 on the wire.
    V6,
}

impl AddressFamily {
    /// The family of an address.
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(super) const fn wire(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 2,
        }
    }

    pub(super) fn from_wire(number: u8, attribute: AttributeType) -> Result<Self, AttributeError> {
        match number {
            1 => Ok(Self::V4),
            2 => Ok(Self::V6),
            found => {
                let expected = "family 1 (IPv4) or 2 (IPv6)";
                Err(AttributeError::Value { attribute, expected, found: found.into() })
            }
        }
    }
}

/// The family of the relayed address that is wanted; IPv4 where the attribute is absent.
///
/// REQUESTED-ADDRESS-FAMILY, type 0x0017 (RFC 8656 §18.6): `FAMILY RFFU*3`. Refused: other lengths than 4, other
/// families than 1 and 2.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method};
/// use handset::ice::stun::attribute::{AddressFamily, RequestedAddressFamily};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&RequestedAddressFamily(AddressFamily::V6))?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(RequestedAddressFamily(AddressFamily::V6)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestedAddressFamily(pub AddressFamily);

impl Attribute<'_> for RequestedAddressFamily {
    const TYPE: AttributeType = AttributeType::REQUESTED_ADDRESS_FAMILY;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        let [family, _, _, _] = fixed(value, Self::TYPE, "4")?;
        AddressFamily::from_wire(family, Self::TYPE).map(Self)
    }

    fn value_bytes(&self) -> usize {
        4
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&[self.0.wire(), 0, 0, 0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_families_and_lengths_are_refused() {
        let parse = |value: &[u8]| RequestedAddressFamily::parse(value, &[0; 12].into());
        assert!(matches!(parse(&[0; 4]), Err(AttributeError::Value { found: 0, .. })));
        assert!(matches!(parse(&[3, 0, 0, 0]), Err(AttributeError::Value { found: 3, .. })));
        assert!(matches!(parse(&[1]), Err(AttributeError::Length { found: 1, .. })));
    }
}
