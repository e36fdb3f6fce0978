//! MAPPED-ADDRESS (RFC 8489 §14.1): the request's source, in clear.

use std::net::SocketAddr;

use super::{Attribute, AttributeError, AttributeType, socket_address};
use crate::ice::stun::TransactionId;

/// Where the request came from, as servers before RFC 5389 say it: NATs that rewrite addresses in payloads break it,
/// which is why [`XorMappedAddress`](super::XorMappedAddress) is preferred.
///
/// MAPPED-ADDRESS, type 0x0001 (RFC 8489 §14.1): `0x00 FAMILY PORT ADDRESS`, 8 bytes for IPv4 (family 1), 20 for
/// IPv6 (family 2). Refused: other lengths and families.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::MappedAddress};
/// let address = "[2001:db8::1]:32853".parse()?;
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Success, Method::BINDING, [1; 12].into())?;
/// writer.push(&MappedAddress(address))?;
/// let found: Option<MappedAddress> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(MappedAddress(address)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MappedAddress(pub SocketAddr);

impl From<SocketAddr> for MappedAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl From<([u8; 4], u16)> for MappedAddress {
    fn from(address: ([u8; 4], u16)) -> Self {
        Self(address.into())
    }
}

impl Attribute<'_> for MappedAddress {
    const TYPE: AttributeType = AttributeType::MAPPED_ADDRESS;

    #[inline]
    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        socket_address::parse_plain(value, Self::TYPE).map(Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        socket_address::value_bytes(&self.0)
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        socket_address::write_plain(&self.0, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    #[test]
    fn both_families_have_their_wire_form() {
        let v4 = [0x00, 0x01, 0x80, 0x55, 0xc0, 0x00, 0x02, 0x01];
        let v6 = [
            0x00, 0x02, 0x80, 0x55, 0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78, 0x00, 0x11, 0x22, 0x33,
            0x44, 0x55, 0x66, 0x77,
        ];
        for (wire, address) in
            [(&v4[..], "192.0.2.1:32853"), (&v6[..], "[2001:db8:1234:5678:11:2233:4455:6677]:32853")]
        {
            let expected = MappedAddress(address.parse().unwrap());
            assert_eq!(MappedAddress::parse(wire, &ID.into()), Ok(expected));
            let mut written = vec![0xff; expected.value_bytes()];
            expected.write(&mut written, &ID.into());
            assert_eq!(written, wire);
        }
    }

    #[test]
    fn other_families_and_lengths_are_refused() {
        let parse = |value: &[u8]| MappedAddress::parse(value, &ID.into());
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
