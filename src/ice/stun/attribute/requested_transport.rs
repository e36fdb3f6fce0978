//! REQUESTED-TRANSPORT (RFC 8656 §18.8): what the relay speaks with peers.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// An IP protocol number. TURN relays UDP (17); TCP (6) is an extension (RFC 6062) of its own.
///
/// REQUESTED-TRANSPORT, type 0x0019 (RFC 8656 §18.8): `PROTOCOL RFFU*3`. Refused: other lengths than 4.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::RequestedTransport};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&RequestedTransport::UDP)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(RequestedTransport::UDP));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestedTransport(u8);

impl RequestedTransport {
    /// The only one a relay of datagrams grants.
    pub const UDP: Self = Self(17);

    /// The protocol's number.
    pub const fn protocol(self) -> u8 {
        self.0
    }
}

impl Attribute<'_> for RequestedTransport {
    const TYPE: AttributeType = AttributeType::REQUESTED_TRANSPORT;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "4").map(|[protocol, _, _, _]| Self(protocol))
    }

    fn value_bytes(&self) -> usize {
        4
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&[self.0, 0, 0, 0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_protocol_is_read_so_that_the_answer_can_be_442() {
        let parsed = RequestedTransport::parse(&[6, 1, 2, 3], &[0; 12].into());
        assert_eq!(parsed.map(RequestedTransport::protocol), Ok(6));
    }

    #[test]
    fn other_lengths_are_refused() {
        for length in [0, 1, 3, 5] {
            let parsed = RequestedTransport::parse(&vec![17; length], &[0; 12].into());
            assert!(matches!(parsed, Err(AttributeError::Length { .. })));
        }
    }
}
