//! HMAC (RFC 2104) over cached key states, straight on the compression functions.
//!
//! A connectivity check is signed and checked with the same password thousands of times. Keeping the two states
//! that come of the padded key spares two of the five compressions of a typical message, and calling the
//! compression function on the caller's bytes spares the copying through a streaming hasher.

use std::marker::PhantomData;

const BLOCK_BYTES: usize = 64;
/// The bit that ends the message, and the 64-bit length.
const PADDING_BYTES: usize = 9;

/// A hash function of the Merkle-Damgard kind with 64-byte blocks and big-endian words.
pub(super) trait BlockHash<const WORDS: usize> {
    const INITIAL: [u32; WORDS];
    fn compress(state: &mut [u32; WORDS], blocks: &[[u8; BLOCK_BYTES]]);
}

#[derive(Clone)]
pub(super) enum Sha1 {}

impl BlockHash<5> for Sha1 {
    /// FIPS 180-4 §5.3.1.
    const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

    #[inline]
    fn compress(state: &mut [u32; 5], blocks: &[[u8; BLOCK_BYTES]]) {
        sha1::block_api::compress(state, blocks);
    }
}

#[derive(Clone)]
pub(super) enum Sha256 {}

impl BlockHash<8> for Sha256 {
    /// FIPS 180-4 §5.3.3.
    const INITIAL: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    #[inline]
    fn compress(state: &mut [u32; 8], blocks: &[[u8; BLOCK_BYTES]]) {
        sha2::block_api::compress256(state, blocks);
    }
}

/// HMAC-SHA1 under one key.
pub(super) type HmacSha1 = Hmac<Sha1, 5>;
/// HMAC-SHA256 under one key.
pub(super) type HmacSha256 = Hmac<Sha256, 8>;

/// The states of the inner and the outer hash after the padded key.
#[derive(Clone)]
pub(super) struct Hmac<H, const WORDS: usize> {
    inner: [u32; WORDS],
    outer: [u32; WORDS],
    hash: PhantomData<H>,
}

impl<H: BlockHash<WORDS>, const WORDS: usize> Hmac<H, WORDS> {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut block = [0_u8; BLOCK_BYTES];
        if key.len() <= BLOCK_BYTES {
            block[..key.len()].copy_from_slice(key);
        } else {
            let words = finish::<H, WORDS>(H::INITIAL, 0, &[], key);
            put_words(&words, &mut block);
        }
        let state = |pad: u8| {
            let mut state = H::INITIAL;
            H::compress(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        Self { inner: state(0x36), outer: state(0x5c), hash: PhantomData }
    }

    /// The tag of `head` followed by `body`, as words. `head` is at most one block.
    #[inline]
    pub(super) fn tag(&self, head: &[u8], body: &[u8]) -> [u32; WORDS] {
        let inner = finish::<H, WORDS>(self.inner, BLOCK_BYTES, head, body);
        let mut block = [0_u8; BLOCK_BYTES];
        put_words(&inner, &mut block);
        let message_bytes = BLOCK_BYTES + 4 * WORDS;
        block[4 * WORDS] = 0x80;
        block[BLOCK_BYTES - 8..].copy_from_slice(&(8 * message_bytes as u64).to_be_bytes());
        let mut outer = self.outer;
        H::compress(&mut outer, &[block]);
        outer
    }
}

/// Hashes `head` (at most a block) and `body` on top of `state`, which has taken in `before` bytes.
#[inline]
fn finish<H: BlockHash<WORDS>, const WORDS: usize>(
    mut state: [u32; WORDS],
    before: usize,
    head: &[u8],
    body: &[u8],
) -> [u32; WORDS] {
    debug_assert!(head.len() <= BLOCK_BYTES, "a head is at most one block");
    let mut block = [0_u8; BLOCK_BYTES];
    block[..head.len()].copy_from_slice(head);
    let (first, rest) = body.split_at(body.len().min(BLOCK_BYTES - head.len()));
    let mut filled = head.len() + first.len();
    block[head.len()..filled].copy_from_slice(first);
    if filled == BLOCK_BYTES {
        H::compress(&mut state, &[block]);
        let (blocks, last) = rest.as_chunks::<BLOCK_BYTES>();
        if !blocks.is_empty() {
            H::compress(&mut state, blocks);
        }
        block = [0; BLOCK_BYTES];
        block[..last.len()].copy_from_slice(last);
        filled = last.len();
    }
    block[filled] = 0x80;
    if filled > BLOCK_BYTES - PADDING_BYTES {
        H::compress(&mut state, &[block]);
        block = [0; BLOCK_BYTES];
    }
    let bits = 8 * (before + head.len() + body.len()) as u64;
    block[BLOCK_BYTES - 8..].copy_from_slice(&bits.to_be_bytes());
    H::compress(&mut state, &[block]);
    state
}

/// Writes words big-endian to the front of `out`.
#[inline]
pub(super) fn put_words(words: &[u32], out: &mut [u8]) {
    for (bytes, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
}

/// Compares words with big-endian bytes, taking the same time wherever they differ.
#[inline]
pub(super) fn words_match<const WORDS: usize>(words: &[u32; WORDS], bytes: &[u8]) -> bool {
    use subtle::ConstantTimeEq;
    let mut found = [0_u32; WORDS];
    for (word, bytes) in found.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    bytes.len() == 4 * WORDS && bool::from(words.as_slice().ct_eq(&found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{KeyInit, Mac};
    use proptest::prelude::*;

    fn hex(words: &[u32]) -> String {
        words.iter().map(|word| format!("{word:08x}")).collect()
    }

    #[test]
    fn rfc_2202_vectors_hold() {
        for (key, data, tag) in [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b617318655057264e28bc0b6fb378c8ef146be00"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (vec![0xaa; 20], vec![0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (
                vec![0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ] {
            assert_eq!(hex(&HmacSha1::new(&key).tag(&[], &data)), tag);
        }
    }

    #[test]
    fn rfc_4231_vectors_hold() {
        for (key, data, tag) in [
            (
                vec![0x0b; 20],
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            assert_eq!(hex(&HmacSha256::new(&key).tag(&[], &data)), tag);
        }
    }

    #[test]
    fn a_tag_matches_its_bytes_and_no_others() {
        let words = [0x0102_0304, 0x0506_0708];
        assert!(words_match(&words, &[1, 2, 3, 4, 5, 6, 7, 8]));
        assert!(!words_match(&words, &[1, 2, 3, 4, 5, 6, 7, 9]));
        assert!(!words_match(&words, &[1, 2, 3, 4]));
        assert!(!words_match(&words, &[1, 2, 3, 4, 5, 6, 7, 8, 9]));
    }

    proptest! {
        #[test]
        fn every_length_agrees_with_the_streaming_implementation(
            key in prop::collection::vec(any::<u8>(), 0..150),
            message in prop::collection::vec(any::<u8>(), 0..300),
            head in 0_usize..=64,
        ) {
            let (head, body) = message.split_at(head.min(message.len()));
            let mut sha1 = hmac::Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
            sha1.update(&message);
            let tag = sha1.finalize().into_bytes();
            prop_assert!(words_match(&HmacSha1::new(&key).tag(head, body), &tag));
            let mut sha256 = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
            sha256.update(&message);
            let tag = sha256.finalize().into_bytes();
            prop_assert!(words_match(&HmacSha256::new(&key).tag(head, body), &tag));
        }
    }
}
