//! Redundant audio data: older frames travelling along in front of the newest one (RFC 2198).
//!
//! A payload is a chain of block headers, then the blocks' bytes in the same order. A header with its first bit
//! set is four bytes long (payload type, how much older it is, its length); the one without is one byte and names
//! the primary, which takes what is left:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |1|   block PT  |  timestamp offset         |   block length    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0|   block PT  |
//! +-+-+-+-+-+-+-+-+
//! ```
//!
//! [`parse`] never panics and allocates nothing.

use std::ops::Range;

use thiserror::Error;

use super::Samples;

/// Most redundant blocks that we read or write: at 2.5 ms frames the 14-bit offset cannot reach further than
/// 136 frames, but no sender gains from more than a handful, and each costs a copy of its bytes.
pub const MAX_REDUNDANT: usize = 8;
/// The offset has 14 bits (RFC 2198, section 3).
pub const MAX_OFFSET: Samples = Samples((1 << 14) - 1);
/// The length has 10 bits (RFC 2198, section 3).
pub const MAX_BLOCK_BYTES: usize = (1 << 10) - 1;

/// Why a payload is not RED that we read.
///
/// RFC 2198 section 3 gives the headers; [`parse`] and [`write`] say when each comes.
///
/// ```
/// use handset::rtp::red::{self, RedError};
/// assert_eq!(red::parse(&[]), Err(RedError::Truncated { at: 0 }));
/// assert_eq!(red::parse(&[0xef, 0, 0, 9, 0x6f]), Err(RedError::TooShort { promised: 9, held: 0 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RedError {
    /// The payload ended inside the block headers.
    #[error("expected a RED block header at byte {at}, found the end of the payload")]
    Truncated {
        /// Where the header should have been.
        at: usize,
    },
    /// The headers promise more bytes than there are.
    #[error("RED headers promise {promised} bytes of redundancy, the payload holds {held}")]
    TooShort {
        /// Sum of the block lengths.
        promised: usize,
        /// Bytes behind the headers.
        held: usize,
    },
    /// More redundant blocks than [`MAX_REDUNDANT`].
    #[error("RED carries more than {MAX_REDUNDANT} redundant blocks")]
    TooManyBlocks,
    /// A block cannot be written: its age or its length does not fit the header.
    #[error("a redundant block of {bytes} bytes, {offset} samples old, does not fit a RED header")]
    DoesNotFit {
        /// Its length.
        bytes: usize,
        /// Its age in samples.
        offset: i64,
    },
}

/// One block of a RED payload, by its place in the payload's bytes.
///
/// The header is `F(1) PT(7) OFFSET(14) LENGTH(10)` for a redundant block, `F(1) PT(7)` for the primary (RFC 2198
/// section 3).
///
/// ```
/// use handset::rtp::{Samples, red};
/// let red = red::parse(b"\xef\x0f\x00\x02\x6fhinow")?;
/// let old = &red.redundant()[0];
/// assert_eq!((old.payload_type, old.offset, old.bytes.clone()), (111, Samples(960), 5..7));
/// # Ok::<(), handset::rtp::red::RedError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedBlock {
    /// Payload type of the block, 7 bits.
    pub payload_type: u8,
    /// How much older than the packet's timestamp it is; zero for the primary.
    pub offset: Samples,
    /// Where its bytes stand in the payload.
    pub bytes: Range<usize>,
}

/// The blocks of one payload, oldest first as they were written, the primary last.
///
/// At most [`MAX_REDUNDANT`] and the primary, in an array: none is allocated.
///
/// ```
/// use handset::rtp::red;
/// let red = red::parse(b"\x6fnow")?;
/// assert!(red.redundant().is_empty());
/// assert_eq!(red.primary().bytes, 1..4);
/// # Ok::<(), handset::rtp::red::RedError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedBlocks {
    blocks: [RedBlock; MAX_REDUNDANT + 1],
    len: usize,
}

impl RedBlocks {
    /// The redundant blocks, in the order in which they stood.
    pub fn redundant(&self) -> &[RedBlock] {
        &self.blocks[..self.len - 1]
    }

    /// The newest block, which the packet's timestamp belongs to.
    pub fn primary(&self) -> &RedBlock {
        &self.blocks[self.len - 1]
    }
}

