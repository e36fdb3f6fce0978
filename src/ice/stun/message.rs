//! A checked view of one message.

use std::fmt;

use super::attribute::{Attribute, fingerprint, message_integrity, message_integrity_sha256};
use super::message_type::MessageType;
use super::{AttributeError, AttributeType, Class, Method, ParseError, TransactionId};

/// What bytes 4 to 7 of every message say.
pub const MAGIC_COOKIE: u32 = 0x2112_a442;

pub(super) const HEADER_BYTES: usize = 20;

/// One STUN message: a view over the bytes of a datagram, or of one frame of a stream.
///
/// A `Message` has a valid header, a length field that is right, and attributes that lie inside it. What the
/// attributes hold is checked when they are read. Attributes that follow MESSAGE-INTEGRITY (other than the closing
/// ones) are not covered by it, and are not shown (RFC 8489 §14.5).
///
/// ```
/// use handset::ice::stun::{Class, Message, Method};
/// let bytes = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
/// let message = Message::parse(&bytes)?;
/// assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
/// assert_eq!(message.transaction_id().as_bytes(), b"ABCDEFGHIJKL");
/// assert_eq!(message.attributes().count(), 0);
/// # Ok::<(), handset::ice::stun::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    closing: Closing,
}

/// Where the closing attributes start, counted from the start of the message; 0 for absent, which the header is.
#[derive(Debug, Clone, Copy, Default)]
struct Closing {
    integrity: u32,
    integrity_sha256: u32,
    fingerprint: u32,
    /// End of the attributes to show: the first of the three, or the end of the message.
    end: u32,
}

impl<'a> Message<'a> {
    /// Whether the first byte and the cookie are STUN's: enough to tell it from RTP, DTLS and ChannelData on one
    /// port (RFC 7983).
    #[inline]
    pub fn is_likely(bytes: &[u8]) -> bool {
        match bytes.first_chunk::<HEADER_BYTES>() {
            Some(header) => header[0] & 0xc0 == 0 && header[4..8] == MAGIC_COOKIE.to_be_bytes(),
            None => false,
        }
    }

    /// Reads a message that fills `bytes` exactly. Takes time proportional to the number of attributes.
    ///
    /// # Errors
    /// [`ParseError`] says which byte is not STUN.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(ParseError::TooShort { found: bytes.len() });
        };
        check_header(header, body.len())?;
        let mut closing = Closing { end: bytes.len() as u32, ..Closing::default() };
        let mut rest = body;
        while let Some((head, after)) = rest.split_first_chunk::<4>() {
            let (kind, length) = split_head(*head);
            let padded = padded(length);
            if padded > after.len() {
                let at = bytes.len() - rest.len();
                return Err(ParseError::Overrun { attribute: kind, at, declared: length });
            }
            let at = (bytes.len() - rest.len()) as u32;
            rest = &after[padded..];
            if is_closing(kind) {
                closing.note(kind, at, length, rest)?;
            }
        }
        Ok(Self { bytes, closing })
    }

    /// The bytes this is a view of.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Request, indication, success or error.
    #[inline]
    pub fn class(&self) -> Class {
        self.message_type().class()
    }

    /// What it is about.
    #[inline]
    pub fn method(&self) -> Method {
        self.message_type().method()
    }

    fn message_type(&self) -> MessageType {
        MessageType(u16::from_be_bytes([self.bytes[0], self.bytes[1]]))
    }

    /// What ties it to its request or its answer.
    #[inline]
    pub fn transaction_id(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..HEADER_BYTES]);
        TransactionId::from(id)
    }

    /// The attributes in their order, without MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256, FINGERPRINT and what
    /// follows the first of them.
    #[inline]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: &self.bytes[HEADER_BYTES..self.closing.end as usize] }
    }

    /// Reads the first attribute of a type; further ones of the type are to be ignored (RFC 8489 §14).
    ///
    /// ```
    /// use handset::ice::stun::{Message, attribute::Lifetime};
    /// let bytes = *b"\x00\x04\x00\x08\x21\x12\xa4\x42ABCDEFGHIJKL\x00\x0d\x00\x04\x00\x00\x02\x58";
    /// let lifetime: Option<Lifetime> = Message::parse(&bytes)?.get()?;
    /// assert_eq!(lifetime, Some(Lifetime::from_secs(600)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The attribute is there and its value is not legal.
    #[inline]
    pub fn get<A: Attribute<'a>>(&self) -> Result<Option<A>, AttributeError> {
        match self.attributes().find(|raw| raw.kind == A::TYPE) {
            Some(raw) => A::parse(raw.value, &self.transaction_id()).map(Some),
            None => Ok(None),
        }
    }

    /// Reads every attribute of a type, for those that repeat (XOR-PEER-ADDRESS in CreatePermission,
    /// XOR-RELAYED-ADDRESS in an answer for two address families).
    pub fn get_all<A: Attribute<'a>>(&self) -> impl Iterator<Item = Result<A, AttributeError>> + use<'a, A> {
        let id = self.transaction_id();
        self.attributes().filter(|raw| raw.kind == A::TYPE).map(move |raw| A::parse(raw.value, &id))
    }

    /// Whether an attribute of this type is there, with any value.
    pub fn has(&self, kind: AttributeType) -> bool {
        let at = match kind {
            AttributeType::MESSAGE_INTEGRITY => self.closing.integrity,
            AttributeType::MESSAGE_INTEGRITY_SHA256 => self.closing.integrity_sha256,
            AttributeType::FINGERPRINT => self.closing.fingerprint,
            _ => return self.attributes().any(|raw| raw.kind == kind),
        };
        at != 0
    }

    /// The types that must be understood and are not in `understood`: what a 420 answer lists.
    pub fn not_understood<'u>(
        &self,
        understood: &'u [AttributeType],
    ) -> impl Iterator<Item = AttributeType> + use<'a, 'u> {
        self.attributes()
            .map(|raw| raw.kind)
            .filter(|kind| kind.must_be_understood() && !understood.contains(kind))
    }

    #[inline]
    pub(super) fn integrity_at(&self) -> Option<usize> {
        (self.closing.integrity != 0).then_some(self.closing.integrity as usize)
    }

    #[inline]
    pub(super) fn integrity_sha256_at(&self) -> Option<usize> {
        (self.closing.integrity_sha256 != 0).then_some(self.closing.integrity_sha256 as usize)
    }

    #[inline]
    pub(super) fn fingerprint_at(&self) -> Option<usize> {
        (self.closing.fingerprint != 0).then_some(self.closing.fingerprint as usize)
    }
}

