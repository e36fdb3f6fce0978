//! MESSAGE-INTEGRITY (RFC 8489 §14.5): HMAC-SHA1 over what comes before it.

use crate::ice::stun::hmac::{put_words, words_match};
use crate::ice::stun::message::HEADER_BYTES;
use crate::ice::stun::{AttributeType, CheckError, Key, Message, MessageWriter, WriteError};

pub(in crate::ice::stun) const VALUE_BYTES: usize = 20;

impl Message<'_> {
    /// Whether the message up to MESSAGE-INTEGRITY was signed with this key. Takes the same time for every wrong
    /// signature.
    ///
    /// ```
    /// use handset::ice::stun::{CheckError, Class, Key, Message, MessageWriter, Method};
    /// let mut buffer = [0; 64];
    /// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
    /// writer.integrity(&Key::short_term("right"))?;
    /// let message = Message::parse(writer.finish())?;
    /// assert_eq!(message.check_integrity(&Key::short_term("right")), Ok(()));
    /// assert!(matches!(message.check_integrity(&Key::short_term("wrong")), Err(CheckError::Mismatch { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No MESSAGE-INTEGRITY, or one that does not match.
    #[inline]
    pub fn check_integrity(&self, key: &Key) -> Result<(), CheckError> {
        let attribute = AttributeType::MESSAGE_INTEGRITY;
        let at = self.integrity_at().ok_or(CheckError::Missing { attribute })?;
        let bytes = self.as_bytes();
        let header = header_ending_with(bytes, at + 4 + VALUE_BYTES);
        let tag = key.sha1.tag(&header, &bytes[HEADER_BYTES..at]);
        if words_match(&tag, &bytes[at + 4..at + 4 + VALUE_BYTES]) {
            Ok(())
        } else {
            Err(CheckError::Mismatch { attribute })
        }
    }
}

impl MessageWriter<'_> {
    /// Signs what was written so far.
    ///
    /// # Errors
    /// No room, or a closing attribute is there already.
    #[inline]
    pub fn integrity(&mut self, key: &Key) -> Result<&mut Self, WriteError> {
        self.open(AttributeType::MESSAGE_INTEGRITY, VALUE_BYTES)?;
        let (signed, value) = self.signed_and_value(VALUE_BYTES);
        let (header, attributes) = signed.split_at(HEADER_BYTES);
        put_words(&key.sha1.tag(header, attributes), value);
        Ok(self)
    }
}

/// The header as it was when the message ended at `end`: that is what a signature covers, whatever follows it.
#[inline]
pub(super) fn header_ending_with(bytes: &[u8], end: usize) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header.copy_from_slice(&bytes[..HEADER_BYTES]);
    let length = (end - HEADER_BYTES) as u16;
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::stun::{Class, Method, ParseError};

    fn signed(key: &Key) -> Vec<u8> {
        let mut buffer = [0; 64];
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into()).unwrap();
        writer.push(&super::super::Priority::from(7)).unwrap().integrity(key).unwrap();
        writer.finish().to_vec()
    }

    #[test]
    fn changing_any_byte_breaks_the_signature_or_the_message() {
        let key = Key::short_term("password");
        let bytes = signed(&key);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let checked = Message::parse(&changed).map(|message| message.check_integrity(&key));
                assert!(!matches!(checked, Ok(Ok(()))), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn an_unsigned_message_is_not_proven() {
        let bytes = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
        let checked = Message::parse(&bytes).unwrap().check_integrity(&Key::short_term("x"));
        assert_eq!(checked, Err(CheckError::Missing { attribute: AttributeType::MESSAGE_INTEGRITY }));
    }

    #[test]
    fn other_lengths_are_refused_before_any_key_is_looked_for() {
        let bytes = *b"\x00\x01\x00\x14\x21\x12\xa4\x42ABCDEFGHIJKL\x00\x08\x00\x100123456789abcdef";
        let refused = ParseError::ClosingLength { attribute: AttributeType::MESSAGE_INTEGRITY, found: 16 };
        assert_eq!(Message::parse(&bytes).map(|_| ()), Err(refused));
    }

    #[test]
    fn what_follows_the_signature_is_not_shown() {
        let key = Key::short_term("password");
        let mut bytes = signed(&key);
        bytes.extend(*b"\x00\x25\x00\x00");
        bytes[3] += 4;
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.check_integrity(&key), Ok(()));
        assert!(!message.has(AttributeType::USE_CANDIDATE));
        assert_eq!(message.attributes().count(), 1);
    }

    #[test]
    fn a_second_signature_does_not_replace_the_first() {
        let (first, second) = (Key::short_term("first"), Key::short_term("second"));
        let mut bytes = signed(&first);
        let at = bytes.len();
        bytes.extend([0, 8, 0, 20]);
        bytes.extend([0; VALUE_BYTES]);
        bytes[3] += 24;
        let header = header_ending_with(&bytes, at + 24);
        let tag = second.sha1.tag(&header, &bytes[HEADER_BYTES..at]);
        put_words(&tag, &mut bytes[at + 4..]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.check_integrity(&first), Ok(()));
        assert!(message.check_integrity(&second).is_err());
    }
}
