//! The user fragment and password of an ICE session.

use std::fmt;

/// Fewest and most characters of a user fragment (RFC 8839 §5.4).
const UFRAG_CHARS: std::ops::RangeInclusive<usize> = 4..=256;

/// Fewest and most characters of a password (RFC 8839 §5.4).
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 22..=256;

/// Why a user fragment or password was refused.
///
/// RFC 8839 §5.4: fragment and password of 4 and 22 to 256 ice-chars.
///
/// ```
/// use handset::ice::{Credentials, CredentialsError};
/// let short = Credentials::new("abc", "0123456789012345678901").unwrap_err();
/// assert_eq!(short.to_string(), "ICE ufrag of 3 characters, expected 4 to 256");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Wrong length.
    #[error("ICE {name} of {chars} characters, expected {} to {}", bounds.0, bounds.1)]
    Length {
        /// `ufrag` or `password`.
        name: &'static str,
        /// How many there are.
        chars: usize,
        /// Fewest and most allowed.
        bounds: (usize, usize),
    },
    /// A character that is neither letter nor digit nor one of `+/-_=#`.
    #[error("ICE {name}: expected letters, digits and +/-_=#, found byte {byte:#04x}")]
    Character {
        /// `ufrag` or `password`.
        name: &'static str,
        /// The first offending byte.
        byte: u8,
    },
}

/// A user fragment and password: what the two sides of an ICE session prove to each other (RFC 8445 §5.3,
/// RFC 8839 §5.4).
///
/// `Debug` shows neither.
///
/// Grammar: `ice-ufrag = 4*256ice-char`, `ice-pwd = 22*256ice-char`, `ice-char = ALPHA / DIGIT / "+" / "/"`.
///
/// ```
/// use handset::ice::Credentials;
/// let theirs = Credentials::new("7VqL", "VOkJxbRl1RmTxUk/WvJxBt")?;
/// assert_eq!(theirs.ufrag(), "7VqL");
/// assert_eq!(format!("{theirs:?}"), "Credentials(..)");
/// # Ok::<(), handset::ice::CredentialsError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    ufrag: String,
    password: String,
}

impl Credentials {
    /// Random bytes that [`from_random`](Self::from_random) takes.
    pub const RANDOM_BYTES: usize = 24;

    /// Makes credentials out of bytes from the operating system's generator: 8 characters of fragment (48 bits,
    /// RFC asks for 24) and 24 of password (144 bits, RFC asks for 128).
    ///
    /// ```
    /// use handset::ice::Credentials;
    /// let made = Credentials::from_random([0x5a; Credentials::RANDOM_BYTES]);
    /// assert_eq!((made.ufrag().len(), made.password().len()), (8, 24));
    /// assert!(Credentials::new(made.ufrag(), made.password()).is_ok());
    /// ```
    pub fn from_random(bytes: [u8; Self::RANDOM_BYTES]) -> Self {
        let text: String = bytes.chunks_exact(3).flat_map(ice_chars).collect();
        let (ufrag, password) = text.split_at(8);
        Self { ufrag: ufrag.to_owned(), password: password.to_owned() }
    }

    /// Credentials as they were signalled.
    ///
    /// Beside ice-chars (letters, digits, `+`, `/`) it takes `-`, `_`, `=` and `#`, which deployed agents use.
    ///
    /// # Errors
    /// A fragment outside 4 to 256 or a password outside 22 to 256 characters; any other character.
    pub fn new(ufrag: &str, password: &str) -> Result<Self, CredentialsError> {
        check("ufrag", ufrag, UFRAG_CHARS)?;
        check("password", password, PASSWORD_CHARS)?;
        Ok(Self { ufrag: ufrag.to_owned(), password: password.to_owned() })
    }

    /// The user fragment, `a=ice-ufrag`.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// The password, `a=ice-pwd`.
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

fn check(
    name: &'static str,
    text: &str,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<(), CredentialsError> {
    let chars = text.len();
    if !allowed.contains(&chars) {
        return Err(CredentialsError::Length { name, chars, bounds: (*allowed.start(), *allowed.end()) });
    }
    match text.bytes().find(|b| !(b.is_ascii_alphanumeric() || b"+/-_=#".contains(b))) {
        Some(byte) => Err(CredentialsError::Character { name, byte }),
        None => Ok(()),
    }
}

/// Three bytes as four ice-chars.
fn ice_chars(bytes: &[u8]) -> [char; 4] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 63) as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "asd88fgpdd777uzjYhagZg";

    #[test]
    fn different_bytes_make_different_credentials() {
        let mut bytes = [0; Credentials::RANDOM_BYTES];
        let first = Credentials::from_random(bytes);
        bytes[23] = 1;
        let second = Credentials::from_random(bytes);
        assert_eq!(first.ufrag(), second.ufrag());
        assert_ne!(first.password(), second.password());
        assert_eq!(Credentials::from_random([0xff; 24]).ufrag(), "////////");
    }

    #[test]
    fn lengths_follow_rfc_8839() {
        assert!(Credentials::new("8hhY", PASSWORD).is_ok());
        assert!(Credentials::new(&"a".repeat(256), &"b".repeat(256)).is_ok());
        for (ufrag, password) in
            [("abc", PASSWORD), ("abcd", "short"), (&"a".repeat(257), PASSWORD), ("abcd", &"b".repeat(257))]
        {
            assert!(matches!(Credentials::new(ufrag, password), Err(CredentialsError::Length { .. })));
        }
    }

    #[test]
    fn other_characters_are_refused() {
        assert!(Credentials::new("a-_=#", PASSWORD).is_ok());
        for bad in ["ab:d", "ab d", "ab\nd", "ab\u{e9}d", "ab\"d"] {
            assert!(
                matches!(Credentials::new(bad, PASSWORD), Err(CredentialsError::Character { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let made = Credentials::new("8hhY", PASSWORD).unwrap();
        assert!(!format!("{made:?}").contains("8hhY"));
    }
}
