//! The names of peers and calls.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest peer id in characters: room for `first.last-device`, small enough that a list of ten
/// thousand fits one frame.
pub const MAX_PEER_ID_CHARS: usize = 64;

/// Longest call id in characters: twice what 128 bits in hex need.
pub const MAX_CALL_ID_CHARS: usize = 64;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has no characters.
    #[error("{kind}: expected 1 to {limit} characters, found none")]
    Empty {
        /// What the text should have been.
        kind: &'static str,
        /// How many characters are allowed.
        limit: usize,
    },
    /// The text is too long.
    #[error("{kind}: expected 1 to {limit} characters, found {found}")]
    TooLong {
        /// What the text should have been.
        kind: &'static str,
        /// How many characters are allowed.
        limit: usize,
        /// How many there were.
        found: usize,
    },
    /// The text holds a character that ids don't.
    #[error("{kind}: expected only {allowed}, found {found:?}")]
    BadCharacter {
        /// What the text should have been.
        kind: &'static str,
        /// Which characters are allowed.
        allowed: &'static str,
        /// The first one that isn't.
        found: char,
    },
}

/// Checks length and characters of an id.
fn check(
    kind: &'static str,
    text: &str,
    limit: usize,
    allowed: &'static str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { kind, limit });
    }
    if text.len() > limit {
        return Err(IdError::TooLong { kind, limit, found: text.chars().count() });
    }
    match text.chars().find(|&c| !is_allowed(c)) {
        Some(found) => Err(IdError::BadCharacter { kind, allowed, found }),
        None => Ok(()),
    }
}

/// The name under which a peer is registered: 1 to 64 of `A-Z a-z 0-9 . _ -`, told apart by case.
///
/// Ordered by its bytes; the glare rule rests on that order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerId(String);

impl PeerId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PeerId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for PeerId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        check("peer id", &text, MAX_PEER_ID_CHARS, "A-Z a-z 0-9 . _ -", |c| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
        })?;
        Ok(Self(text))
    }
}

/// The name of one call, made by its caller and never used again: 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(String);

impl CallId {
    /// A new id out of 128 random bits, as 32 hex digits.
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(hex(&bits))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CallId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for CallId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        check("call id", &text, MAX_CALL_ID_CHARS, "A-Z a-z 0-9 _ -", |c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
        })?;
        Ok(Self(text))
    }
}

macro_rules! textual {
    ($($id:ty),*) => {$(
        impl From<$id> for String {
            fn from(id: $id) -> String {
                id.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    )*};
}

textual!(PeerId, CallId);

/// Lower-case hex digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|&byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_of_every_allowed_character_round_trips() {
        let text = "Alice.Smith_2-phone";
        assert_eq!(text.parse::<PeerId>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_wrong_with_an_id_is_said() {
        assert_eq!(
            "".parse::<PeerId>().unwrap_err().to_string(),
            "peer id: expected 1 to 64 characters, found none"
        );
        assert_eq!(
            "x".repeat(65).parse::<CallId>().unwrap_err().to_string(),
            "call id: expected 1 to 64 characters, found 65"
        );
        assert_eq!(
            "al ice".parse::<PeerId>().unwrap_err().to_string(),
            "peer id: expected only A-Z a-z 0-9 . _ -, found ' '"
        );
        assert!("a.b".parse::<CallId>().is_err(), "dots belong to peers only");
        assert!("ål".parse::<PeerId>().is_err());
    }

    #[test]
    fn peer_ids_are_ordered_by_bytes() {
        let [a, b, upper] = ["alice", "bob", "Zoe"].map(|t| t.parse::<PeerId>().unwrap());
        assert!(a < b);
        assert!(upper < a, "upper case sorts before lower case, as bytes do");
    }

    #[test]
    fn a_call_id_from_random_bits_has_32_hex_digits() {
        let id = CallId::from_random([0xa5; 16]);
        assert_eq!(id.as_str(), "a5".repeat(16));
    }
}
