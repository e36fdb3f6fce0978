//! RFC 2198 both ways.

use crate::rtp::red::{self as format, MAX_BLOCK_BYTES, MAX_OFFSET, MAX_REDUNDANT, RedBlock, RedError};
use crate::rtp::{Samples, short_red};

/// Any bytes as a RED payload: what is read lies in the payload, one block behind the other to its very end, and
/// writes to the same bytes where all its blocks are of one type. With short headers they travel as they are, and as
/// short headers they are read or refused.
pub fn red(data: &[u8]) {
    travel(data);
    arrive(data);
    let blocks = match format::parse(data) {
        Ok(blocks) => blocks,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let primary = blocks.primary();
    assert!(blocks.redundant().len() <= MAX_REDUNDANT);
    assert!(primary.offset.is_empty(), "the primary is what the timestamp says");
    let heads = 4 * blocks.redundant().len() + 1;
    let mut end = heads;
    for block in blocks.redundant().iter().chain([primary]) {
        assert_eq!(block.bytes.start, end, "blocks neither overlap nor leave anything out");
        assert!(block.payload_type < 128);
        end = block.bytes.end;
    }
    assert_eq!(end, data.len(), "the primary takes what is left");
    rewrite(data, blocks.redundant(), primary);
}

/// Made short and whole again, any bytes are what they were.
fn travel(data: &[u8]) {
    let payload_type = data.first().map_or(111, |first| first & 0x7f);
    let (mut short, mut whole) = (b"before".to_vec(), b"before".to_vec());
    short_red::shorten(data, payload_type, &mut short);
    assert!(short.len() <= b"before".len() + data.len() + 1, "a byte more at the most");
    short_red::lengthen(&short[b"before".len()..], payload_type, &mut whole).expect("what we write, we read");
    assert_eq!(whole, [b"before", data].concat());
}

/// What claims to be short is made whole, and is then as long as its blocks, or it is refused without a trace.
fn arrive(data: &[u8]) {
    let mut whole = b"before".to_vec();
    match short_red::lengthen(data, 111, &mut whole) {
        Ok(()) if data[0] == 0 => assert_eq!(whole[6..], data[1..]),
        Ok(()) => {
            let blocks = format::parse(&whole[6..]).expect("what we make whole, we read");
            assert!((1..=MAX_REDUNDANT).contains(&blocks.redundant().len()));
            assert_eq!(whole.len() - 6, data.len() + 2 * blocks.redundant().len() + 1);
        }
        Err(error) => assert_eq!(whole, b"before", "{error}: and nothing was written"),
    }
}

fn rewrite(data: &[u8], redundant: &[RedBlock], primary: &RedBlock) {
    if redundant.iter().any(|block| block.payload_type != primary.payload_type) {
        return;
    }
    let older: Vec<(Samples, &[u8])> =
        redundant.iter().map(|block| (block.offset, &data[block.bytes.clone()])).collect();
    let mut out = Vec::new();
    format::write(primary.payload_type, &older, &data[primary.bytes.clone()], &mut out)
        .expect("what was read fits");
    assert_eq!(out, data, "a round trip changes nothing");
}

/// Any blocks asked of the writer: what it takes reads back as the same blocks, and what it refuses leaves no trace.
pub fn red_write(data: &[u8]) {
    let Some((&[payload_type, count], mut rest)) = data.split_first_chunk() else { return };
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length.min(rest.len()));
        rest = left;
        taken
    };
    let mut redundant = Vec::new();
    for _ in 0..usize::from(count) % (MAX_REDUNDANT + 2) {
        let Some(&[a, b, c, d]) = take(4).first_chunk() else { break };
        // One offset and one length in sixteen are beyond what fits.
        let offset =
            i64::from(i16::from_be_bytes([a, b])) & 0x43ff | if a & 0xf0 == 0xf0 { -0x8000 } else { 0 };
        let bytes = take(usize::from(u16::from_be_bytes([c, d]) & 0x43f));
        redundant.push((Samples(offset), bytes));
    }
    let primary = rest;
    let mut out = b"before".to_vec();
    match format::write(payload_type, &redundant, primary, &mut out) {
        Ok(()) => read_back(payload_type, &redundant, primary, &out[6..]),
        Err(error) => {
            assert_eq!(out, b"before", "{error}: and nothing was written");
            assert!(is_justified(&error, &redundant), "{error}");
        }
    }
}

fn is_justified(error: &RedError, redundant: &[(Samples, &[u8])]) -> bool {
    match error {
        RedError::TooManyBlocks => redundant.len() > MAX_REDUNDANT,
        RedError::DoesNotFit { .. } => redundant.iter().any(|(offset, bytes)| {
            !(Samples::ZERO..=MAX_OFFSET).contains(offset) || bytes.len() > MAX_BLOCK_BYTES
        }),
        RedError::Truncated { .. } | RedError::TooShort { .. } => false,
    }
}

fn read_back(payload_type: u8, redundant: &[(Samples, &[u8])], primary: &[u8], written: &[u8]) {
    let blocks = format::parse(written).expect("what we write, we read");
    let bytes = |block: &RedBlock| &written[block.bytes.clone()];
    assert_eq!(blocks.redundant().len(), redundant.len());
    for (block, (offset, meant)) in blocks.redundant().iter().zip(redundant) {
        assert_eq!((block.payload_type, block.offset, bytes(block)), (payload_type & 0x7f, *offset, *meant));
    }
    assert_eq!(bytes(blocks.primary()), primary);
}
