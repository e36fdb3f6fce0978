//! Nonces that are computed instead of stored.
//!
//! A nonce is the time it was made and a keyed hash of that time and the client's address. Whoever repeats it proves
//! that packets reach it at that address; the server keeps nothing, however many ask.

use std::net::IpAddr;

use super::client::Client;
use crate::ice::stun::Key;

/// Time in hex, hash in hex.
pub(super) const NONCE_BYTES: usize = 8 + 16;

/// How many seconds a nonce may seem to come from the future: clocks do not, but the start of a second is cut off.
const FUTURE_S: u32 = 2;

#[derive(Debug, Clone)]
pub(super) struct Nonces {
    key: Key,
    lifetime_s: u32,
}

/// What a nonce in a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// Too old, made for somebody else, or made up: a new one makes it good.
    Stale,
}

impl Nonces {
    pub(super) fn new(secret: [u8; 32], lifetime_s: u32) -> Self {
        Self { key: Key::from_bytes(&secret), lifetime_s }
    }

    /// The nonce for a client at a time in seconds.
    pub(super) fn make(&self, client: Client, now_s: u32) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        let (time, hash) = nonce.split_at_mut(8);
        put_hex(&now_s.to_be_bytes(), time);
        put_hex(&self.hash(client, now_s), hash);
        nonce
    }

    pub(super) fn judge(&self, nonce: &str, client: Client, now_s: u32) -> Standing {
        use subtle::ConstantTimeEq;
        let bytes = nonce.as_bytes();
        let made_s = bytes.get(..8).and_then(|hex| std::str::from_utf8(hex).ok());
        let Some(made_s) = made_s.and_then(|hex| u32::from_str_radix(hex, 16).ok()) else {
            return Standing::Stale;
        };
        let age_s = now_s.wrapping_add(FUTURE_S).wrapping_sub(made_s);
        let fresh = age_s <= self.lifetime_s.saturating_add(FUTURE_S);
        let genuine: bool = self.make(client, made_s).as_slice().ct_eq(bytes).into();
        if fresh && genuine { Standing::Good } else { Standing::Stale }
    }

    fn hash(&self, client: Client, made_s: u32) -> [u8; 8] {
        let mut label = [0; 4 + 2 + 16 + 2];
        label[..4].copy_from_slice(&made_s.to_be_bytes());
        label[4..6].copy_from_slice(&client.listener.to_be_bytes());
        let ip = match client.remote.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        label[6..22].copy_from_slice(&ip.octets());
        label[22..].copy_from_slice(&client.remote.port().to_be_bytes());
        let derived = self.key.derive(&label);
        let mut hash = [0; 8];
        hash.copy_from_slice(&derived[..8]);
        hash
    }
}

fn put_hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(port: u16) -> Client {
        Client { listener: 0, remote: ([192, 0, 2, 1], port).into() }
    }

    #[test]
    fn a_nonce_is_good_for_its_client_and_its_time() {
        let nonces = Nonces::new([1; 32], 600);
        let nonce = nonces.make(client(1), 1000);
        let nonce = std::str::from_utf8(&nonce).unwrap();
        let at = |now_s| nonces.judge(nonce, client(1), now_s);
        assert_eq!([at(1000), at(1300), at(1600)], [Standing::Good; 3]);
        assert_eq!([at(1601), at(900), at(0), at(u32::MAX)], [Standing::Stale; 4]);
        assert_eq!(nonces.judge(nonce, client(2), 1000), Standing::Stale, "another port");
        assert_eq!(
            Nonces::new([2; 32], 600).judge(nonce, client(1), 1000),
            Standing::Stale,
            "another server"
        );
    }

    #[test]
    fn made_up_nonces_are_stale() {
        let nonces = Nonces::new([1; 32], 600);
        for nonce in [
            "",
            "000003e8",
            "000003e80000000000000000",
            "zzzzzzzz0000000000000000",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(nonces.judge(nonce, client(1), 1000), Standing::Stale, "{nonce}");
        }
        let good = nonces.make(client(1), 1000);
        let upper = String::from_utf8_lossy(&good).to_uppercase();
        if upper.as_bytes() != good {
            assert_eq!(nonces.judge(&upper, client(1), 1000), Standing::Stale);
        }
    }
}
