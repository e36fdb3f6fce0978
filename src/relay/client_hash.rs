//! A hash of clients that nobody outside can foresee.

use std::fmt;
use std::net::IpAddr;

use super::client::Client;

/// Words of 32 bits that are hashed: four of the address, then port and listener in one; the sixth is always zero.
const WORDS: usize = 6;

/// Bytes of secret that a hash is made with.
pub(super) const SECRET_BYTES: usize = 8 * (WORDS + 1);

/// Pair-multiply-shift (Thorup, "High Speed Hashing for Integers and Strings", section 3.5) over the 5-tuple.
///
/// Whatever two clients somebody makes up, over all secrets their hashes are as two random numbers: nobody who does not
/// know the secret finds addresses that crowd one place of a table. It costs three multiplications, a tenth of what
/// the standard library's hash does.
pub(super) struct ClientHash([u64; WORDS + 1]);

impl ClientHash {
    pub(super) fn new(secret: [u8; SECRET_BYTES]) -> Self {
        let mut keys = [0; WORDS + 1];
        for (key, bytes) in keys.iter_mut().zip(secret.as_chunks().0) {
            *key = u64::from_le_bytes(*bytes);
        }
        Self(keys)
    }

    #[inline]
    pub(super) fn of(&self, client: Client) -> u32 {
        let ip = match client.remote.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let (high, low) = ((ip >> 64) as u64, ip as u64);
        let last = u64::from(client.listener) << 16 | u64::from(client.remote.port());
        let [k0, k1, k2, k3, k4, k5, k6] = self.0;
        let pair = |a: u64, x: u64, b: u64, y: u64| a.wrapping_add(y).wrapping_mul(b.wrapping_add(x));
        let sum = pair(k0, high >> 32, k1, high & 0xffff_ffff)
            .wrapping_add(pair(k2, low >> 32, k3, low & 0xffff_ffff))
            .wrapping_add(pair(k4, last, k5, 0))
            .wrapping_add(k6);
        stirred((sum >> 32) as u32)
    }
}

impl fmt::Debug for ClientHash {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientHash(..)")
    }
}

/// Numbers in a row give sums in a row; this puts them out of it, and no two numbers to one.
#[inline]
fn stirred(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x7feb_352d);
    hash ^ hash >> 15
}
