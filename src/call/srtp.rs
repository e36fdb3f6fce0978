//! SRTP packets without what voice can do without: at a hundred packets a second a byte is 800 bit/s, and 64 kbit/s leave
//! 25 for the voice.
//!
//! str0m writes the four bytes that begin a header extension (RFC 8285 section 4.1) into every packet, whether an element
//! follows or not. [`shorten`] takes them out of a packet that is already encrypted. The header is authenticated as it
//! leaves, so the ciphers here authenticate what [`shorten`] will make of it; what arrives is checked as it came.
//!
//! Of tags str0m knows those of 80 bits. Where both sides agreed on 32 ([`with_short_tags`]), the other six bytes are
//! zeros: [`shorten`] takes them from what leaves, [`lengthened`] puts them behind what arrives. RTCP keeps its 80 bits
//! (RFC 3711 section 5.2).

use std::borrow::Cow;
use std::cell::Cell;

use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, Sha1HmacProvider,
    SrtpProvider, SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

/// Bytes of an RTP header before its contributing sources (RFC 3550 section 5.1).
const FIXED_BYTES: usize = 12;
/// Bytes that begin an extension: its profile and its length.
const EXTENSION_BYTES: usize = 4;
/// The longest header without an extension.
const LONGEST: usize = FIXED_BYTES + 15 * 4;
/// In the first byte: an extension follows.
const HAS_EXTENSION: u8 = 0x10;

/// Bytes of a tag as str0m writes and reads it, and of a short one (RFC 5764 section 4.1.2:
/// SRTP_AES128_CM_HMAC_SHA1_80 and _32).
const TAG_BYTES: usize = 10;
const SHORT_TAG_BYTES: usize = 4;

/// Takes an extension without elements out of the header of an RTP packet, and what a short tag does not have out of its
/// tag. Anything else stays as it is.
pub(super) fn shorten(datagram: &mut Vec<u8>, has_short_tag: bool) {
    if let Some(at) = empty_extension(datagram) {
        datagram[0] &= !HAS_EXTENSION;
        datagram.drain(at..at + EXTENSION_BYTES);
    }
    if has_short_tag && is_rtp(datagram) {
        datagram.truncate(datagram.len().saturating_sub(TAG_BYTES - SHORT_TAG_BYTES));
    }
}

/// What arrived, as str0m takes it.
pub(super) fn lengthened(datagram: &[u8], has_short_tag: bool) -> Cow<'_, [u8]> {
    if has_short_tag && is_rtp(datagram) {
        return Cow::Owned([datagram, &[0; TAG_BYTES - SHORT_TAG_BYTES]].concat());
    }
    Cow::Borrowed(datagram)
}

/// RFC 7983 section 7 and RFC 5761 section 4: RTP, and not RTCP.
fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..192, second, ..] if !(192..224).contains(second))
}

/// Where the extension of an RTP packet stands, if nothing is in it.
fn empty_extension(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let at = FIXED_BYTES + usize::from(first & 0x0f) * 4;
    let extension = packet.get(at..at + EXTENSION_BYTES)?;
    (is_rtp(packet) && first & HAS_EXTENSION != 0 && extension[2..] == [0, 0]).then_some(at)
}

/// `header` as [`shorten`] will leave it, in `room`.
fn stripped<'a>(header: &'a [u8], room: &'a mut [u8; LONGEST]) -> &'a [u8] {
    match empty_extension(header) {
        // An extension is the last of a header.
        Some(at) if at + EXTENSION_BYTES == header.len() => {
            room[..at].copy_from_slice(&header[..at]);
            room[0] &= !HAS_EXTENSION;
            &room[..at]
        }
        _ => header,
    }
}

/// str0m's ciphers, on headers as they leave.
#[derive(Debug)]
pub(super) struct Ciphers;

fn engine() -> &'static dyn SrtpProvider {
    str0m_aws_lc_rs::default_provider().srtp_provider
}

impl SrtpProvider for Ciphers {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Ciphers
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Ciphers
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Ciphers
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        engine().srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        engine().srtp_aes_256_ecb_round(key, input, output);
    }
}

/// A cipher of one profile.
#[derive(Debug)]
struct Cipher<C: ?Sized>(Box<C>);

impl SupportedAeadAes128Gcm for Ciphers {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Cipher(engine().aead_aes_128_gcm().create_cipher(key, encrypt)))
    }
}

impl AeadAes128GcmCipher for Cipher<dyn AeadAes128GcmCipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.encrypt(iv, stripped(aad, &mut [0; LONGEST]), input, out)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.0.decrypt(iv, aads, input, out)
    }
}

impl SupportedAeadAes256Gcm for Ciphers {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Cipher(engine().aead_aes_256_gcm().create_cipher(key, encrypt)))
    }
}

impl AeadAes256GcmCipher for Cipher<dyn AeadAes256GcmCipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.encrypt(iv, stripped(aad, &mut [0; LONGEST]), input, out)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.0.decrypt(iv, aads, input, out)
    }
}

impl SupportedAes128CmSha1_80 for Ciphers {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(Cipher(engine().aes_128_cm_sha1_80().create_cipher(key, encrypt)))
    }
}

thread_local! {
    /// Whether a packet was encrypted and is not authenticated yet. str0m does the one right after the other, and the
    /// other way round with what arrives: this tells the two authentications apart.
    static ENCRYPTED: Cell<bool> = const { Cell::new(false) };

    /// Whether the call that is being worked on has short tags: str0m asks for authentication without saying whose.
    static SHORT_TAGS: Cell<bool> = const { Cell::new(false) };
}

