//! RED with headers of two bytes a copy, in place of four and one for the primary (RFC 2198 section 3): at a hundred packets
//! a second, three bytes are 2.4 kbit/s.
//!
//! Between two of us who both said so ([`SHORT_HEADERS`](crate::sdp::SHORT_HEADERS)) RED travels like this, and is made
//! whole again as it arrives. All blocks are of the one payload type that was agreed for Opus, and Opus' frames begin on a
//! grid of 2.5 ms:
//!
//! ```text
//!  0                   1
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |F|   age (7)   |  length (8)   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! F says that another header follows; the age is in steps of 2.5 ms, at least one. Behind the headers come the blocks, then
//! the primary. F and no age say that a block of [parity](super::parity) follows, alone. What does not fit (nothing redundant, an age off the grid or beyond 317.5 ms, a block beyond 255 bytes,
//! other payload types) travels whole behind a byte of zeros.

use super::red::{self, MAX_REDUNDANT, RedBlocks, RedError};
use super::{Samples, parity};

/// The shortest frame of Opus at 48 kHz.
const STEP: i64 = 120;
/// Most steps that the age has room for.
const MAX_STEPS: i64 = 0x7f;
/// In front of what travels whole.
const WHOLE: u8 = 0;
/// Another header follows.
const MORE: u8 = 0x80;
/// Parity follows behind its length: more, of no age.
const PARITY: u8 = MORE;

/// How RED's headers travel.
///
/// ```
/// use handset::rtp::RedHeader;
/// assert_eq!([0, 1, 2].map(|copies| RedHeader::Whole.bytes(copies)), [0, 5, 9]);
/// assert_eq!([0, 1, 2].map(|copies| RedHeader::Short.bytes(copies)), [0, 2, 4]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedHeader {
    /// By RFC 2198 section 3.
    #[default]
    Whole,
    /// [Shortened](shorten).
    Short,
}

impl RedHeader {
    /// Bytes that RED adds to a packet with so many copies, beside the copies themselves; none without a copy, for that is
    /// sent as plain Opus.
    pub const fn bytes(self, copies: u8) -> usize {
        match (self, copies as usize) {
            (_, 0) => 0,
            (RedHeader::Whole, copies) => 1 + 4 * copies,
            (RedHeader::Short, copies) => 2 * copies,
        }
    }

    /// Bytes that a packet with [parity](super::parity) carries beside that and the frame.
    pub const fn parity_bytes(self) -> usize {
        parity::HEAD_BYTES
            + match self {
                RedHeader::Whole => 1 + 4,
                RedHeader::Short => 2,
            }
    }
}

/// Writes `payload`, which is RED around `payload_type`, to the end of `out` as it travels between two of us.
///
/// ```
/// use handset::rtp::{Samples, red, short_red};
/// let (mut whole, mut short, mut again) = (Vec::new(), Vec::new(), Vec::new());
/// red::write(111, &[(Samples(480), b"hi")], b"now", &mut whole)?;
/// short_red::shorten(&whole, 111, &mut short);
/// assert_eq!(short, b"\x04\x02hinow");
/// short_red::lengthen(&short, 111, &mut again)?;
/// assert_eq!(again, whole);
/// # Ok::<(), handset::rtp::red::RedError>(())
/// ```
pub fn shorten(payload: &[u8], payload_type: u8, out: &mut Vec<u8>) {
    let blocks = red::parse(payload).ok();
    if let Some((blocks, block)) = blocks.as_ref().and_then(|blocks| Some((blocks, blocks.parity()?)))
        && let Ok(bytes) = u8::try_from(block.bytes.len())
        && blocks.primary().payload_type == payload_type & 0x7f
    {
        out.extend([PARITY, bytes]);
        return out.extend_from_slice(&payload[block.bytes.start..]);
    }
    let Some(blocks) = blocks.filter(|blocks| fits(blocks, payload_type)) else {
        out.push(WHOLE);
        return out.extend_from_slice(payload);
    };
    let redundant = blocks.redundant();
    for (n, block) in redundant.iter().enumerate() {
        let more = if n + 1 < redundant.len() { MORE } else { 0 };
        out.extend([more | (block.offset.0 / STEP) as u8, block.bytes.len() as u8]);
    }
    let data = redundant.first().unwrap_or(blocks.primary()).bytes.start;
    out.extend_from_slice(&payload[data..]);
}

fn fits(blocks: &RedBlocks, payload_type: u8) -> bool {
    let is_ours = |of: u8| of == payload_type & 0x7f;
    !blocks.redundant().is_empty()
        && is_ours(blocks.primary().payload_type)
        && blocks.redundant().iter().all(|block| {
            let Samples(age) = block.offset;
            is_ours(block.payload_type)
                && age % STEP == 0
                && (1..=MAX_STEPS).contains(&(age / STEP))
                && u8::try_from(block.bytes.len()).is_ok()
        })
}

