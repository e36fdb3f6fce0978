//! What every attribute can do, and the two shapes of value that many share.

use crate::ice::stun::{AttributeError, AttributeType, TransactionId};

/// One attribute: how it is told from others, read and written.
pub trait Attribute<'a>: Sized {
    /// The type it has on the wire.
    const TYPE: AttributeType;

    /// Reads a value, padding taken off. XOR-ed addresses need the transaction.
    ///
    /// # Errors
    /// The value is not legal.
    fn parse(value: &'a [u8], transaction: &TransactionId) -> Result<Self, AttributeError>;

    /// Length of the value, without padding.
    fn value_bytes(&self) -> usize;

    /// Fills in the value; `value` is [`value_bytes`](Self::value_bytes) long and holds anything.
    fn write(&self, value: &mut [u8], transaction: &TransactionId);
}

/// A value of exactly `N` bytes; `expected` says `N` in words.
#[inline]
pub(super) fn fixed<const N: usize>(
    value: &[u8],
    attribute: AttributeType,
    expected: &'static str,
) -> Result<[u8; N], AttributeError> {
    value.try_into().map_err(|_| AttributeError::Length { attribute, expected, found: value.len() })
}

/// UTF-8 of at most `max_bytes`; the length is looked at first, so that refusing much costs little.
#[inline]
pub(super) fn text<'a>(
    value: &'a [u8],
    attribute: AttributeType,
    max_bytes: usize,
    expected: &'static str,
) -> Result<&'a str, AttributeError> {
    if value.len() > max_bytes {
        return Err(AttributeError::Length { attribute, expected, found: value.len() });
    }
    std::str::from_utf8(value).map_err(|error| AttributeError::Text { attribute, valid: error.valid_up_to() })
}
