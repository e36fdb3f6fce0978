//! Writing messages into a buffer of the caller's.

use super::attribute::Attribute;
use super::message::{HEADER_BYTES, MAGIC_COOKIE, padded};
use super::message_type::MessageType;
use super::{AttributeType, Class, Message, Method, TransactionId, WriteError};

/// The longest a message can be: header and the largest multiple of 4 that the length field can name.
const MAX_MESSAGE_BYTES: usize = HEADER_BYTES + 65_532;

/// Writes one message, attribute by attribute, without allocating.
///
/// Call order: [`new`](Self::new) or [`answer`](Self::answer), then [`push`](Self::push) as often as needed, then
/// optionally [`integrity`](Self::integrity), [`integrity_sha256`](Self::integrity_sha256) and
/// [`fingerprint`](Self::fingerprint) in this order, then [`finish`](Self::finish). Another order is refused. What
/// was refused leaves no trace: the message can go on without it.
///
/// RFC 8489 §5 (header), §14 (attributes, padded with zeros), §14.5 to §14.7 (what closes a message). At most 20 +
/// 65,532 bytes, and what the buffer holds; the errors are [`WriteError`].
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::{Software, XorMappedAddress}};
/// let mut buffer = [0; 128];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Success, Method::BINDING, [7; 12].into())?;
/// writer.push(&XorMappedAddress::from(([192, 0, 2, 1], 32853)))?;
/// writer.fingerprint()?;
/// let message = Message::parse(writer.finish())?;
/// assert!(message.check_fingerprint().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageWriter<'b> {
    buffer: &'b mut [u8],
    used: usize,
    transaction: TransactionId,
    last: AttributeType,
}

impl<'b> MessageWriter<'b> {
    /// Starts a message at the front of `buffer`.
    ///
    /// # Errors
    /// The buffer has no room for the header's 20 bytes.
    #[inline]
    pub fn new(
        buffer: &'b mut [u8],
        class: Class,
        method: Method,
        transaction: TransactionId,
    ) -> Result<Self, WriteError> {
        let room = buffer.len();
        let Some(header) = buffer.first_chunk_mut::<HEADER_BYTES>() else {
            return Err(WriteError::NoRoom { needed: HEADER_BYTES, room });
        };
        let kind = u32::from(MessageType::new(class, method).0) << 16;
        header[..4].copy_from_slice(&kind.to_be_bytes());
        header[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        header[8..].copy_from_slice(transaction.as_bytes());
        Ok(Self { buffer, used: HEADER_BYTES, transaction, last: AttributeType::new(0) })
    }

    /// Starts the answer to a request: its method and transaction.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn answer(buffer: &'b mut [u8], class: Class, request: &Message<'_>) -> Result<Self, WriteError> {
        Self::new(buffer, class, request.method(), request.transaction_id())
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// No room, or the message is closed already.
    #[inline]
    pub fn push<'v, A: Attribute<'v>>(&mut self, attribute: &A) -> Result<&mut Self, WriteError> {
        let transaction = self.transaction;
        let value = self.open(A::TYPE, attribute.value_bytes())?;
        attribute.write(value, &transaction);
        Ok(self)
    }

    /// Appends an attribute of any type that is not a closing one, its value as it stands.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_raw(&mut self, kind: AttributeType, value: &[u8]) -> Result<&mut Self, WriteError> {
        if rank(kind) > 0 {
            return Err(WriteError::Order { attribute: kind, last: self.last });
        }
        self.open(kind, value.len())?.copy_from_slice(value);
        Ok(self)
    }

    /// The message: its length field is right from the first attribute on, this only hands it out.
    #[inline]
    pub fn finish(self) -> &'b mut [u8] {
        &mut self.buffer[..self.used]
    }

    /// Bytes written so far.
    pub fn written_bytes(&self) -> usize {
        self.used
    }

    /// Puts down an attribute's type and length and the message's new length; the caller fills in the value.
    #[inline]
    pub(super) fn open(&mut self, kind: AttributeType, bytes: usize) -> Result<&mut [u8], WriteError> {
        if rank(self.last) > 0 && rank(kind) <= rank(self.last) {
            return Err(WriteError::Order { attribute: kind, last: self.last });
        }
        let start = self.used;
        let end = start + 4 + padded(bytes);
        let room = self.buffer.len();
        if end > MAX_MESSAGE_BYTES {
            return Err(WriteError::NoRoom { needed: end, room });
        }
        let Some(slot) = self.buffer.get_mut(start..end) else {
            return Err(WriteError::NoRoom { needed: end, room });
        };
        let head = u32::from(kind.get()) << 16 | bytes as u32;
        let (head_slot, value) = slot.split_at_mut(4);
        head_slot.copy_from_slice(&head.to_be_bytes());
        // RFC 8489 §14: padding MUST be zero. It is in the last four bytes of the value, if anywhere.
        if let Some(last) = value.last_chunk_mut::<4>() {
            *last = [0; 4];
        }
        let length = (end - HEADER_BYTES) as u16;
        self.buffer[2..4].copy_from_slice(&length.to_be_bytes());
        self.used = end;
        self.last = kind;
        Ok(&mut self.buffer[start + 4..start + 4 + bytes])
    }

    /// The message up to the attribute opened last, whose value has `bytes` bytes; and that value.
    #[inline]
    pub(super) fn signed_and_value(&mut self, bytes: usize) -> (&[u8], &mut [u8]) {
        let (signed, value) = self.buffer[..self.used].split_at_mut(self.used - bytes);
        (&signed[..signed.len() - 4], value)
    }
}

