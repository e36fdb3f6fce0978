//! ERROR-CODE (RFC 8489 §14.8): why a request was refused.

use super::{Attribute, AttributeError, AttributeType, text};
use crate::ice::stun::TransactionId;

/// RFC 8489 §14.8: a reason of fewer than 128 characters, up to 763 bytes.
const MAX_REASON_BYTES: usize = 763;
const HEAD_BYTES: usize = 4;
const EXPECTED: &str = "4 to 767";

/// A code from 300 to 699 and a reason for people.
///
/// ERROR-CODE, type 0x0009 (RFC 8489 §14.8): `RFFU*2 CLASS NUMBER REASON`, class 3 to 6, number 0 to 99, the reason
/// UTF-8 of at most 763 bytes. Refused: fewer than 4 bytes, more than 767, a code outside 300 to 699, other
/// encodings.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::ErrorCode};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Error, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&ErrorCode::STALE_NONCE)?;
/// let found: Option<ErrorCode> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(ErrorCode::STALE_NONCE));
/// assert_eq!(ErrorCode::STALE_NONCE.code(), 438);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode<'a> {
    code: u16,
    reason: &'a str,
}

macro_rules! codes {
    ($($name:ident $code:literal $reason:literal),+ $(,)?) => {
        impl ErrorCode<'static> {
            $(#[doc = concat!(stringify!($code), " ", $reason, ".")]
            pub const $name: Self = Self { code: $code, reason: $reason };)+
        }
    };
}

codes! {
    TRY_ALTERNATE 300 "Try Alternate",
    BAD_REQUEST 400 "Bad Request",
    UNAUTHENTICATED 401 "Unauthenticated",
    FORBIDDEN 403 "Forbidden",
    UNKNOWN_ATTRIBUTE 420 "Unknown Attribute",
    ALLOCATION_MISMATCH 437 "Allocation Mismatch",
    STALE_NONCE 438 "Stale Nonce",
    ADDRESS_FAMILY_NOT_SUPPORTED 440 "Address Family not Supported",
    WRONG_CREDENTIALS 441 "Wrong Credentials",
    UNSUPPORTED_TRANSPORT 442 "Unsupported Transport Protocol",
    PEER_ADDRESS_FAMILY_MISMATCH 443 "Peer Address Family Mismatch",
    ALLOCATION_QUOTA_REACHED 486 "Allocation Quota Reached",
    ROLE_CONFLICT 487 "Role Conflict",
    SERVER_ERROR 500 "Server Error",
    INSUFFICIENT_CAPACITY 508 "Insufficient Capacity",
}

impl<'a> ErrorCode<'a> {
    /// # Errors
    /// A code outside 300 to 699, or a reason of more than 763 bytes.
    pub fn new(code: u16, reason: &'a str) -> Result<Self, AttributeError> {
        if !(300..700).contains(&code) {
            return Err(value_error(code));
        }
        let reason = text(reason.as_bytes(), Self::TYPE, MAX_REASON_BYTES, EXPECTED)?;
        Ok(Self { code, reason })
    }

    /// 300 to 699: what programs go by.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// What people read.
    pub const fn reason(&self) -> &'a str {
        self.reason
    }
}

fn value_error(code: u16) -> AttributeError {
    let attribute = AttributeType::ERROR_CODE;
    AttributeError::Value { attribute, expected: "a code from 300 to 699", found: code.into() }
}

impl<'a> Attribute<'a> for ErrorCode<'a> {
    const TYPE: AttributeType = AttributeType::ERROR_CODE;

    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        let Some(([_, _, hundreds, rest], reason)) = value.split_first_chunk::<HEAD_BYTES>() else {
            return Err(AttributeError::Length {
                attribute: Self::TYPE,
                expected: EXPECTED,
                found: value.len(),
            });
        };
        let class = u16::from(hundreds & 7);
        let code = class * 100 + u16::from(*rest);
        if !(3..=6).contains(&class) || *rest > 99 {
            return Err(value_error(code));
        }
        let reason = text(reason, Self::TYPE, MAX_REASON_BYTES, EXPECTED)?;
        Ok(Self { code, reason })
    }

    fn value_bytes(&self) -> usize {
        HEAD_BYTES + self.reason.len()
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        let (head, reason) = value.split_at_mut(HEAD_BYTES);
        head.copy_from_slice(&[0, 0, (self.code / 100) as u8, (self.code % 100) as u8]);
        reason.copy_from_slice(self.reason.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<ErrorCode<'_>, AttributeError> {
        ErrorCode::parse(value, &[0; 12].into())
    }

    #[test]
    fn codes_outside_300_to_699_are_refused() {
        for (hundreds, rest) in [(0, 0), (2, 99), (7, 0), (4, 100), (3, 255)] {
            let found = u64::from(hundreds) * 100 + u64::from(rest);
            let refused = parse(&[0, 0, hundreds, rest]).unwrap_err();
            assert!(matches!(refused, AttributeError::Value { found: f, .. } if f == found), "{refused}");
        }
        assert!(ErrorCode::new(299, "").is_err());
        assert!(ErrorCode::new(700, "").is_err());
    }

    #[test]
    fn reserved_bits_are_not_looked_at() {
        assert_eq!(parse(&[0xff, 0xff, 0xfc, 0x01]).map(|found| found.code()), Ok(401));
    }

    #[test]
    fn short_values_long_reasons_and_bad_text_are_refused() {
        assert!(matches!(parse(&[0, 0, 4]), Err(AttributeError::Length { found: 3, .. })));
        let mut long = vec![b'a'; HEAD_BYTES + MAX_REASON_BYTES + 1];
        long[..4].copy_from_slice(&[0, 0, 4, 1]);
        assert!(matches!(parse(&long), Err(AttributeError::Length { .. })));
        assert!(parse(&long[..HEAD_BYTES + MAX_REASON_BYTES]).is_ok());
        assert!(matches!(parse(&[0, 0, 4, 1, 0xff]), Err(AttributeError::Text { valid: 0, .. })));
    }
}
