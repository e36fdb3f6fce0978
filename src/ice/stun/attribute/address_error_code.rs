//! ADDRESS-ERROR-CODE (RFC 8656 §18.12): why one of two wanted address families is missing.

use super::error_code::ErrorCode;
use super::{AddressFamily, Attribute, AttributeError, AttributeType};
use crate::ice::stun::TransactionId;

/// A family and the error it met, in an otherwise successful answer.
///
/// ADDRESS-ERROR-CODE, type 0x8001 (RFC 8656 §18.12): `FAMILY RFFU CLASS NUMBER REASON`, the reason UTF-8 of at most
/// 763 bytes. Refused: fewer than 4 bytes, another family than 1 and 2, and what [`ErrorCode`] refuses.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method};
/// use handset::ice::stun::attribute::{AddressErrorCode, AddressFamily, ErrorCode};
/// let error = AddressErrorCode { family: AddressFamily::V6, error: ErrorCode::INSUFFICIENT_CAPACITY };
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Success, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&error)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressErrorCode<'a> {
    /// The family that could not be had.
    pub family: AddressFamily,
    /// Why: 440 or 508.
    pub error: ErrorCode<'a>,
}

impl<'a> Attribute<'a> for AddressErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::ADDRESS_ERROR_CODE;

    fn parse(value: &'a [u8], id: &TransactionId) -> Result<Self, AttributeError> {
        let Some(&family) = value.first() else {
            return Err(AttributeError::Length { attribute: Self::TYPE, expected: "4 to 767", found: 0 });
        };
        // After the family it is an ERROR-CODE, which skips its own two reserved bytes.
        let error = ErrorCode::parse(value, id)?;
        Ok(Self { family: AddressFamily::from_wire(family, Self::TYPE)?, error })
    }

    fn value_bytes(&self) -> usize {
        self.error.value_bytes()
    }

    fn write(&self, value: &mut [u8], id: &TransactionId) {
        self.error.write(value, id);
        value[0] = self.family.wire();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_families_codes_and_lengths_are_refused() {
        let parse = |value: &[u8]| AddressErrorCode::parse(value, &[0; 12].into()).map(|_| ());
        assert_eq!(parse(&[2, 0, 4, 40]), Ok(()));
        assert!(matches!(parse(&[3, 0, 4, 40]), Err(AttributeError::Value { found: 3, .. })));
        assert!(matches!(parse(&[2, 0, 1, 40]), Err(AttributeError::Value { found: 140, .. })));
        assert!(matches!(parse(&[2, 0, 4]), Err(AttributeError::Length { found: 3, .. })));
        assert!(matches!(parse(&[]), Err(AttributeError::Length { found: 0, .. })));
    }
}
