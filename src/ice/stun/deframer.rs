//! Frames out of a TCP or TLS stream: STUN messages and ChannelData, one after the other (RFC 8656 §3.4, §12.5).

use super::channel_data::{ChannelData, ChannelDataError, HEADER_BYTES as CHANNEL_HEADER_BYTES};
use super::message::{HEADER_BYTES, MAGIC_COOKIE, padded};

/// One frame of a stream.
///
/// RFC 8656 §3.4 and §12.5: which of the two it is, its first two bits say.
///
/// ```
/// use handset::ice::stun::{Deframer, Frame, Message};
/// let mut deframer = Deframer::new(100);
/// deframer.push(b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL");
/// let Some(Frame::Message(bytes)) = deframer.next_frame()? else { panic!("a message") };
/// assert!(Message::parse(bytes).is_ok());
/// # Ok::<(), handset::ice::stun::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The bytes of one STUN message, for [`Message::parse`](super::Message::parse): framing goes on even if it
    /// refuses them.
    Message(&'a [u8]),
    /// Data of a channel.
    ChannelData(ChannelData<'a>),
}

/// Why a stream cannot be read on: close it.
///
/// A stream has no other mark of where frames start (RFC 8656 §3.4): behind a frame that lies everything is noise.
///
/// ```
/// use handset::ice::stun::{Deframer, FrameError};
/// let mut deframer = Deframer::new(100);
/// deframer.push(b"SSH-2.0-OpenSSH_9.6\r\n");
/// assert_eq!(deframer.next_frame(), Err(FrameError::Unknown { found: b'S' }));
/// let mut deframer = Deframer::new(100);
/// deframer.push(b"\x40\x00\xff\xff");
/// assert_eq!(deframer.next_frame(), Err(FrameError::TooLong { declared: 65_540, limit: 100 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A byte that starts neither STUN nor ChannelData.
    #[error("frame starts with {found:#04x}, expected STUN (0x00 to 0x3f) or ChannelData (0x40 to 0x4f)")]
    Unknown {
        /// The byte.
        found: u8,
    },
    /// STUN without its cookie.
    #[error("STUN frame with cookie {found:#010x}, expected 0x2112a442")]
    Cookie {
        /// What stands in its place.
        found: u32,
    },
    /// A frame longer than was agreed to.
    #[error("frame of {declared} bytes, expected at most {limit}")]
    TooLong {
        /// Length of the frame.
        declared: usize,
        /// The limit that the deframer was made with.
        limit: usize,
    },
}

/// Cuts a byte stream into frames, however it was split or joined on the way.
///
/// Call order: read into [`space`](Self::space) and say how much with [`filled`](Self::filled), then
/// [`next_frame`](Self::next_frame) until it gives `None`, and again. The buffer is made once, as large as the
/// largest frame; a frame is handed out where it lies.
///
/// RFC 8656 §3.4: STUN by its length field, ChannelData by its own, padded to four bytes (§12.5). Takes time
/// proportional to the bytes; holds one frame at most, of a limit between 20 and 65,552 bytes.
///
/// ```
/// use handset::ice::stun::{Deframer, Frame};
/// let mut deframer = Deframer::new(2048);
/// let received = *b"\x40\x00\x00\x02hi\0\0\x40\x01\x00\x01";
/// deframer.space()[..received.len()].copy_from_slice(&received);
/// deframer.filled(received.len());
/// assert!(matches!(deframer.next_frame()?, Some(Frame::ChannelData(frame)) if frame.data == b"hi"));
/// assert!(deframer.next_frame()?.is_none());
/// # Ok::<(), handset::ice::stun::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Deframer {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Deframer {
    /// The longest frame there can be: a STUN message of 20 + 65,532 bytes; ChannelData is 4 + 65,536 at most.
    pub const MAX_FRAME_BYTES: usize = HEADER_BYTES + 65_532;

    /// The least limit that makes sense: a STUN header.
    const MIN_FRAME_BYTES: usize = HEADER_BYTES;

    /// Accepts frames of up to `limit_bytes`, which it keeps between 20 and
    /// [`MAX_FRAME_BYTES`](Self::MAX_FRAME_BYTES), and allocates that much.
    pub fn new(limit_bytes: usize) -> Self {
        let limit = limit_bytes.clamp(Self::MIN_FRAME_BYTES, Self::MAX_FRAME_BYTES);
        Self { buffer: vec![0; limit].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Where to read to; never empty after `next_frame` gave `None`.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// So many bytes were read to the front of [`space`](Self::space); more than it has count as all of it.
    pub fn filled(&mut self, bytes: usize) {
        self.end = self.end.saturating_add(bytes).min(self.buffer.len());
    }

    /// Copies as much of `bytes` as there is space for and says how much that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let taken = bytes.len().min(space.len());
        space[..taken].copy_from_slice(&bytes[..taken]);
        self.filled(taken);
        taken
    }

    /// Bytes of a frame that is not complete.
    pub fn pending_bytes(&self) -> usize {
        self.end - self.start
    }

    /// The next complete frame; `None` when more must be read first.
    ///
    /// # Errors
    /// The stream cannot be read on. The same error comes again.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let pending = &self.buffer[self.start..self.end];
        let Some(head) = Head::read(pending)? else { return Ok(None) };
        let bytes = head.frame_bytes();
        if bytes > self.buffer.len() {
            return Err(FrameError::TooLong { declared: bytes, limit: self.buffer.len() });
        }
        let Some(frame) = pending.get(..bytes) else { return Ok(None) };
        let frame = match head {
            Head::Message { .. } => Frame::Message(frame),
            Head::ChannelData { .. } => {
                Frame::ChannelData(ChannelData::parse(frame).map_err(unknown_channel)?)
            }
        };
        self.start += bytes;
        Ok(Some(frame))
    }
}

