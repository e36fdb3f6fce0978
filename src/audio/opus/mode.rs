//! What is being sent: voice or music, in one channel or two.

use std::{fmt, str::FromStr};

use crate::audio::Error;

/// What an encoder is tuned for. The default is voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Speech: high-pass filter, speech coder where it is the better one, in-band FEC.
    #[default]
    Voice,
    /// Anything else, kept as it is.
    Music,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Voice => "voice",
            Mode::Music => "music",
        })
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Mode, Error> {
        match text.trim() {
            "voice" => Ok(Mode::Voice),
            "music" => Ok(Mode::Music),
            _ => Err(Error::Mode { found: text.to_owned() }),
        }
    }
}

/// How many channels the audio of a call has. The default is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Channels {
    /// One.
    #[default]
    Mono,
    /// Two, interleaved, the left one first.
    Stereo,
}

impl Channels {
    /// 1 or 2.
    pub const fn count(self) -> usize {
        match self {
            Channels::Mono => 1,
            Channels::Stereo => 2,
        }
    }

    /// The layout with `count` channels, if Opus has it without a channel mapping.
    pub const fn from_count(count: usize) -> Option<Channels> {
        match count {
            1 => Some(Channels::Mono),
            2 => Some(Channels::Stereo),
            _ => None,
        }
    }
}

/// `1` or `2`.
impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count())
    }
}

/// `1` or `mono`, `2` or `stereo`.
impl FromStr for Channels {
    type Err = Error;

    fn from_str(text: &str) -> Result<Channels, Error> {
        match text.trim() {
            "1" | "mono" => Ok(Channels::Mono),
            "2" | "stereo" => Ok(Channels::Stereo),
            _ => Err(Error::Channels { found: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_channels_read_back_as_they_are_shown() {
        for mode in [Mode::Voice, Mode::Music] {
            assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
        }
        for channels in [Channels::Mono, Channels::Stereo] {
            assert_eq!(channels.to_string().parse::<Channels>().unwrap(), channels);
            assert_eq!(Channels::from_count(channels.count()), Some(channels));
        }
    }

    #[test]
    fn others_are_refused() {
        assert_eq!(
            "speech".parse::<Mode>().unwrap_err().to_string(),
            "a mode is \"voice\" or \"music\", not \"speech\""
        );
        assert!("6".parse::<Channels>().is_err());
        assert_eq!(Channels::from_count(0), None);
    }
}
