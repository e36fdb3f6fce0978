//! ALTERNATE-DOMAIN (RFC 8489 §14.16): the name to expect in the certificate of an ALTERNATE-SERVER.

use super::{Attribute, AttributeError, AttributeType, text};
use crate::ice::stun::TransactionId;

/// RFC 8489 §14.16: at most 255 bytes.
const MAX_BYTES: usize = 255;

/// The domain name of the server to try instead: at most 255 bytes.
///
/// ALTERNATE-DOMAIN, type 0x8003 (RFC 8489 §14.16): a name in UTF-8, not ended by a zero. Refused: more than 255
/// bytes, other encodings.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::AlternateDomain};
/// let mut buffer = [0; 128];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&AlternateDomain::new("turn.example.org")?)?;
/// let found: Option<AlternateDomain> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.map(|found| found.as_str()), Some("turn.example.org"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AlternateDomain<'a>(&'a str);

impl<'a> AlternateDomain<'a> {
    /// # Errors
    /// More than 255 bytes.
    pub fn new(text: &'a str) -> Result<Self, AttributeError> {
        super::text(text.as_bytes(), Self::TYPE, MAX_BYTES, EXPECTED).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

const EXPECTED: &str = "at most 255";

impl<'a> Attribute<'a> for AlternateDomain<'a> {
    const TYPE: AttributeType = AttributeType::ALTERNATE_DOMAIN;

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

impl std::fmt::Debug for AlternateDomain<'_> {
    /// Its length only: what it says may identify somebody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AlternateDomain({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<AlternateDomain<'_>, AttributeError> {
        AlternateDomain::parse(value, &[0; 12].into())
    }

    #[test]
    fn the_longest_is_accepted_and_a_byte_more_is_not() {
        let text = "a".repeat(MAX_BYTES + 1);
        assert!(parse(&text.as_bytes()[1..]).is_ok());
        let refused = Err(AttributeError::Length {
            attribute: AttributeType::ALTERNATE_DOMAIN,
            expected: EXPECTED,
            found: MAX_BYTES + 1,
        });
        assert_eq!(parse(text.as_bytes()), refused);
        assert_eq!(AlternateDomain::new(&text), refused);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let refused = AttributeError::Text { attribute: AttributeType::ALTERNATE_DOMAIN, valid: 2 };
        assert_eq!(parse(b"ok\xff"), Err(refused));
    }
}
