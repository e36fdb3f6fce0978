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

#[cfg(test)]
mod tests {
    use super::*;

    fn client(listener: u16, remote: &str) -> Client {
        Client { listener, remote: remote.parse().unwrap() }
    }

    #[test]
    fn every_part_of_the_five_tuple_counts_and_so_does_the_secret() {
        let hash = ClientHash::new(std::array::from_fn(|at| (at as u8).wrapping_mul(37)));
        let clients = [
            client(0, "8.0.0.1:4000"),
            client(1, "8.0.0.1:4000"),
            client(0, "8.0.0.1:4001"),
            client(0, "8.0.0.2:4000"),
            client(0, "[2600::1]:4000"),
            client(0, "[2600::2]:4000"),
            client(0, "[2600:0:0:1::1]:4000"),
            client(0, "[2601::1]:4000"),
        ];
        let mut hashes = clients.map(|client| hash.of(client)).to_vec();
        let other = ClientHash::new(std::array::from_fn(|at| (at as u8).wrapping_mul(41)));
        hashes.extend(clients.map(|client| other.of(client)));
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 2 * clients.len());
        assert!(!format!("{hash:?}").contains(char::is_numeric));
    }

    #[test]
    fn stirring_puts_no_two_numbers_to_one() {
        // Each step can be undone: a shift by half and more of the word, a multiplication by an odd number.
        let undone = |hash: u32| {
            let hash = hash ^ hash >> 15 ^ hash >> 30;
            let hash = hash.wrapping_mul(0x1d69_e2a5);
            hash ^ hash >> 16
        };
        for number in (0..=u32::MAX).step_by(65_537) {
            assert_eq!(undone(stirred(number)), number);
        }
    }
}