/// Writes what [`shorten`] made of a payload to the end of `out` as it was.
///
/// # Errors
/// Headers or blocks that reach beyond the payload, and more than [`MAX_REDUNDANT`] blocks. Nothing is written then. What
/// travelled whole is not looked at.
pub fn lengthen(short: &[u8], payload_type: u8, out: &mut Vec<u8>) -> Result<(), RedError> {
    if let Some((&WHOLE, whole)) = short.split_first() {
        out.extend_from_slice(whole);
        return Ok(());
    }
    if let &[PARITY, bytes, ref data @ ..] = short {
        let promised = usize::from(bytes);
        if promised > data.len() {
            return Err(RedError::TooShort { promised, held: data.len() });
        }
        parity::write_red_header(payload_type, promised, out);
        out.extend_from_slice(data);
        return Ok(());
    }
    let (heads, count, mut data) = headers(short)?;
    let promised = heads[..count].iter().map(|(_, bytes)| bytes).sum();
    if promised > data.len() {
        return Err(RedError::TooShort { promised, held: data.len() });
    }
    let mut redundant = [(Samples::ZERO, &[][..]); MAX_REDUNDANT];
    for (block, (age, bytes)) in redundant.iter_mut().zip(&heads[..count]) {
        let (taken, rest) = data.split_at(*bytes);
        (*block, data) = ((*age, taken), rest);
    }
    red::write(payload_type, &redundant[..count], data, out)
}

/// Ages and lengths, how many there are, and what lies behind them.
type Headers<'a> = ([(Samples, usize); MAX_REDUNDANT], usize, &'a [u8]);

fn headers(short: &[u8]) -> Result<Headers<'_>, RedError> {
    let mut heads = [(Samples::ZERO, 0); MAX_REDUNDANT];
    for (n, head) in heads.iter_mut().enumerate() {
        let at = 2 * n;
        let Some(&[first, bytes]) = short.get(at..at + 2) else { return Err(RedError::Truncated { at }) };
        *head = (Samples(i64::from(first & !MORE) * STEP), usize::from(bytes));
        if first & MORE == 0 {
            return Ok((heads, n + 1, &short[at + 2..]));
        }
    }
    Err(RedError::TooManyBlocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(payload_type: u8, redundant: &[(Samples, &[u8])], primary: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        red::write(payload_type, redundant, primary, &mut out).unwrap();
        out
    }

    fn shortened(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        shorten(payload, 111, &mut out);
        out
    }

    fn lengthened(short: &[u8]) -> Result<Vec<u8>, RedError> {
        let mut out = Vec::new();
        lengthen(short, 111, &mut out).map(|()| out)
    }

    #[test]
    fn two_bytes_a_copy_make_the_whole_headers_again() {
        let long = [7; 255];
        let copies: [&[(Samples, &[u8])]; 4] = [
            &[(Samples(480), b"old")],
            &[(Samples(120), b"")],
            &[(Samples(127 * 120), &long)],
            &[(Samples(960), b"older"), (Samples(480), b"old")],
        ];
        for redundant in copies {
            let whole = whole(111, redundant, b"new");
            let short = shortened(&whole);
            let saved =
                RedHeader::Whole.bytes(redundant.len() as u8) - RedHeader::Short.bytes(redundant.len() as u8);
            assert_eq!(short.len() + saved, whole.len());
            assert_eq!(lengthened(&short).unwrap(), whole);
        }
    }

    #[test]
    fn parity_travels_behind_two_bytes() {
        for len in [2, 40, 255] {
            let mut whole = Vec::new();
            parity::write_red_header(111, len, &mut whole);
            whole.extend((0..len).map(|at| at as u8).chain(*b"new"));
            let short = shortened(&whole);
            assert_eq!(short[..4], [0x80, len as u8, 0, 1]);
            assert_eq!(short.len(), len + "new".len() + RedHeader::Short.parity_bytes() - parity::HEAD_BYTES);
            assert_eq!(whole.len(), len + "new".len() + RedHeader::Whole.parity_bytes() - parity::HEAD_BYTES);
            assert_eq!(lengthened(&short).unwrap(), whole);
            let promised = RedError::TooShort { promised: len, held: 1 };
            assert_eq!(lengthened(&short[..3]), Err(promised));
        }
        assert_eq!(lengthened(&[0x80]), Err(RedError::Truncated { at: 0 }));
    }

    #[test]
    fn what_does_not_fit_travels_whole_behind_a_byte_of_zeros() {
        let long = [7; 256];
        for whole in [
            whole(111, &[], b"new"),
            whole(111, &[(Samples(0), b"old")], b"new"),
            whole(111, &[(Samples(481), b"old")], b"new"),
            whole(111, &[(Samples(128 * 120), b"old")], b"new"),
            whole(111, &[(Samples(480), &long)], b"new"),
            whole(96, &[(Samples(480), b"old")], b"new"),
            b"\xef\x0f\x00\x02\x60hinow".to_vec(),
            b"\xef".to_vec(),
            Vec::new(),
        ] {
            let short = shortened(&whole);
            assert_eq!(short, [&[0], &whole[..]].concat());
            assert_eq!(lengthened(&short).unwrap(), whole);
        }
    }

    #[test]
    fn headers_that_run_past_the_end_are_refused() {
        assert_eq!(lengthened(&[]), Err(RedError::Truncated { at: 0 }));
        assert_eq!(lengthened(&[4]), Err(RedError::Truncated { at: 0 }));
        assert_eq!(lengthened(&[0x84, 1, 4]), Err(RedError::Truncated { at: 2 }));
        assert_eq!(lengthened(&[4, 2, 1]), Err(RedError::TooShort { promised: 2, held: 1 }));
        assert_eq!(lengthened(&[0x84, 0].repeat(MAX_REDUNDANT + 1)), Err(RedError::TooManyBlocks));
    }
}