/// The head of a frame says how long it is.
enum Head {
    Message { length: usize },
    ChannelData { length: usize },
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let Some([_, _, l1, l0]) = bytes.first_chunk::<CHANNEL_HEADER_BYTES>() else {
            return if first & 0xf0 == 0x40 || first < 0x40 {
                Ok(None)
            } else {
                Err(FrameError::Unknown { found: first })
            };
        };
        let length = usize::from(u16::from_be_bytes([*l1, *l0]));
        match first {
            0x00..=0x3f => {
                // Without this check a stream of zeros would read as messages without end.
                if let Some([_, _, _, _, c @ ..]) = bytes.first_chunk::<8>() {
                    let found = u32::from_be_bytes(*c);
                    if found != MAGIC_COOKIE {
                        return Err(FrameError::Cookie { found });
                    }
                }
                Ok(Some(Self::Message { length }))
            }
            0x40..=0x4f => Ok(Some(Self::ChannelData { length })),
            _ => Err(FrameError::Unknown { found: first }),
        }
    }

    fn frame_bytes(&self) -> usize {
        match self {
            Self::Message { length } => HEADER_BYTES + length,
            Self::ChannelData { length } => CHANNEL_HEADER_BYTES + padded(*length),
        }
    }
}

/// The head gave number and length, so parsing the frame cannot fail; should it, the stream is not to be trusted.
fn unknown_channel(error: ChannelDataError) -> FrameError {
    let found = match error {
        ChannelDataError::Channel { found } => (found >> 8) as u8,
        ChannelDataError::TooShort { .. } | ChannelDataError::Length { .. } => 0x40,
    };
    FrameError::Unknown { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::stun::{ChannelNumber, Class, MessageWriter, Method};

    /// A Binding request, ChannelData of 0 to 5 bytes, a request again.
    fn stream() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 64];
        let request = |buffer: &mut [u8; 64]| {
            let writer = MessageWriter::new(buffer, Class::Request, Method::BINDING, [3; 12].into());
            writer.unwrap().finish().to_vec()
        };
        bytes.extend(request(&mut buffer));
        for length in 0..=5 {
            let frame = ChannelData { channel: ChannelNumber::FIRST, data: &b"abcde"[..length] };
            let written = frame.write_to_stream(&mut buffer).unwrap();
            bytes.extend(&buffer[..written]);
        }
        bytes.extend(request(&mut buffer));
        (bytes, 8)
    }

    fn drain(deframer: &mut Deframer, lengths: &mut Vec<usize>) {
        while let Some(frame) = deframer.next_frame().unwrap() {
            lengths.push(match frame {
                Frame::Message(bytes) => bytes.len(),
                Frame::ChannelData(frame) => frame.data.len(),
            });
        }
    }

    #[test]
    fn frames_come_out_whole_however_the_stream_was_cut() {
        let (bytes, count) = stream();
        for piece in 1..=bytes.len() {
            let mut deframer = Deframer::new(64);
            let mut lengths = Vec::new();
            for mut chunk in bytes.chunks(piece) {
                while !chunk.is_empty() {
                    let taken = deframer.push(chunk);
                    assert!(taken > 0, "a drained deframer has space");
                    chunk = &chunk[taken..];
                    drain(&mut deframer, &mut lengths);
                }
            }
            assert_eq!(lengths, [20, 0, 1, 2, 3, 4, 5, 20], "in pieces of {piece}");
            assert_eq!((lengths.len(), deframer.pending_bytes()), (count, 0));
        }
    }

    #[test]
    fn frames_beyond_the_limit_end_the_stream_before_they_are_buffered() {
        let mut deframer = Deframer::new(100);
        deframer.push(b"\x40\x00\xff\xff");
        let refused = Err(FrameError::TooLong { declared: 65_540, limit: 100 });
        assert_eq!(deframer.next_frame(), refused);
        assert_eq!(deframer.next_frame(), refused);
    }

    #[test]
    fn bytes_of_other_protocols_end_the_stream() {
        for first in [0x50_u8, 0x7f, 0x80, 0x16 | 0x80, 0xff] {
            let mut deframer = Deframer::new(100);
            deframer.push(&[first]);
            assert_eq!(deframer.next_frame(), Err(FrameError::Unknown { found: first }));
        }
        let mut deframer = Deframer::new(100);
        deframer.push(b"\x16\x03\x01\x00\x00\x00\x00\x00");
        assert_eq!(deframer.next_frame(), Err(FrameError::Cookie { found: 0 }));
    }

    #[test]
    fn claiming_to_have_read_more_than_there_was_space_for_is_harmless() {
        let mut deframer = Deframer::new(20);
        deframer.filled(usize::MAX);
        assert_eq!(deframer.pending_bytes(), 20);
        assert!(deframer.next_frame().is_err());
    }
}