/// Has str0m do `work` of a call with or without short tags.
pub(super) fn with_short_tags<T>(has_short_tags: bool, work: impl FnOnce() -> T) -> T {
    let before = SHORT_TAGS.replace(has_short_tags);
    let done = work();
    SHORT_TAGS.set(before);
    done
}

impl Aes128CmSha1_80Cipher for Cipher<dyn Aes128CmSha1_80Cipher> {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        ENCRYPTED.set(true);
        self.0.encrypt(iv, input, out)
    }

    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt(iv, input, out)
    }
}

/// str0m's HMAC-SHA1, of packets as they leave.
#[derive(Debug)]
pub(super) struct Authentication;

impl Sha1HmacProvider for Authentication {
    fn sha1_hmac(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
        let engine = str0m_aws_lc_rs::default_provider().sha1_hmac_provider;
        let is_outgoing = ENCRYPTED.take();
        // An RTP packet comes with the roll-over counter behind it (RFC 3711 section 4.2).
        let [packet, rollover] = parts else { return engine.sha1_hmac(key, parts) };
        let mut tag = match empty_extension(packet).filter(|_| is_outgoing) {
            Some(at) => {
                let mut room = [0; LONGEST];
                let (header, rest) = packet.split_at(at + EXTENSION_BYTES);
                engine.sha1_hmac(key, &[stripped(header, &mut room), rest, rollover])
            }
            None => engine.sha1_hmac(key, parts),
        };
        if SHORT_TAGS.get() && is_rtp(packet) {
            tag[SHORT_TAG_BYTES..].fill(0);
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: [u8; 16] = [0x90, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 0];

    #[test]
    fn only_an_extension_without_elements_goes() {
        let mut packet = [&BARE[..], b"voice"].concat();
        shorten(&mut packet, false);
        assert_eq!(packet, [&[0x80][..], &BARE[1..12], b"voice"].concat());
        let mut again = packet.clone();
        shorten(&mut again, false);
        assert_eq!(again, packet, "there is none left");

        let mut full = BARE;
        full[15] = 1;
        let mut rtcp = BARE;
        rtcp[1] = 200;
        for kept in [&full[..], &rtcp, &BARE[..15], &BARE[..1], &[], &[0x9f; 20]] {
            let mut packet = kept.to_vec();
            shorten(&mut packet, false);
            assert_eq!(packet, kept);
        }
    }

    #[test]
    fn what_is_authenticated_is_what_leaves() {
        let (mut sealed, mut expected) = ([0; 21], [0; 21]);
        let mut ours = Ciphers.aead_aes_256_gcm().create_cipher([7; 32], true);
        ours.encrypt(&[1; 12], &BARE, b"voice", &mut sealed).unwrap();
        let mut theirs = engine().aead_aes_256_gcm().create_cipher([7; 32], true);
        let left = [&[0x80][..], &BARE[1..12]].concat();
        theirs.encrypt(&[1; 12], &left, b"voice", &mut expected).unwrap();
        assert_eq!(sealed, expected);

        let hmac = str0m_aws_lc_rs::default_provider().sha1_hmac_provider;
        let whole = [&BARE[..], b"voice"].concat();
        let mut cipher = Ciphers.aes_128_cm_sha1_80().create_cipher([7; 16], true);
        cipher.encrypt(&[1; 16], b"voice", &mut [0; 32]).unwrap();
        let out = Authentication.sha1_hmac(b"key", &[&whole, &[0; 4]]);
        assert_eq!(out, hmac.sha1_hmac(b"key", &[&left, b"voice", &[0; 4]]), "on its way out");
        let arrived = Authentication.sha1_hmac(b"key", &[&whole, &[0; 4]]);
        assert_eq!(arrived, hmac.sha1_hmac(b"key", &[&whole, &[0; 4]]), "what arrives stays as it came");
    }

    #[test]
    fn of_a_short_tag_four_bytes_travel() {
        let packet = [&[0x80][..], &BARE[1..12], b"voice"].concat();
        let whole = Authentication.sha1_hmac(b"key", &[&packet, &[0; 4]]);
        let short = with_short_tags(true, || Authentication.sha1_hmac(b"key", &[&packet, &[0; 4]]));
        assert_eq!(short[..4], whole[..4]);
        assert_eq!(short[4..10], [0; 6]);

        let sealed = [&packet[..], &short[..10]].concat();
        let mut sent = sealed.clone();
        shorten(&mut sent, true);
        assert_eq!(sent, [&packet[..], &short[..4]].concat());
        assert_eq!(lengthened(&sent, true), sealed);
        assert_eq!(lengthened(&sent, false), sent, "where tags are whole, so is the packet");
    }

    #[test]
    fn only_rtp_has_short_tags() {
        let rtcp = [0x80, 200, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4];
        let whole = Authentication.sha1_hmac(b"key", &[&rtcp]);
        assert_eq!(with_short_tags(true, || Authentication.sha1_hmac(b"key", &[&rtcp])), whole);
        for other in [&rtcp[..], &[22; 40], &[0; 40], &[0x80], &[]] {
            assert_eq!(lengthened(other, true), other);
            let mut sent = other.to_vec();
            shorten(&mut sent, true);
            assert_eq!(sent, other);
        }
    }
}
