//! Who may have allocations: users with passwords, and short-lived credentials made from a shared secret.

use std::collections::HashMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Users with a password of their own. They are written by hand, so more are a mistake.
const MAX_USERS: usize = 10_000;

/// Secrets in use at once: the one that credentials are made with, and older ones until what was made with them expires.
const MAX_SECRETS: usize = 4;

/// A name and password for a TURN server, as WebRTC's `RTCIceServer` takes them. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `EXPIRY:NAME`, the expiry in seconds of Unix time.
    pub username: String,
    /// Base64 of HMAC-SHA1 of the username.
    pub password: String,
}

impl Credential {
    /// Makes a short-lived credential by the REST scheme (draft-uberti-behave-turn-rest): any server that has the
    /// secret, such as coturn with `use-auth-secret`, accepts it until it expires.
    ///
    /// ```
    /// use handset::relay::Credential;
    /// let made = Credential::mint(b"north", "alice", 1_763_719_200);
    /// assert_eq!(made.username, "1763719200:alice");
    /// assert_eq!(made.password.len(), 28);
    /// ```
    pub fn mint(secret: &[u8], name: &str, expires_unix_s: u64) -> Self {
        let username = format!("{expires_unix_s}:{name}");
        let password = rest_password(secret, &username);
        Self { username, password }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// Everybody who may have allocations. `Debug` shows nobody.
#[derive(Clone, Default)]
pub struct Logins {
    users: HashMap<String, String>,
    secrets: Vec<Vec<u8>>,
}

impl Logins {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user with a password; at most 10,000.
    pub fn add_user(&mut self, name: &str, password: &str) {
        if self.users.len() < MAX_USERS {
            self.users.insert(name.to_owned(), password.to_owned());
        }
    }

    /// Accepts credentials minted with this secret. Of more than four the oldest is forgotten.
    pub fn add_secret(&mut self, secret: &[u8]) {
        if self.secrets.len() == MAX_SECRETS {
            self.secrets.remove(0);
        }
        self.secrets.push(secret.to_vec());
    }

    /// The passwords that a name may have now: its own, or what each secret makes of it while it has not expired.
    pub(super) fn passwords(&self, username: &str, now_unix_s: u64) -> impl Iterator<Item = String> + '_ {
        let own = self.users.get(username).cloned();
        let minted = match (&own, expiry(username)) {
            (None, Some(expires_s)) if expires_s > now_unix_s => &self.secrets[..],
            _ => &[],
        };
        let username = username.to_owned();
        own.into_iter().chain(minted.iter().rev().map(move |secret| rest_password(secret, &username)))
    }

    /// Whose quota a name counts against: minted names differ with every expiry.
    pub(super) fn owner(username: &str) -> &str {
        match username.split_once(':') {
            Some((expires_s, name)) if !name.is_empty() && is_number(expires_s) => name,
            _ => username,
        }
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logins({} users, {} secrets)", self.users.len(), self.secrets.len())
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `EXPIRY:NAME` or `EXPIRY`.
fn expiry(username: &str) -> Option<u64> {
    let number = username.split(':').next()?;
    if is_number(number) { number.parse().ok() } else { None }
}

fn rest_password(secret: &[u8], username: &str) -> String {
    match Hmac::<Sha1>::new_from_slice(secret) {
        Ok(mut hmac) => {
            hmac.update(username.as_bytes());
            base64(&hmac.finalize().into_bytes())
        }
        // HMAC takes keys of every length.
        Err(_) => String::new(),
    }
}

/// RFC 4648 §4, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let code = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(code) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_values_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn minted_credentials_are_accepted_until_they_expire() {
        let mut logins = Logins::new();
        logins.add_secret(b"old");
        logins.add_secret(b"north");
        let made = Credential::mint(b"north", "alice", 1000);
        let accepts =
            |now_s| logins.passwords(&made.username, now_s).any(|password| password == made.password);
        assert!(accepts(0) && accepts(999));
        assert!(!accepts(1000) && !accepts(u64::MAX));
        let older = Credential::mint(b"old", "alice", 1000);
        assert!(logins.passwords(&older.username, 0).any(|password| password == older.password));
        assert_eq!(logins.passwords("alice", 0).count(), 0, "no expiry, no entry");
    }

    #[test]
    fn a_users_password_is_not_replaced_by_a_minted_one() {
        let mut logins = Logins::new();
        logins.add_secret(b"north");
        logins.add_user("2000000000:alice", "own");
        let passwords: Vec<_> = logins.passwords("2000000000:alice", 0).collect();
        assert_eq!(passwords, ["own"]);
    }

    #[test]
    fn minted_names_of_one_user_share_a_quota() {
        assert_eq!(Logins::owner("1000:alice"), Logins::owner("2000:alice"));
        for name in ["alice", "a:b", ":", "1000:", "1000", ""] {
            assert_eq!(Logins::owner(name), name);
        }
    }

    #[test]
    fn secrets_are_forgotten_in_order() {
        let mut logins = Logins::new();
        (0..9_u8).for_each(|n| logins.add_secret(&[n]));
        assert_eq!(logins.secrets, [[5], [6], [7], [8]]);
        assert!(!format!("{logins:?}").contains('5'));
    }
}
