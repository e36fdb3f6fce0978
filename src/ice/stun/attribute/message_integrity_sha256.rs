//! MESSAGE-INTEGRITY-SHA256 (RFC 8489 §14.6): HMAC-SHA256 over what comes before it.

use super::message_integrity::header_ending_with;
use crate::ice::stun::hmac::{put_words, words_match};
use crate::ice::stun::message::HEADER_BYTES;
use crate::ice::stun::{AttributeType, CheckError, Key, Message, MessageWriter, WriteError};

const VALUE_BYTES: usize = 32;

/// A usage may allow the value cut down to no less than 16 bytes, in steps of 4. ICE and TURN allow no such thing, so
/// a shorter one parses and does not match.
pub(in crate::ice::stun) fn is_legal_length(bytes: usize) -> bool {
    (16..=VALUE_BYTES).contains(&bytes) && bytes.is_multiple_of(4)
}

impl Message<'_> {
    /// Whether the message up to MESSAGE-INTEGRITY-SHA256 was signed with this key. Takes the same time for every
    /// wrong signature.
    ///
    /// ```
    /// use handset::ice::stun::{Class, Key, Message, MessageWriter, Method, PasswordHash};
    /// let key = Key::long_term(PasswordHash::Sha256, "alice", "example.org", "secret");
    /// let mut buffer = [0; 64];
    /// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
    /// writer.integrity_sha256(&key)?;
    /// assert_eq!(Message::parse(writer.finish())?.check_integrity_sha256(&key), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No MESSAGE-INTEGRITY-SHA256, or one that does not match or is cut short.
    #[inline]
    pub fn check_integrity_sha256(&self, key: &Key) -> Result<(), CheckError> {
        let attribute = AttributeType::MESSAGE_INTEGRITY_SHA256;
        let at = self.integrity_sha256_at().ok_or(CheckError::Missing { attribute })?;
        let bytes = self.as_bytes();
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        let header = header_ending_with(bytes, at + 4 + length);
        let tag = key.sha256.tag(&header, &bytes[HEADER_BYTES..at]);
        if words_match(&tag, &bytes[at + 4..at + 4 + length]) {
            Ok(())
        } else {
            Err(CheckError::Mismatch { attribute })
        }
    }
}

impl MessageWriter<'_> {
    /// Signs what was written so far, MESSAGE-INTEGRITY included where it is there.
    ///
    /// # Errors
    /// No room, or MESSAGE-INTEGRITY-SHA256 or FINGERPRINT is there already.
    #[inline]
    pub fn integrity_sha256(&mut self, key: &Key) -> Result<&mut Self, WriteError> {
        self.open(AttributeType::MESSAGE_INTEGRITY_SHA256, VALUE_BYTES)?;
        let (signed, value) = self.signed_and_value(VALUE_BYTES);
        let (header, attributes) = signed.split_at(HEADER_BYTES);
        put_words(&key.sha256.tag(header, attributes), value);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::stun::{Class, Method, ParseError};

    fn with_tag_of(length: usize) -> Vec<u8> {
        let mut bytes = b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL\x00\x1c\x00\x00".to_vec();
        bytes[23] = length as u8;
        bytes.resize(24 + length.next_multiple_of(4), 0);
        bytes[3] = (bytes.len() - HEADER_BYTES) as u8;
        bytes
    }

    #[test]
    fn lengths_that_truncation_cannot_give_are_refused() {
        for length in [0, 4, 12, 17, 31, 36, 64] {
            let refused = ParseError::ClosingLength {
                attribute: AttributeType::MESSAGE_INTEGRITY_SHA256,
                found: length,
            };
            assert_eq!(Message::parse(&with_tag_of(length)).map(|_| ()), Err(refused), "{length}");
        }
    }

    #[test]
    fn a_truncated_tag_never_matches() {
        let key = Key::short_term("password");
        for length in [16, 20, 24, 28] {
            let mut bytes = with_tag_of(length);
            let header = header_ending_with(&bytes, 24 + length);
            let mut tag = [0; VALUE_BYTES];
            put_words(&key.sha256.tag(&header, &[]), &mut tag);
            bytes[24..].copy_from_slice(&tag[..length]);
            let checked = Message::parse(&bytes).unwrap().check_integrity_sha256(&key);
            assert!(matches!(checked, Err(CheckError::Mismatch { .. })), "{length}");
        }
    }

    #[test]
    fn changing_any_byte_breaks_the_signature_or_the_message() {
        let key = Key::short_term("password");
        let mut buffer = [0; 64];
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into()).unwrap();
        writer.integrity_sha256(&key).unwrap();
        let bytes = writer.finish().to_vec();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x04;
            let checked = Message::parse(&changed).map(|message| message.check_integrity_sha256(&key));
            assert!(!matches!(checked, Ok(Ok(()))), "byte {at}");
        }
    }

    #[test]
    fn a_sha1_signature_after_it_is_void() {
        let key = Key::short_term("password");
        let mut bytes = with_tag_of(32);
        bytes.extend([0, 8, 0, 20]);
        bytes.extend([0; 20]);
        bytes[3] += 24;
        let message = Message::parse(&bytes).unwrap();
        let refused = CheckError::Missing { attribute: AttributeType::MESSAGE_INTEGRITY };
        assert_eq!(message.check_integrity(&key), Err(refused));
    }
}