/// Where in the closing order an attribute stands; 0 for all that do not close.
#[inline]
const fn rank(kind: AttributeType) -> u8 {
    match kind {
        AttributeType::MESSAGE_INTEGRITY => 1,
        AttributeType::MESSAGE_INTEGRITY_SHA256 => 2,
        AttributeType::FINGERPRINT => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::stun::Key;
    use crate::ice::stun::attribute::{Priority, Software, UseCandidate};

    fn writer(buffer: &mut [u8]) -> MessageWriter<'_> {
        MessageWriter::new(buffer, Class::Request, Method::BINDING, [1; 12].into()).unwrap()
    }

    #[test]
    fn closing_attributes_keep_their_order() {
        let key = Key::short_term("secret");
        let mut buffer = [0; 256];
        let mut w = writer(&mut buffer);
        w.integrity(&key).unwrap();
        assert!(matches!(w.push(&UseCandidate), Err(WriteError::Order { .. })));
        assert!(matches!(w.integrity(&key), Err(WriteError::Order { .. })));
        w.integrity_sha256(&key).unwrap();
        assert!(matches!(w.integrity(&key), Err(WriteError::Order { .. })));
        w.fingerprint().unwrap();
        assert!(matches!(w.fingerprint(), Err(WriteError::Order { .. })));
        assert!(matches!(w.push(&UseCandidate), Err(WriteError::Order { .. })));
        let message = Message::parse(w.finish()).unwrap();
        message.check_integrity(&key).unwrap();
        message.check_integrity_sha256(&key).unwrap();
        message.check_fingerprint().unwrap();
    }

    #[test]
    fn what_does_not_fit_leaves_the_message_as_it_was() {
        let mut buffer = [0; 32];
        let mut w = writer(&mut buffer);
        w.push(&Priority::from(1)).unwrap();
        let refused = w.push(&Priority::from(2)).map(|_| ());
        assert_eq!(refused, Err(WriteError::NoRoom { needed: 36, room: 32 }));
        w.push(&UseCandidate).unwrap();
        assert_eq!(Message::parse(w.finish()).unwrap().attributes().count(), 2);
    }

    #[test]
    fn a_header_needs_twenty_bytes() {
        let mut buffer = [0; 19];
        let refused = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [0; 12].into());
        assert_eq!(refused.map(|_| ()), Err(WriteError::NoRoom { needed: 20, room: 19 }));
    }

    #[test]
    fn the_length_field_never_overflows() {
        let mut buffer = vec![0; 140_000];
        let mut w = writer(&mut buffer);
        w.push_raw(AttributeType::DATA, &vec![1; 65_000]).unwrap();
        assert!(matches!(w.push_raw(AttributeType::DATA, &[1; 600]), Err(WriteError::NoRoom { .. })));
        w.push_raw(AttributeType::DATA, &[1; 500]).unwrap();
        assert!(Message::parse(w.finish()).is_ok());
    }

    #[test]
    fn padding_is_zero_whatever_was_in_the_buffer() {
        let mut buffer = [0xff; 64];
        let mut w = writer(&mut buffer);
        w.push(&Software::new("abcde").unwrap()).unwrap();
        assert_eq!(w.finish()[24..], *b"abcde\0\0\0");
    }

    #[test]
    fn closing_attributes_cannot_be_written_raw() {
        let mut buffer = [0; 64];
        let mut w = writer(&mut buffer);
        let refused = w.push_raw(AttributeType::FINGERPRINT, &[0; 4]).map(|_| ());
        assert!(matches!(refused, Err(WriteError::Order { .. })));
    }
}
