//! SOFTWARE (RFC 8489 §14.14): who made the message.

use super::{Attribute, AttributeError, AttributeType, text};
use crate::ice::stun::TransactionId;

/// RFC 8489 §14.14: fewer than 128 characters, up to 763 bytes.
const MAX_BYTES: usize = 763;

/// Name and version of the sender's software: at most 763 bytes of UTF-8. An unauthenticated answer had better not
/// have it: it makes amplification worse.
///
/// SOFTWARE, type 0x8022 (RFC 8489 §14.14). Refused: more than 763 bytes, text that is not UTF-8.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Software};
/// let mut buffer = [0; 128];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&Software::new("test vector")?)?;
/// let found: Option<Software> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.map(|found| found.as_str()), Some("test vector"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Software<'a>(&'a str);

impl<'a> Software<'a> {
    /// # Errors
    /// More than 763 bytes.
    pub fn new(text: &'a str) -> Result<Self, AttributeError> {
        super::text(text.as_bytes(), Self::TYPE, MAX_BYTES, EXPECTED).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

const EXPECTED: &str = "at most 763";

impl<'a> Attribute<'a> for Software<'a> {
    const TYPE: AttributeType = AttributeType::SOFTWARE;

    #[inline]
    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        text(value, Self::TYPE, MAX_BYTES, EXPECTED).map(Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(self.0.as_bytes());
    }
}

impl std::fmt::Debug for Software<'_> {
    /// Its length only: what it says may identify somebody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Software({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<Software<'_>, AttributeError> {
        Software::parse(value, &[0; 12].into())
    }

    #[test]
    fn the_longest_is_accepted_and_a_byte_more_is_not() {
        let text = "a".repeat(MAX_BYTES + 1);
        assert!(parse(&text.as_bytes()[1..]).is_ok());
        let refused = Err(AttributeError::Length {
            attribute: AttributeType::SOFTWARE,
            expected: EXPECTED,
            found: MAX_BYTES + 1,
        });
        assert_eq!(parse(text.as_bytes()), refused);
        assert_eq!(Software::new(&text), refused);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let refused = AttributeError::Text { attribute: AttributeType::SOFTWARE, valid: 2 };
        assert_eq!(parse(b"ok\xff"), Err(refused));
    }
}
