//! What can be wrong with a message, an attribute, a signature, a buffer.

use super::AttributeType;

/// Why bytes are no STUN message.
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
