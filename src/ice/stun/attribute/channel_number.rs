//! CHANNEL-NUMBER (RFC 8656 §18.1): the number a peer is bound to.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::{ChannelNumber, TransactionId};

/// ```
/// use handset::ice::stun::{ChannelNumber, Class, Message, MessageWriter, Method};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::CHANNEL_BIND, [1; 12].into())?;
/// writer.push(&ChannelNumber::FIRST)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(ChannelNumber::FIRST));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Attribute<'_> for ChannelNumber {
    const TYPE: AttributeType = AttributeType::CHANNEL_NUMBER;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        let [n1, n0, _, _] = fixed(value, Self::TYPE, "4")?;
        let number = u16::from_be_bytes([n1, n0]);
        let expected = "a channel from 0x4000 to 0x4fff";
        Self::new(number).ok_or(AttributeError::Value {
            attribute: Self::TYPE,
            expected,
            found: number.into(),
        })
    }

    fn value_bytes(&self) -> usize {
        4
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(&(u32::from(self.get()) << 16).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_outside_their_range_are_refused() {
        for number in [0_u16, 0x3fff, 0x5000, 0x7fff, 0xffff] {
            let [n1, n0] = number.to_be_bytes();
            let parsed = ChannelNumber::parse(&[n1, n0, 0, 0], &[0; 12].into());
            assert!(matches!(parsed, Err(AttributeError::Value { found, .. }) if found == u64::from(number)));
        }
    }

    #[test]
    fn reserved_bytes_are_not_looked_at_and_other_lengths_refused() {
        let parse = |value: &[u8]| ChannelNumber::parse(value, &[0; 12].into());
        assert_eq!(parse(&[0x4f, 0xff, 1, 2]), Ok(ChannelNumber::LAST));
        assert!(matches!(parse(&[0x40, 0]), Err(AttributeError::Length { found: 2, .. })));
    }
}