/// Reads the blocks of `payload`.
///
/// Grammar: RFC 2198 section 3, in the [module](self). Every payload type and offset is read; the caller knows
/// which it agreed to.
///
/// # Errors
/// Headers or blocks that reach beyond the payload, and more than [`MAX_REDUNDANT`] redundant blocks.
///
/// ```
/// use handset::rtp::red;
/// let payload = b"\xef\x0f\x00\x02\x6fhinow";
/// let red = red::parse(payload)?;
/// assert_eq!(&payload[red.primary().bytes.clone()], b"now");
/// assert_eq!(&payload[red.redundant()[0].bytes.clone()], b"hi");
/// # Ok::<(), handset::rtp::red::RedError>(())
/// ```
pub fn parse(payload: &[u8]) -> Result<RedBlocks, RedError> {
    let mut red = RedBlocks::default();
    let mut at = 0;
    let mut promised = 0;
    loop {
        let first = *payload.get(at).ok_or(RedError::Truncated { at })?;
        let block = &mut red.blocks[red.len];
        block.payload_type = first & 0x7f;
        red.len += 1;
        if first & 0x80 == 0 {
            at += 1;
            break;
        }
        if red.len > MAX_REDUNDANT {
            return Err(RedError::TooManyBlocks);
        }
        let Some(&[b1, b2, b3]) = payload.get(at + 1..at + 4) else {
            return Err(RedError::Truncated { at });
        };
        let bits = u32::from_be_bytes([0, b1, b2, b3]);
        block.offset = Samples(i64::from(bits >> 10));
        let bytes = (bits & 0x3ff) as usize;
        block.bytes = promised..promised + bytes;
        promised += bytes;
        at += 4;
    }
    let held = payload.len() - at;
    if promised > held {
        return Err(RedError::TooShort { promised, held });
    }
    let last = red.len - 1;
    for block in &mut red.blocks[..last] {
        block.bytes = block.bytes.start + at..block.bytes.end + at;
    }
    red.blocks[last].bytes = at + promised..payload.len();
    Ok(red)
}

/// Writes a RED payload to the end of `out`: `redundant` as (age, bytes), oldest first, then `primary`.
/// All blocks get the payload type `payload_type`.
///
/// # Errors
/// More than [`MAX_REDUNDANT`] redundant blocks, one older than [`MAX_OFFSET`] or longer than [`MAX_BLOCK_BYTES`]
/// (RFC 2198 section 3: 14 and 10 bits). Nothing is written then.
///
/// ```
/// use handset::rtp::{Samples, red};
/// let mut payload = Vec::new();
/// red::write(111, &[(Samples(960), b"hi")], b"now", &mut payload)?;
/// assert_eq!(payload, b"\xef\x0f\x00\x02\x6fhinow");
/// # Ok::<(), handset::rtp::red::RedError>(())
/// ```
pub fn write(
    payload_type: u8,
    redundant: &[(Samples, &[u8])],
    primary: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), RedError> {
    if redundant.len() > MAX_REDUNDANT {
        return Err(RedError::TooManyBlocks);
    }
    for (offset, bytes) in redundant {
        if !(0..=MAX_OFFSET.0).contains(&offset.0) || bytes.len() > MAX_BLOCK_BYTES {
            return Err(RedError::DoesNotFit { bytes: bytes.len(), offset: offset.0 });
        }
    }
    for (offset, bytes) in redundant {
        let bits = (offset.0 as u32) << 10 | bytes.len() as u32;
        let [_, b1, b2, b3] = bits.to_be_bytes();
        out.extend_from_slice(&[0x80 | payload_type, b1, b2, b3]);
    }
    out.push(payload_type & 0x7f);
    for (_, bytes) in redundant {
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(primary);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut out = Vec::new();
        write(111, &[(Samples(1920), b"older"), (Samples(960), b"old")], b"new", &mut out).unwrap();
        let red = parse(&out).unwrap();
        let read: Vec<_> =
            red.redundant().iter().map(|b| (b.payload_type, b.offset, &out[b.bytes.clone()])).collect();
        assert_eq!(read, [(111, Samples(1920), &b"older"[..]), (111, Samples(960), &b"old"[..])]);
        assert_eq!(&out[red.primary().bytes.clone()], b"new");
    }

    #[test]
    fn a_primary_alone_is_one_byte_of_overhead() {
        let mut out = Vec::new();
        write(111, &[], b"new", &mut out).unwrap();
        assert_eq!(out, b"\x6fnew");
        assert!(parse(&out).unwrap().redundant().is_empty());
    }

    #[test]
    fn headers_that_run_past_the_end_are_refused() {
        assert_eq!(parse(&[]), Err(RedError::Truncated { at: 0 }));
        assert_eq!(parse(&[0xef, 0, 0]), Err(RedError::Truncated { at: 0 }));
        assert_eq!(parse(&[0xef, 0, 0, 9]), Err(RedError::Truncated { at: 4 }));
        assert_eq!(parse(&[0xef, 0, 0, 9, 0x6f, 1]), Err(RedError::TooShort { promised: 9, held: 1 }));
    }

    #[test]
    fn a_chain_longer_than_the_limit_is_refused() {
        let mut payload = [0xef, 0, 0, 0].repeat(MAX_REDUNDANT + 1);
        payload.push(0x6f);
        assert_eq!(parse(&payload), Err(RedError::TooManyBlocks));
    }

    #[test]
    fn a_block_too_old_or_too_long_is_not_written() {
        let mut out = Vec::new();
        assert!(write(111, &[(Samples(1 << 14), b"x")], b"", &mut out).is_err());
        assert!(write(111, &[(Samples(1), &[0; 1024])], b"", &mut out).is_err());
        assert!(out.is_empty());
    }
}
