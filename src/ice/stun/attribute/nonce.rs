//! NONCE (RFC 8489 §14.10): what a server makes up so that old messages cannot be sent again.

use super::{Attribute, AttributeError, AttributeType, text};
use crate::ice::stun::TransactionId;

/// RFC 8489 §14.10: fewer than 128 characters, up to 763 bytes.
const MAX_BYTES: usize = 763;

/// A server's nonce: at most 763 bytes. One that starts with the nonce cookie says which security features the
/// server has (RFC 8489 §9.2), which stops an attacker from removing PASSWORD-ALGORITHMS from the answer.
///
/// NONCE, type 0x0015 (RFC 8489 §14.10): text, without the quotes that HTTP would have around it. Refused: more
/// than 763 bytes, text that is not UTF-8.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Nonce};
/// let mut buffer = [0; 128];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into())?;
/// writer.push(&Nonce::new("f//499k954d6OL34oL9FSTvy64sA")?)?;
/// let found: Option<Nonce> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.map(|found| found.as_str()), Some("f//499k954d6OL34oL9FSTvy64sA"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce<'a>(&'a str);

impl<'a> Nonce<'a> {
    /// # Errors
    /// More than 763 bytes.
    pub fn new(text: &'a str) -> Result<Self, AttributeError> {
        super::text(text.as_bytes(), Self::TYPE, MAX_BYTES, EXPECTED).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// What the nonce cookie announces; `None` without the cookie.
    ///
    /// ```
    /// use handset::ice::stun::attribute::{Nonce, SecurityFeatures};
    /// let features = Nonce::new("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA").unwrap().features();
    /// assert_eq!(features, Some(SecurityFeatures { password_algorithms: false, userhash: true }));
    /// assert_eq!(Nonce::new("f//499k954d6OL34oL9FSTvy64sA").unwrap().features(), None);
    /// ```
    pub fn features(&self) -> Option<SecurityFeatures> {
        let coded = self.0.as_bytes().strip_prefix(COOKIE)?.first_chunk::<4>()?;
        let bits = coded.iter().try_fold(0_u32, |bits, byte| Some(bits << 6 | sextet(*byte)?))?;
        Some(SecurityFeatures {
            password_algorithms: bits & PASSWORD_ALGORITHMS_BIT != 0,
            userhash: bits & USERHASH_BIT != 0,
        })
    }
}

const EXPECTED: &str = "at most 763";

/// What a nonce with security features starts with (RFC 8489 §9.2).
const COOKIE: &[u8; 9] = b"obMatJos2";
/// Bit 0 of the 24 is the rightmost: RFC 8489 §18.1 as its erratum 6290 mends it, and as its appendix B.1 has it.
const PASSWORD_ALGORITHMS_BIT: u32 = 1;
/// Bit 1 of the 24.
const USERHASH_BIT: u32 = 1 << 1;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a server announces in its nonces (RFC 8489 §18.1).
///
/// Grammar (RFC 8489 §9.2): a nonce that starts with `obMatJos2` and four characters of base64, which are 24 bits;
/// the two that are registered are read, the others left out. A nonce without that start announces nothing.
///
/// ```
/// use handset::ice::stun::attribute::{Nonce, SecurityFeatures};
/// let features = SecurityFeatures { password_algorithms: true, userhash: false };
/// let nonce = String::from_utf8(features.cookie().to_vec())? + "f00d";
/// assert_eq!(Nonce::new(&nonce)?.features(), Some(features));
/// assert_eq!(Nonce::new("f00d")?.features(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityFeatures {
    /// It sends PASSWORD-ALGORITHMS: an answer without them was tampered with.
    pub password_algorithms: bool,
    /// It takes USERHASH in place of USERNAME.
    pub userhash: bool,
}

impl SecurityFeatures {
    /// The 13 bytes that a nonce must start with to announce this.
    pub fn cookie(self) -> [u8; 13] {
        let mut bits = 0;
        if self.password_algorithms {
            bits |= PASSWORD_ALGORITHMS_BIT;
        }
        if self.userhash {
            bits |= USERHASH_BIT;
        }
        let mut cookie = [0; 13];
        cookie[..9].copy_from_slice(COOKIE);
        for (byte, shift) in cookie[9..].iter_mut().zip([18, 12, 6, 0]) {
            *byte = BASE64[(bits >> shift & 63) as usize];
        }
        cookie
    }
}

fn sextet(byte: u8) -> Option<u32> {
    BASE64.iter().position(|code| *code == byte).map(|at| at as u32)
}

impl<'a> Attribute<'a> for Nonce<'a> {
    const TYPE: AttributeType = AttributeType::NONCE;

    #[inline]
    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        text(value, Self::TYPE, MAX_BYTES, EXPECTED).map(Self)
    }

    #[inline]
    fn value_bytes(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn write(&self, value: &mut [u8], _: &TransactionId) {
        value.copy_from_slice(self.0.as_bytes());
    }
}

impl std::fmt::Debug for Nonce<'_> {
    /// Its length only: what it says may identify somebody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Nonce({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<Nonce<'_>, AttributeError> {
        Nonce::parse(value, &[0; 12].into())
    }

    #[test]
    fn the_longest_is_accepted_and_a_byte_more_is_not() {
        let text = "a".repeat(MAX_BYTES + 1);
        assert!(parse(&text.as_bytes()[1..]).is_ok());
        let refused = Err(AttributeError::Length {
            attribute: AttributeType::NONCE,
            expected: EXPECTED,
            found: MAX_BYTES + 1,
        });
        assert_eq!(parse(text.as_bytes()), refused);
        assert_eq!(Nonce::new(&text), refused);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let refused = AttributeError::Text { attribute: AttributeType::NONCE, valid: 2 };
        assert_eq!(parse(b"ok\xff"), Err(refused));
    }

    #[test]
    fn features_are_written_as_they_are_read() {
        for (password_algorithms, userhash) in [(false, false), (false, true), (true, false), (true, true)] {
            let features = SecurityFeatures { password_algorithms, userhash };
            let cookie = features.cookie();
            let nonce = [&cookie[..], b"rest"].concat();
            assert_eq!(parse(&nonce).unwrap().features(), Some(features));
        }
    }

    #[test]
    fn a_cookie_cut_short_or_ill_coded_announces_nothing() {
        for nonce in ["obMatJos2", "obMatJos2AAA", "obMatJos2AA=Ax", "ObMatJos2AAAC", ""] {
            assert_eq!(Nonce::new(nonce).unwrap().features(), None, "{nonce}");
        }
    }
}
