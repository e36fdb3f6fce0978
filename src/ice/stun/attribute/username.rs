//! USERNAME (RFC 8489 §14.3): whose credentials sign the message.

use super::{Attribute, AttributeError, AttributeType, text};
use crate::ice::stun::TransactionId;

/// RFC 8489 §14.3: fewer than 509 bytes.
const MAX_BYTES: usize = 508;

/// A user's name, or `receiver:sender` user fragments in an ICE check (RFC 8445 §7.2.2): at most 508 bytes of UTF-8.
///
/// USERNAME, type 0x0006 (RFC 8489 §14.3). Refused: more than 508 bytes, before anything else is looked at; text
/// that is not UTF-8.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Username};
/// let mut buffer = [0; 128];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&Username::new("evtj:h6vY")?)?;
/// let found: Option<Username> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.map(|found| found.as_str()), Some("evtj:h6vY"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Username<'a>(&'a str);

impl<'a> Username<'a> {
    /// # Errors
    /// More than 508 bytes.
    pub fn new(text: &'a str) -> Result<Self, AttributeError> {
        super::text(text.as_bytes(), Self::TYPE, MAX_BYTES, EXPECTED).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// The receiver's and the sender's user fragment, in an ICE check.
    ///
    /// ```
    /// use handset::ice::stun::attribute::Username;
    /// assert_eq!(Username::new("evtj:h6vY").unwrap().fragments(), Some(("evtj", "h6vY")));
    /// ```
    pub fn fragments(&self) -> Option<(&'a str, &'a str)> {
        self.0.split_once(':')
    }
}

const EXPECTED: &str = "at most 508";

impl<'a> Attribute<'a> for Username<'a> {
    const TYPE: AttributeType = AttributeType::USERNAME;

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

impl std::fmt::Debug for Username<'_> {
    /// Its length only: what it says may identify somebody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Username({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<Username<'_>, AttributeError> {
        Username::parse(value, &[0; 12].into())
    }

    #[test]
    fn the_longest_is_accepted_and_a_byte_more_is_not() {
        let text = "a".repeat(MAX_BYTES + 1);
        assert!(parse(&text.as_bytes()[1..]).is_ok());
        let refused = Err(AttributeError::Length {
            attribute: AttributeType::USERNAME,
            expected: EXPECTED,
            found: MAX_BYTES + 1,
        });
        assert_eq!(parse(text.as_bytes()), refused);
        assert_eq!(Username::new(&text), refused);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let refused = AttributeError::Text { attribute: AttributeType::USERNAME, valid: 2 };
        assert_eq!(parse(b"ok\xff"), Err(refused));
    }

    #[test]
    fn sixty_four_kilobytes_are_refused_by_their_length_alone() {
        assert!(matches!(parse(&[0xff; 65_532]), Err(AttributeError::Length { found: 65_532, .. })));
    }
}
