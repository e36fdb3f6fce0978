//! The first two bytes of a message: its class and its method (RFC 8489 §5).

use std::fmt;

/// What a message is within its transaction.
///
/// Two bits of the message type (RFC 8489 §5): 00 request, 01 indication, 10 success, 11 error.
///
/// ```
/// use handset::ice::stun::{Class, Message};
/// let refused = *b"\x01\x11\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
/// assert_eq!(Message::parse(&refused)?.class(), Class::Error);
/// # Ok::<(), handset::ice::stun::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Expects none.
    Indication,
    /// Answers: done.
    Success,
    /// Answers: refused, see ERROR-CODE.
    Error,
}

/// What a message is about: 12 bits.
///
/// RFC 8489 §5 and §18.2 (registry). Every number is read; what is not known is for the caller to refuse.
///
/// ```
/// use handset::ice::stun::Method;
/// assert_eq!(Method::BINDING.get(), 1);
/// assert_eq!(Method::ALLOCATE.to_string(), "Allocate");
/// assert_eq!(Method::new(0xff).to_string(), "method 0x0ff");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Method(u16);

impl Method {
    /// Address discovery and ICE checks (RFC 8489).
    pub const BINDING: Self = Self(0x001);
    /// TURN: make an allocation (RFC 8656).
    pub const ALLOCATE: Self = Self(0x003);
    /// TURN: keep or delete an allocation.
    pub const REFRESH: Self = Self(0x004);
    /// TURN: client to peer, an indication.
    pub const SEND: Self = Self(0x006);
    /// TURN: peer to client, an indication.
    pub const DATA: Self = Self(0x007);
    /// TURN: let a peer's address through.
    pub const CREATE_PERMISSION: Self = Self(0x008);
    /// TURN: give a peer a channel number.
    pub const CHANNEL_BIND: Self = Self(0x009);

    /// Keeps the lower 12 bits.
    pub const fn new(method: u16) -> Self {
        Self(method & 0xfff)
    }

    /// The 12 bits.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Its name in the registry, for the methods that have a constant here.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::BINDING => "Binding",
            Self::ALLOCATE => "Allocate",
            Self::REFRESH => "Refresh",
            Self::SEND => "Send",
            Self::DATA => "Data",
            Self::CREATE_PERMISSION => "CreatePermission",
            Self::CHANNEL_BIND => "ChannelBind",
            _ => return None,
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "method {:#05x}", self.0),
        }
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Class and method as the header interleaves them:
///
/// ```text
///   0                 1
///   2  3  4 5 6 7 8 9 0 1 2 3 4 5
///  +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
///  |M |M |M|M|M|C|M|M|M|C|M|M|M|M|
///  |11|10|9|8|7|1|6|5|4|0|3|2|1|0|
///  +--+--+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MessageType(pub(super) u16);

impl MessageType {
    #[inline]
    pub(super) const fn new(class: Class, method: Method) -> Self {
        let class = match class {
            Class::Request => 0x000,
            Class::Indication => 0x010,
            Class::Success => 0x100,
            Class::Error => 0x110,
        };
        let m = method.0;
        Self((m & 0xf80) << 2 | (m & 0x070) << 1 | (m & 0x00f) | class)
    }

    #[inline]
    pub(super) const fn class(self) -> Class {
        match self.0 & 0x110 {
            0x000 => Class::Request,
            0x010 => Class::Indication,
            0x100 => Class::Success,
            _ => Class::Error,
        }
    }

    #[inline]
    pub(super) const fn method(self) -> Method {
        let t = self.0;
        Method((t >> 2 & 0xf80) | (t >> 1 & 0x070) | (t & 0x00f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_types_have_their_well_known_numbers() {
        for (class, method, number) in [
            (Class::Request, Method::BINDING, 0x0001),
            (Class::Indication, Method::BINDING, 0x0011),
            (Class::Success, Method::BINDING, 0x0101),
            (Class::Error, Method::BINDING, 0x0111),
            (Class::Request, Method::ALLOCATE, 0x0003),
            (Class::Indication, Method::SEND, 0x0016),
            (Class::Indication, Method::DATA, 0x0017),
            (Class::Error, Method::CHANNEL_BIND, 0x0119),
        ] {
            assert_eq!(MessageType::new(class, method).0, number);
        }
    }

    #[test]
    fn all_16384_types_survive_taking_apart_and_putting_together() {
        for number in 0..0x4000 {
            let t = MessageType(number);
            assert_eq!(MessageType::new(t.class(), t.method()), t);
        }
    }
}
