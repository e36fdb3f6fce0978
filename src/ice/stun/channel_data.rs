//! ChannelData: relayed data behind four bytes instead of a STUN message (RFC 8656 §12.4).

use std::fmt;

use super::message::padded;

/// Bytes in front of the data.
pub(super) const HEADER_BYTES: usize = 4;

/// The number of a channel: 0x4000 to 0x4fff (RFC 8656 §12).
///
/// ```
/// use handset::ice::stun::ChannelNumber;
/// assert_eq!(ChannelNumber::new(0x4000), Some(ChannelNumber::FIRST));
/// assert_eq!(ChannelNumber::new(0x5000), None);
/// assert_eq!(ChannelNumber::FIRST.next().map(ChannelNumber::get), Some(0x4001));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The lowest number.
    pub const FIRST: Self = Self(0x4000);
    /// The highest number.
    pub const LAST: Self = Self(0x4fff);

    /// `None` outside 0x4000 to 0x4fff.
    #[inline]
    pub const fn new(number: u16) -> Option<Self> {
        if number >= Self::FIRST.0 && number <= Self::LAST.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The one above, while there is one.
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }
}

impl fmt::Debug for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

impl fmt::Display for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why bytes are no ChannelData.
///
/// RFC 8656 §12.4 and §12.5 give the form; §12 the numbers.
///
/// ```
/// use handset::ice::stun::{ChannelData, ChannelDataError};
/// assert_eq!(ChannelData::parse(b"\x40"), Err(ChannelDataError::TooShort { found: 1 }));
/// assert_eq!(ChannelData::parse(b"\x50\0\0\0"), Err(ChannelDataError::Channel { found: 0x5000 }));
/// let lies = ChannelData::parse(b"\x40\0\0\x09hi");
/// assert_eq!(lies, Err(ChannelDataError::Length { declared: 9, found: 2 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelDataError {
    /// Shorter than the header.
    #[error("ChannelData of {found} bytes, expected at least 4")]
    TooShort {
        /// Bytes there are.
        found: usize,
    },
    /// Not a channel's number.
    #[error("channel {found:#06x}, expected 0x4000 to 0x4fff")]
    Channel {
        /// The number.
        found: u16,
    },
    /// The length field names more bytes than there are, or fewer than there are without padding.
    #[error("ChannelData declares {declared} bytes, {found} follow its header")]
    Length {
        /// The length field.
        declared: usize,
        /// Bytes that follow.
        found: usize,
    },
}

