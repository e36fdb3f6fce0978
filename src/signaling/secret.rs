//! Texts that no log may show: resume tokens, and what the server carries without reading.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::id::hex;

/// Bytes of a resume token: 256 bits from the operating system, beyond any guessing.
pub const TOKEN_BYTES: usize = 32;

/// Proof that a connection may resume a session. 64 hex digits on the wire; compared in constant
/// time; its `Debug` shows nothing of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token([u8; TOKEN_BYTES]);

/// A text that is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("token: expected 64 hex digits, found something else")]
pub struct TokenError;

impl Token {
    /// A token of these random bytes, which come from the operating system's generator.
    pub fn from_random(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Token {
    /// Takes the same time wherever the two differ, so that a token can't be found byte by byte.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl TryFrom<String> for Token {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        let digits = text.as_bytes();
        if digits.len() != 2 * TOKEN_BYTES {
            return Err(TokenError);
        }
        let mut bytes = [0; TOKEN_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(TokenError);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl From<Token> for String {
    fn from(token: Token) -> String {
        hex(&token.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Text that signaling carries without reading it: a session description, a candidate, a
/// credential. It names addresses and keys, so its `Debug` shows only its length.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Opaque(String);

impl Opaque {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself, taken out.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl From<String> for Opaque {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Opaque {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Deref for Opaque {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_round_trips_and_its_debug_shows_nothing() {
        let token = Token::from_random(std::array::from_fn(|i| i as u8));
        let text = String::from(token.clone());
        assert_eq!(text.len(), 64);
        assert_eq!(Token::try_from(text).unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn a_text_that_is_no_token_is_refused() {
        assert!(Token::try_from("ab".repeat(31)).is_err());
        assert!(Token::try_from("zz".repeat(32)).is_err());
        assert!(Token::try_from("é".repeat(32)).is_err());
    }

    #[test]
    fn the_debug_of_an_opaque_text_shows_its_length_only() {
        assert_eq!(format!("{:?}", Opaque::from("a=ice-pwd:secret")), "Opaque(16 bytes)");
    }
}
