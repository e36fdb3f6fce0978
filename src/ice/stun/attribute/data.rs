//! DATA (RFC 8656 §18.4): what a Send or Data indication carries.

use super::{Attribute, AttributeError, AttributeType};
use crate::ice::stun::TransactionId;

/// The payload of one datagram, of any length that fits a message.
///
/// DATA, type 0x0013 (RFC 8656 §18.4): any bytes, at most what the length field of a message leaves. Never refused.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Data};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::SEND, [1; 12].into())?;
/// writer.push(&Data(b"hello"))?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(Data(b"hello")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Data<'a>(pub &'a [u8]);

impl<'a> Attribute<'a> for Data<'a> {
    const TYPE: AttributeType = AttributeType::DATA;

    #[inline]
    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        Ok(Self(value))
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(self.0);
    }
}

impl std::fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Data({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_data_is_data_too() {
        assert_eq!(Data::parse(&[], &[0; 12].into()), Ok(Data(&[])));
    }
}