/// One ChannelData message.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Channel Number        |            Length             |
/// /                       Application Data                        /
/// ```
///
/// RFC 8656 §12.4; over a stream padded to four bytes (§12.5). At most 65,535 bytes of data, which may be none.
///
/// ```
/// use handset::ice::stun::{ChannelData, ChannelNumber};
/// let data = ChannelData::parse(b"\x40\x00\x00\x02hi")?;
/// assert_eq!(data, ChannelData { channel: ChannelNumber::FIRST, data: b"hi" });
/// let mut stream = [0xff; 8];
/// assert_eq!(data.write_to_stream(&mut stream), Some(8));
/// assert_eq!(&stream, b"\x40\x00\x00\x02hi\0\0");
/// # Ok::<(), handset::ice::stun::ChannelDataError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub channel: ChannelNumber,
    /// What is relayed over it: at most 65,535 bytes.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Whether the first byte is a channel's (RFC 7983: 64 to 79).
    #[inline]
    pub fn is_likely(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|first| first & 0xf0 == 0x40)
    }

    /// Reads a datagram, or one frame of a stream. Up to three bytes of padding may follow the data.
    ///
    /// # Errors
    /// Not a channel's number, or a length that lies.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ChannelDataError> {
        let Some(([n1, n0, l1, l0], rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(ChannelDataError::TooShort { found: bytes.len() });
        };
        let number = u16::from_be_bytes([*n1, *n0]);
        let declared = usize::from(u16::from_be_bytes([*l1, *l0]));
        let Some(channel) = ChannelNumber::new(number) else {
            return Err(ChannelDataError::Channel { found: number });
        };
        match rest.get(..declared) {
            Some(data) if rest.len() <= padded(declared) => Ok(Self { channel, data }),
            _ => Err(ChannelDataError::Length { declared, found: rest.len() }),
        }
    }

    /// The four bytes to put in front of data that already lies in its datagram.
    #[inline]
    pub fn header(channel: ChannelNumber, data_bytes: u16) -> [u8; HEADER_BYTES] {
        (u32::from(channel.0) << 16 | u32::from(data_bytes)).to_be_bytes()
    }

    /// Bytes of padding that follow data in a stream (RFC 8656 §12.5: to a multiple of four).
    pub const fn stream_padding(data_bytes: usize) -> usize {
        padded(data_bytes) - data_bytes
    }

    /// Writes a datagram and says its length; `None` when `out` is too small or the data longer than 65,535 bytes.
    pub fn write_to_datagram(&self, out: &mut [u8]) -> Option<usize> {
        let bytes = u16::try_from(self.data.len()).ok()?;
        let end = HEADER_BYTES + self.data.len();
        let (header, data) = out.get_mut(..end)?.split_at_mut(HEADER_BYTES);
        header.copy_from_slice(&Self::header(self.channel, bytes));
        data.copy_from_slice(self.data);
        Some(end)
    }

    /// Writes one frame of a stream, padded, and says its length; `None` as for a datagram.
    pub fn write_to_stream(&self, out: &mut [u8]) -> Option<usize> {
        let end = HEADER_BYTES + padded(self.data.len());
        let frame = out.get_mut(..end)?;
        let unpadded = self.write_to_datagram(frame)?;
        frame[unpadded..].fill(0);
        Some(end)
    }
}

impl fmt::Debug for ChannelData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelData({}, {} bytes)", self.channel, self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_outside_their_range_are_refused() {
        for number in [0x0000_u16, 0x3fff, 0x5000, 0x7fff, 0xffff] {
            let mut bytes = [0; 4];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            assert_eq!(ChannelData::parse(&bytes), Err(ChannelDataError::Channel { found: number }));
        }
        assert_eq!(ChannelNumber::LAST.next(), None);
    }

    #[test]
    fn lying_lengths_are_refused() {
        let length = |declared, found| Err(ChannelDataError::Length { declared, found });
        assert_eq!(ChannelData::parse(b"\x40\x00\x00\x03hi"), length(3, 2));
        assert_eq!(ChannelData::parse(b"\x40\x00\xff\xff"), length(65_535, 0));
        assert_eq!(ChannelData::parse(b"\x40\x00\x00\x01hi\0\0\0"), length(1, 5));
        assert_eq!(ChannelData::parse(b"\x40\x00\x00\x00\0"), length(0, 1));
        assert_eq!(ChannelData::parse(b"\x40\x00\x00"), Err(ChannelDataError::TooShort { found: 3 }));
    }

    #[test]
    fn padding_may_or_may_not_follow() {
        for bytes in [&b"\x40\x01\x00\x01x"[..], b"\x40\x01\x00\x01x\0", b"\x40\x01\x00\x01x\0\0\0"] {
            assert_eq!(ChannelData::parse(bytes).map(|frame| frame.data), Ok(&b"x"[..]));
        }
        assert_eq!(ChannelData::parse(b"\x40\x01\x00\x00").map(|frame| frame.data), Ok(&b""[..]));
    }

    #[test]
    fn too_small_a_buffer_is_not_written_beyond() {
        let frame = ChannelData { channel: ChannelNumber::FIRST, data: b"12345" };
        assert_eq!(frame.write_to_datagram(&mut [0; 8]), None);
        assert_eq!(frame.write_to_datagram(&mut [0; 9]), Some(9));
        assert_eq!(frame.write_to_stream(&mut [0; 11]), None);
        assert_eq!(frame.write_to_stream(&mut [0; 12]), Some(12));
        let huge = ChannelData { channel: ChannelNumber::FIRST, data: &vec![0; 65_536] };
        assert_eq!(huge.write_to_datagram(&mut vec![0; 70_000]), None);
    }
}
