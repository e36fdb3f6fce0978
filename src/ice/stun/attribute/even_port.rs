//! EVEN-PORT (RFC 8656 §18.7): an even port, and perhaps the next one held back.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

const RESERVE_BIT: u8 = 0x80;

/// Asks for an even relayed port.
///
/// EVEN-PORT, type 0x0018 (RFC 8656 §18.7): one byte, of which the first bit asks for the next port too and the
/// others are reserved. Refused: other lengths.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::EvenPort};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&EvenPort { reserve_next: true })?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(EvenPort { reserve_next: true }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EvenPort {
    /// Whether the port above is to be held back for a RESERVATION-TOKEN.
    pub reserve_next: bool,
}

impl Attribute<'_> for EvenPort {
    const TYPE: AttributeType = AttributeType::EVEN_PORT;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        fixed(value, Self::TYPE, "1").map(|[bits]| Self { reserve_next: bits & RESERVE_BIT != 0 })
    }

    fn value_bytes(&self) -> usize {
        1
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value[0] = if self.reserve_next { RESERVE_BIT } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_bit_counts_and_only_one_byte_is_legal() {
        let parse = |value: &[u8]| EvenPort::parse(value, &[0; 12].into());
        assert_eq!(parse(&[0x7f]), Ok(EvenPort { reserve_next: false }));
        assert_eq!(parse(&[0xff]), Ok(EvenPort { reserve_next: true }));
        for length in [0, 2, 4] {
            assert!(matches!(parse(&vec![0; length]), Err(AttributeError::Length { .. })));
        }
    }
}
