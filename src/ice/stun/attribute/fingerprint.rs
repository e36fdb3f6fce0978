//! FINGERPRINT (RFC 8489 §14.7): a CRC that tells STUN from other packets, and is always last.

use crate::ice::stun::{AttributeType, CheckError, Message, MessageWriter, WriteError};

pub(in crate::ice::stun) const VALUE_BYTES: usize = 4;

/// Combined with the CRC, so that a payload with a CRC of its own does not look like STUN.
const MASK: u32 = 0x5354_554e;

impl Message<'_> {
    /// Whether FINGERPRINT matches the message.
    ///
    /// # Errors
    /// No FINGERPRINT, or one that does not match.
    #[inline]
    pub fn check_fingerprint(&self) -> Result<(), CheckError> {
        let attribute = AttributeType::FINGERPRINT;
        let at = self.fingerprint_at().ok_or(CheckError::Missing { attribute })?;
        let (covered, rest) = self.as_bytes().split_at(at);
        if rest[4..] == value_of(covered) { Ok(()) } else { Err(CheckError::Mismatch { attribute }) }
    }
}

impl MessageWriter<'_> {
    /// Closes the message with its FINGERPRINT.
    ///
    /// ```
    /// use handset::ice::stun::{Class, Message, MessageWriter, Method};
    /// let mut buffer = [0; 28];
    /// let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::BINDING, [1; 12].into())?;
    /// writer.fingerprint()?;
    /// assert_eq!(Message::parse(writer.finish())?.check_fingerprint(), Ok(()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No room, or it is there already.
    #[inline]
    pub fn fingerprint(&mut self) -> Result<&mut Self, WriteError> {
        self.open(AttributeType::FINGERPRINT, VALUE_BYTES)?;
        let (covered, value) = self.signed_and_value(VALUE_BYTES);
        value.copy_from_slice(&value_of(covered));
        Ok(self)
    }
}

#[inline]
fn value_of(covered: &[u8]) -> [u8; VALUE_BYTES] {
    (crc32fast::hash(covered) ^ MASK).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::stun::{Class, Method, ParseError};

    fn fingerprinted() -> Vec<u8> {
        let mut buffer = [0; 64];
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into()).unwrap();
        writer.push(&super::super::Priority::from(7)).unwrap().fingerprint().unwrap();
        writer.finish().to_vec()
    }

    #[test]
    fn changing_any_bit_is_noticed() {
        let bytes = fingerprinted();
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let checked = Message::parse(&changed).map(|message| message.check_fingerprint());
            assert!(!matches!(checked, Ok(Ok(()))), "bit {bit}");
        }
    }

    #[test]
    fn nothing_may_follow_it() {
        let mut bytes = fingerprinted();
        let at = bytes.len();
        bytes.extend([0x80, 0x22, 0, 0]);
        bytes[3] += 4;
        let refused = ParseError::AfterFingerprint { attribute: AttributeType::SOFTWARE, at };
        assert_eq!(Message::parse(&bytes).map(|_| ()), Err(refused));
    }

    #[test]
    fn other_lengths_are_refused() {
        let bytes = *b"\x00\x01\x00\x04\x21\x12\xa4\x42ABCDEFGHIJKL\x80\x28\x00\x00";
        let refused = ParseError::ClosingLength { attribute: AttributeType::FINGERPRINT, found: 0 };
        assert_eq!(Message::parse(&bytes).map(|_| ()), Err(refused));
    }

    #[test]
    fn its_absence_is_told_from_a_mismatch() {
        let bytes = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
        let checked = Message::parse(&bytes).unwrap().check_fingerprint();
        assert_eq!(checked, Err(CheckError::Missing { attribute: AttributeType::FINGERPRINT }));
    }
}