impl fmt::Debug for Message<'_> {
    /// Types only: values are addresses and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?} ", self.method(), self.class(), self.transaction_id())?;
        f.debug_list().entries(self.attributes().map(|raw| raw.kind)).finish()
    }
}

impl Closing {
    /// Takes note of a closing attribute, unless one that came before makes it void: after MESSAGE-INTEGRITY-SHA256
    /// a MESSAGE-INTEGRITY is ignored (RFC 8489 §14.6), and so is a second of either.
    fn note(&mut self, kind: AttributeType, at: u32, length: usize, rest: &[u8]) -> Result<(), ParseError> {
        let fits = match kind {
            AttributeType::MESSAGE_INTEGRITY => length == message_integrity::VALUE_BYTES,
            AttributeType::MESSAGE_INTEGRITY_SHA256 => message_integrity_sha256::is_legal_length(length),
            _ => length == fingerprint::VALUE_BYTES,
        };
        if !fits {
            return Err(ParseError::ClosingLength { attribute: kind, found: length });
        }
        let none_before = self.integrity == 0 && self.integrity_sha256 == 0;
        if none_before {
            self.end = at;
        }
        match kind {
            AttributeType::MESSAGE_INTEGRITY if none_before => self.integrity = at,
            AttributeType::MESSAGE_INTEGRITY_SHA256 if self.integrity_sha256 == 0 => {
                self.integrity_sha256 = at
            }
            AttributeType::FINGERPRINT => {
                self.fingerprint = at;
                if let Some(head) = rest.first_chunk::<4>() {
                    let (attribute, _) = split_head(*head);
                    let at = at as usize + 4 + fingerprint::VALUE_BYTES;
                    return Err(ParseError::AfterFingerprint { attribute, at });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[inline]
fn check_header(header: &[u8; HEADER_BYTES], body_bytes: usize) -> Result<(), ParseError> {
    let [first, _, high, low, c0, c1, c2, c3, ..] = *header;
    if first & 0xc0 != 0 {
        return Err(ParseError::NotStun { found: first });
    }
    let cookie = u32::from_be_bytes([c0, c1, c2, c3]);
    if cookie != MAGIC_COOKIE {
        return Err(ParseError::Cookie { found: cookie });
    }
    let length = u16::from_be_bytes([high, low]);
    if length & 3 != 0 {
        return Err(ParseError::Alignment { found: length });
    }
    if usize::from(length) != body_bytes {
        return Err(ParseError::Length { declared: length.into(), found: body_bytes });
    }
    Ok(())
}

#[inline]
fn is_closing(kind: AttributeType) -> bool {
    matches!(
        kind,
        AttributeType::MESSAGE_INTEGRITY
            | AttributeType::MESSAGE_INTEGRITY_SHA256
            | AttributeType::FINGERPRINT
    )
}

#[inline]
fn split_head([t1, t0, l1, l0]: [u8; 4]) -> (AttributeType, usize) {
    (AttributeType::new(u16::from_be_bytes([t1, t0])), u16::from_be_bytes([l1, l0]).into())
}

/// Values are followed by 0 to 3 bytes that count in no length.
#[inline]
pub(super) const fn padded(length: usize) -> usize {
    (length + 3) & !3
}

/// One attribute, its value not looked at.
///
/// RFC 8489 §14: at most 65,535 bytes, and no more than the message has.
///
/// ```
/// use handset::ice::stun::{AttributeType, Message, RawAttribute};
/// let bytes = *b"\x00\x01\x00\x08\x21\x12\xa4\x42ABCDEFGHIJKL\xc0\x57\x00\x03\x01\x02\x03\x00";
/// let raw = Message::parse(&bytes)?.attributes().next();
/// let kind = AttributeType::new(0xc057);
/// assert_eq!(raw, Some(RawAttribute { kind, value: &[1, 2, 3] }));
/// # Ok::<(), handset::ice::stun::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'a> {
    /// Its type.
    pub kind: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
}

/// Iterates over the attributes of a [`Message`].
///
/// In their order, padding left out (RFC 8489 §14). Never fails: the lengths were checked when the message was
/// parsed.
///
/// ```
/// use handset::ice::stun::{AttributeType, Message};
/// let bytes = *b"\x00\x01\x00\x08\x21\x12\xa4\x42ABCDEFGHIJKL\x00\x25\x00\x00\x80\x22\x00\x00";
/// let kinds: Vec<_> = Message::parse(&bytes)?.attributes().map(|raw| raw.kind).collect();
/// assert_eq!(kinds, [AttributeType::USE_CANDIDATE, AttributeType::SOFTWARE]);
/// # Ok::<(), handset::ice::stun::ParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = RawAttribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (head, after) = self.rest.split_first_chunk::<4>()?;
        let (kind, length) = split_head(*head);
        let value = after.get(..length)?;
        self.rest = after.get(padded(length)..).unwrap_or_default();
        Some(RawAttribute { kind, value })
    }
}
