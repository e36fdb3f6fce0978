//! Numbers of one byte to ten (LEB128), signed ones by zigzag.

/// Most bytes of a number.
const MAX_BYTES: usize = 10;

/// Writes `value`.
pub(super) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a signed value.
pub(super) fn put_signed(value: i64, out: &mut Vec<u8>) {
    put(((value << 1) ^ (value >> 63)) as u64, out);
}

/// Bytes that are read from the front.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Bytes that stand at `at` of their file.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { bytes, at }
    }

    /// Where in the file the next byte stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        self.at += length;
        Some(taken)
    }

    /// A number; `None` when the bytes end first, or when it has more bits than 64.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for index in 0..MAX_BYTES {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number that fits 32 bits.
    pub(super) fn number32(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put(value, &mut out);
            put_signed(value as i64, &mut out);
            let mut reader = Reader::new(&out, 5);
            assert_eq!(reader.number(), Some(value));
            assert_eq!(reader.signed(), Some(value as i64));
            assert!(reader.is_empty());
            assert_eq!(reader.at(), 5 + out.len());
        }
    }

    #[test]
    fn a_number_cut_off_or_too_long_is_none() {
        assert_eq!(Reader::new(&[0x80, 0x80], 0).number(), None);
        assert_eq!(Reader::new(&[0xff; 11], 0).number(), None);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], 0).number(), None);
    }
}
