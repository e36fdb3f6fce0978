//! PASSWORD-ALGORITHMS (RFC 8489 §14.11): how a server lets keys be made.

use super::password_algorithm::{HEAD_BYTES, PasswordAlgorithm};
use super::{Attribute, AttributeError, AttributeType};
use crate::ice::stun::TransactionId;

/// Algorithms in the server's order of preference. A client repeats the list as it came, so that a server sees if
/// somebody shortened it.
///
/// PASSWORD-ALGORITHMS, type 0x8002 (RFC 8489 §14.11): any number of algorithms as in
/// [`PasswordAlgorithm`], at most what a message holds. Refused: a length in the list that lies.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, PasswordHash, attribute::PasswordAlgorithms};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Error, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&PasswordAlgorithms::SHA256_AND_MD5)?;
/// let found: Option<PasswordAlgorithms> = Message::parse(writer.finish())?.get()?;
/// let first = found.and_then(|found| found.iter().find_map(|algorithm| algorithm.hash()));
/// assert_eq!(first, Some(PasswordHash::Sha256));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordAlgorithms<'a>(&'a [u8]);

impl<'a> PasswordAlgorithms<'a> {
    /// SHA-256 first, then MD5: what a server offers that keeps passwords.
    pub const SHA256_AND_MD5: PasswordAlgorithms<'static> = PasswordAlgorithms(&[0, 2, 0, 0, 0, 1, 0, 0]);

    /// The list as it is on the wire, to be kept and [repeated](Self::from_bytes).
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// A list as it was on the wire.
    ///
    /// # Errors
    /// A length in it lies.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, AttributeError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((_, after)) = PasswordAlgorithm::split_first(rest) else {
                let expected = "algorithms of 4 bytes and their padded parameters";
                return Err(AttributeError::Length { attribute: Self::TYPE, expected, found: bytes.len() });
            };
            rest = after;
        }
        Ok(Self(bytes))
    }

    /// The algorithms; those with a number unknown here too.
    pub fn iter(&self) -> impl Iterator<Item = PasswordAlgorithm<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (algorithm, after) = PasswordAlgorithm::split_first(rest)?;
            rest = after;
            Some(algorithm)
        })
        // The value of an attribute holds no more.
        .take(usize::from(u16::MAX) / HEAD_BYTES)
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithms<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHMS;

    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        Self::from_bytes(value)
    }

    fn value_bytes(&self) -> usize {
        self.0.len()
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_with_a_lying_length_are_refused() {
        for value in [&[0][..], &[0, 1, 0], &[0, 1, 0, 0, 0], &[0, 2, 0, 9, 0, 1, 0, 0], &[0, 2, 0, 1, 7]] {
            assert!(PasswordAlgorithms::parse(value, &[0; 12].into()).is_err(), "{value:?}");
        }
    }

    #[test]
    fn parameters_and_unknown_numbers_are_stepped_over() {
        let value = [0, 9, 0, 2, 7, 7, 0, 0, 0, 1, 0, 0];
        let list = PasswordAlgorithms::parse(&value, &[0; 12].into()).unwrap();
        let numbers: Vec<_> = list.iter().map(|algorithm| algorithm.number()).collect();
        assert_eq!(numbers, [9, 1]);
    }

    #[test]
    fn an_empty_list_offers_nothing() {
        let list = PasswordAlgorithms::parse(&[], &[0; 12].into()).unwrap();
        assert_eq!(list.iter().count(), 0);
    }
}
