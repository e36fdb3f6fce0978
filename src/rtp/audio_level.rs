//! The audio-level header extension: how loud a packet is, for whoever does not decode it (RFC 6464).

use thiserror::Error;

/// The extension's name in `a=extmap` (RFC 6464, section 5).
pub const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// A header extension's data of a length that it cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{extension} of {found} bytes, expected {expected}")]
pub struct ExtensionError {
    pub(super) extension: &'static str,
    pub(super) expected: &'static str,
    pub(super) found: usize,
}

/// The level of one packet's audio.
///
/// ```text
///  0 1 2 3 4 5 6 7
/// +-+-+-+-+-+-+-+-+
/// |V| level       |
/// +-+-+-+-+-+-+-+-+
/// ```
///
/// One byte, the data of an element of one or two header bytes (RFC 6464, section 3; RFC 8285, section 4.2 and 4.3):
/// whether the sender heard a voice, and the level in -dBov, 0 the loudest there is, 127 silence. Every byte is a
/// level; other lengths are refused.
///
/// ```
/// use handset::rtp::AudioLevel;
/// let level = AudioLevel::parse(&[0x80 | 30])?;
/// assert_eq!((level.dbov(), level.voice), (-30, true));
/// assert_eq!(AudioLevel::new(-200, false).to_byte(), 127);
/// assert!(AudioLevel::parse(&[]).is_err());
/// # Ok::<(), handset::rtp::ExtensionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender found speech in the packet; means nothing where `vad=off` was negotiated (RFC 6464,
    /// section 4).
    pub voice: bool,
    /// -dBov, 0 to 127.
    level: u8,
}

impl AudioLevel {
    /// A level of so many dBov: brought between 0, the loudest, and -127, which stands for silence.
    pub const fn new(dbov: i16, voice: bool) -> AudioLevel {
        let level = match dbov {
            0.. => 0,
            -126..=-1 => -dbov as u8,
            _ => 127,
        };
        AudioLevel { voice, level }
    }

    /// Reads the element's data.
    ///
    /// # Errors
    /// Not one byte.
    pub fn parse(data: &[u8]) -> Result<AudioLevel, ExtensionError> {
        match *data {
            [byte] => Ok(AudioLevel { voice: byte & 0x80 != 0, level: byte & 0x7f }),
            _ => Err(ExtensionError { extension: "audio level", expected: "1", found: data.len() }),
        }
    }

    /// The level, 0 to -127 dBov.
    pub const fn dbov(self) -> i8 {
        -(self.level as i8)
    }

    /// The element's data.
    pub const fn to_byte(self) -> u8 {
        (self.voice as u8) << 7 | self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_level_and_comes_back() {
        for byte in 0..=u8::MAX {
            let level = AudioLevel::parse(&[byte]).unwrap();
            assert_eq!(level.to_byte(), byte);
            assert_eq!(AudioLevel::new(level.dbov().into(), level.voice), level);
        }
    }

    #[test]
    fn levels_beyond_the_scale_are_brought_onto_it() {
        assert_eq!(AudioLevel::new(12, false).dbov(), 0);
        assert_eq!(AudioLevel::new(i16::MIN, true).to_byte(), 0xff);
    }

    #[test]
    fn another_length_is_refused_in_words() {
        let error = AudioLevel::parse(&[1, 2]).unwrap_err();
        assert_eq!(error.to_string(), "audio level of 2 bytes, expected 1");
    }
}
