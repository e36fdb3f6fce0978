//! What can be wrong with a message, an attribute, a signature, a buffer.

use super::AttributeType;

/// Why bytes are no STUN message.
///
/// RFC 8489 §5 gives the header, §14 the attributes, §6.3 what is to be checked.
///
/// ```
/// use handset::ice::stun::{Message, ParseError};
/// assert!(matches!(Message::parse(b"\x00\x01"), Err(ParseError::TooShort { found: 2 })));
/// let rtp = [0x80; 20];
/// assert!(matches!(Message::parse(&rtp), Err(ParseError::NotStun { found: 0x80 })));
/// let overrun = *b"\x00\x01\x00\x04\x21\x12\xa4\x42ABCDEFGHIJKL\x00\x06\xff\xff";
/// let error = Message::parse(&overrun).unwrap_err();
/// assert_eq!(error.to_string(), "STUN attribute USERNAME at byte 20 declares 65535 bytes, the message ends before");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Shorter than the header.
    #[error("STUN message of {found} bytes, expected at least 20")]
    TooShort {
        /// Bytes there are.
        found: usize,
    },
    /// The first two bits are not zero: another protocol on the same port (RFC 7983).
    #[error("not STUN: first byte is {found:#04x}, expected 0x00 to 0x3f")]
    NotStun {
        /// The first byte.
        found: u8,
    },
    /// No magic cookie: another protocol, or STUN of RFC 3489.
    #[error("STUN magic cookie is {found:#010x}, expected 0x2112a442")]
    Cookie {
        /// What stands in its place.
        found: u32,
    },
    /// The length field is not a multiple of 4.
    #[error("STUN length is {found}, expected a multiple of 4")]
    Alignment {
        /// The length field.
        found: u16,
    },
    /// The length field does not say how many bytes follow the header.
    #[error("STUN length is {declared}, but {found} bytes follow the header")]
    Length {
        /// The length field.
        declared: usize,
        /// Bytes that follow.
        found: usize,
    },
    /// An attribute reaches beyond the message.
    #[error("STUN attribute {attribute} at byte {at} declares {declared} bytes, the message ends before")]
    Overrun {
        /// Its type.
        attribute: AttributeType,
        /// Where it starts.
        at: usize,
        /// Its length field.
        declared: usize,
    },
    /// MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 or FINGERPRINT of a length they cannot have.
    #[error("STUN attribute {attribute} of {found} bytes")]
    ClosingLength {
        /// Which of the three.
        attribute: AttributeType,
        /// Its length field.
        found: usize,
    },
    /// Something follows FINGERPRINT, which must be last (RFC 8489 §14.7).
    #[error("STUN attribute {attribute} at byte {at} follows FINGERPRINT")]
    AfterFingerprint {
        /// Its type.
        attribute: AttributeType,
        /// Where it starts.
        at: usize,
    },
}

/// Why an attribute's value makes no sense.
///
/// Which values are legal stands with each [attribute](super::attribute).
///
/// ```
/// use handset::ice::stun::{Message, attribute::Lifetime};
/// let bytes = *b"\x00\x04\x00\x08\x21\x12\xa4\x42ABCDEFGHIJKL\x00\x0d\x00\x02\x02\x58\0\0";
/// let error = Message::parse(&bytes)?.get::<Lifetime>().unwrap_err();
/// assert_eq!(error.to_string(), "STUN LIFETIME of 2 bytes, expected 4");
/// # Ok::<(), handset::ice::stun::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// Too short, too long, or not a possible length.
    #[error("STUN {attribute} of {found} bytes, expected {expected}")]
    Length {
        /// Whose value.
        attribute: AttributeType,
        /// Lengths that are possible.
        expected: &'static str,
        /// The length found.
        found: usize,
    },
    /// A value outside its range.
    #[error("STUN {attribute} holds {found:#x}, expected {expected}")]
    Value {
        /// Whose value.
        attribute: AttributeType,
        /// Values that are possible.
        expected: &'static str,
        /// The value found.
        found: u64,
    },
    /// Text that is not UTF-8.
    #[error("STUN {attribute} is not UTF-8 from byte {valid} on")]
    Text {
        /// Whose value.
        attribute: AttributeType,
        /// Bytes before the first bad one.
        valid: usize,
    },
}

/// Why a message is not proven to be what it claims.
///
/// RFC 8489 §9.1.3 and §9.2.4 say what to do then: an agent drops an answer and refuses a request.
///
/// ```
/// use handset::ice::stun::{AttributeType, CheckError, Message};
/// let bytes = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
/// let missing = CheckError::Missing { attribute: AttributeType::FINGERPRINT };
/// assert_eq!(Message::parse(&bytes)?.check_fingerprint(), Err(missing));
/// # Ok::<(), handset::ice::stun::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The attribute is absent.
    #[error("STUN message without {attribute}")]
    Missing {
        /// Which.
        attribute: AttributeType,
    },
    /// The attribute does not match the message (and the key).
    #[error("STUN {attribute} does not match")]
    Mismatch {
        /// Which.
        attribute: AttributeType,
    },
}

/// Why an attribute was not written.
///
/// ```
/// use handset::ice::stun::{Class, MessageWriter, Method, WriteError, attribute::UseCandidate};
/// let mut buffer = [0; 40];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.fingerprint()?;
/// assert!(matches!(writer.push(&UseCandidate), Err(WriteError::Order { .. })));
/// let short = MessageWriter::new(&mut [0; 8], Class::Request, Method::BINDING, [1; 12].into()).unwrap_err();
/// assert_eq!(short, WriteError::NoRoom { needed: 20, room: 8 });
/// # Ok::<(), WriteError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The caller's buffer, or the 65,532 bytes a length field can name, are used up.
    #[error("STUN message needs {needed} bytes, the buffer has {room}")]
    NoRoom {
        /// Length of the message with what was to be written.
        needed: usize,
        /// Length of the buffer.
        room: usize,
    },
    /// Nothing but MESSAGE-INTEGRITY-SHA256 may follow MESSAGE-INTEGRITY, nothing but FINGERPRINT that, and
    /// nothing at all FINGERPRINT (RFC 8489 §14.5 to §14.7).
    #[error("STUN {attribute} may not follow {last}")]
    Order {
        /// What was to be written.
        attribute: AttributeType,
        /// What was written last.
        last: AttributeType,
    },
}
