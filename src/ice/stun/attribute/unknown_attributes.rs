//! UNKNOWN-ATTRIBUTES (RFC 8489 §14.13): what a 420 answer did not understand.

use super::{Attribute, AttributeError, AttributeType};
use crate::ice::stun::TransactionId;

/// Most types written: a request with more is answered as if it had so many.
const MAX_WRITTEN: usize = 32;

/// A list of types.
///
/// UNKNOWN-ATTRIBUTES, type 0x000a (RFC 8489 §14.13): any number of 16-bit types. Refused: an odd length. At most
/// 32 are written.
///
/// ```
/// use handset::ice::stun::{AttributeType, Class, Message, MessageWriter, Method, attribute::UnknownAttributes};
/// let unknown = [AttributeType::new(0x7f01), AttributeType::new(0x7f02)];
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Error, Method::BINDING, [1; 12].into())?;
/// writer.push(&unknown.into_iter().collect::<UnknownAttributes>())?;
/// let found: Option<UnknownAttributes> = Message::parse(writer.finish())?.get()?;
/// assert!(found.is_some_and(|found| found.iter().eq(unknown)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct UnknownAttributes<'a>(List<'a>);

#[derive(Debug, Clone, Copy)]
enum List<'a> {
    Read(&'a [u8]),
    Made { types: [AttributeType; MAX_WRITTEN], count: usize },
}

impl UnknownAttributes<'_> {
    /// The types in their order.
    pub fn iter(&self) -> impl Iterator<Item = AttributeType> + '_ {
        let (read, made) = match &self.0 {
            List::Read(bytes) => (bytes.as_chunks::<2>().0, &[][..]),
            List::Made { types, count } => (&[][..], &types[..*count]),
        };
        read.iter().map(|bytes| AttributeType::new(u16::from_be_bytes(*bytes))).chain(made.iter().copied())
    }
}

impl FromIterator<AttributeType> for UnknownAttributes<'static> {
    /// Keeps the first 32.
    fn from_iter<I: IntoIterator<Item = AttributeType>>(iter: I) -> Self {
        let mut types = [AttributeType::new(0); MAX_WRITTEN];
        let mut count = 0;
        for (slot, kind) in types.iter_mut().zip(iter) {
            *slot = kind;
            count += 1;
        }
        Self(List::Made { types, count })
    }
}

impl<'a> Attribute<'a> for UnknownAttributes<'a> {
    const TYPE: AttributeType = AttributeType::UNKNOWN_ATTRIBUTES;

    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        if !value.len().is_multiple_of(2) {
            let expected = "a multiple of 2";
            return Err(AttributeError::Length { attribute: Self::TYPE, expected, found: value.len() });
        }
        Ok(Self(List::Read(value)))
    }

    fn value_bytes(&self) -> usize {
        match self.0 {
            List::Read(bytes) => bytes.len(),
            List::Made { count, .. } => 2 * count,
        }
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        for (bytes, kind) in value.as_chunks_mut::<2>().0.iter_mut().zip(self.iter()) {
            *bytes = kind.get().to_be_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_type_is_refused() {
        for length in [1, 3, 65_531] {
            let parsed = UnknownAttributes::parse(&vec![0; length], &[0; 12].into()).map(|_| ());
            assert!(matches!(parsed, Err(AttributeError::Length { found, .. }) if found == length));
        }
    }

    #[test]
    fn more_than_fit_are_left_out() {
        let made: UnknownAttributes<'_> = (0..100).map(AttributeType::new).collect();
        assert_eq!(made.iter().count(), MAX_WRITTEN);
        assert_eq!(made.value_bytes(), 2 * MAX_WRITTEN);
    }

    #[test]
    fn an_empty_list_is_legal() {
        let parsed = UnknownAttributes::parse(&[], &[0; 12].into()).unwrap();
        assert_eq!(parsed.iter().count(), 0);
    }
}
