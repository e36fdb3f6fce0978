//! XOR-RELAYED-ADDRESS (RFC 8656 §18.5): the address a relay lends.

use std::net::SocketAddr;

use super::{Attribute, AttributeError, AttributeType, socket_address};
use crate::ice::stun::TransactionId;

/// The address and port that the relay opened for the client. An answer may have one of each family.
///
/// XOR-RELAYED-ADDRESS, type 0x0016 (RFC 8656 §18.5): the form of XOR-MAPPED-ADDRESS (RFC 8489 §14.2). Refused: other
/// lengths than 8 and 20, other families.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::XorRelayedAddress};
/// let address = "[2001:db8::1]:32853".parse()?;
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Success, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&XorRelayedAddress(address))?;
/// let found: Option<XorRelayedAddress> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(XorRelayedAddress(address)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct XorRelayedAddress(pub SocketAddr);

impl From<SocketAddr> for XorRelayedAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl From<([u8; 4], u16)> for XorRelayedAddress {
    fn from(address: ([u8; 4], u16)) -> Self {
        Self(address.into())
    }
}

impl Attribute<'_> for XorRelayedAddress {
    const TYPE: AttributeType = AttributeType::XOR_RELAYED_ADDRESS;

    #[inline]
    fn parse(value: &[u8], id: &TransactionId) -> Result<Self, AttributeError> {
        socket_address::parse_xor(value, id, Self::TYPE).map(Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        socket_address::value_bytes(&self.0)
    }

    #[inline]
    fn write(&self, value: &mut [u8], id: &TransactionId) {
        socket_address::write_xor(&self.0, value, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    #[test]
    fn both_families_have_their_wire_form() {
        let v4 = [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let v6 = [
            0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
            0xbe, 0xd2, 0xb9, 0xd9,
        ];
        for (wire, address) in
            [(&v4[..], "192.0.2.1:32853"), (&v6[..], "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
        {
            let expected = XorRelayedAddress(address.parse().unwrap());
            assert_eq!(XorRelayedAddress::parse(wire, &ID.into()), Ok(expected));
            let mut written = vec![0xff; expected.value_bytes()];
            expected.write(&mut written, &ID.into());
            assert_eq!(written, wire);
        }
    }

    #[test]
    fn other_families_and_lengths_are_refused() {
        let parse = |value: &[u8]| XorRelayedAddress::parse(value, &ID.into());
        assert!(matches!(parse(&[0, 3, 0, 0, 0, 0, 0, 0]), Err(AttributeError::Value { found: 3, .. })));
        for length in (0..30).filter(|length| *length != 8) {
            let mut value = vec![0; length];
            if let Some(family) = value.get_mut(1) {
                *family = 1;
            }
            assert!(matches!(parse(&value), Err(AttributeError::Length { found, .. }) if found == length));
        }
        let v6_cut_short = [0, 2, 0, 0, 0, 0, 0, 0];
        assert!(matches!(parse(&v6_cut_short), Err(AttributeError::Length { found: 8, .. })));
    }
}
