//! What every attribute can do, and the two shapes of value that many share.

use crate::ice::stun::{AttributeError, AttributeType, TransactionId};

/// One attribute: how it is told from others, read and written.
///
/// Grammar (RFC 8489 §14): `TYPE(16) LENGTH(16) VALUE PADDING`, the length without the padding that fills up to
/// four bytes. An attribute of one's own implements this and goes through
/// [`Message::get`](crate::ice::stun::Message::get) and
/// [`MessageWriter::push`](crate::ice::stun::MessageWriter::push) like those of this module.
///
/// ```
/// use handset::ice::stun::{Attribute, AttributeError, AttributeType, TransactionId};
/// use handset::ice::stun::{Class, Message, MessageWriter, Method};
///
/// /// Google's network id and cost, which Chrome sends in its checks.
/// #[derive(Debug, PartialEq)]
/// struct NetworkCost(u16, u16);
///
/// impl Attribute<'_> for NetworkCost {
///     const TYPE: AttributeType = AttributeType::new(0xc057);
///     fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
///         let &[i1, i0, c1, c0] = value else {
///             let (attribute, found) = (Self::TYPE, value.len());
///             return Err(AttributeError::Length { attribute, expected: "4", found });
///         };
///         Ok(Self(u16::from_be_bytes([i1, i0]), u16::from_be_bytes([c1, c0])))
///     }
///     fn value_bytes(&self) -> usize {
///         4
///     }
///     fn write(&self, value: &mut [u8], _: &TransactionId) {
///         value[..2].copy_from_slice(&self.0.to_be_bytes());
///         value[2..].copy_from_slice(&self.1.to_be_bytes());
///     }
/// }
///
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&NetworkCost(1, 10))?;
/// let found: Option<NetworkCost> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found, Some(NetworkCost(1, 10)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
