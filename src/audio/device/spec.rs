//! How a user names an end of the wire.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::audio::Error;

/// What can be a source, for the error that says so.
const SOURCES: &str = "expected default, device:NAME, FILE.wav, - (raw PCM on stdin), tone:HZ or silence";

/// What can be a sink, for the error that says so.
const SINKS: &str = "expected default, device:NAME, FILE.wav, - (raw PCM on stdout) or null";

/// The pitches of `tone:HZ`: what a person can hear.
const TONES_HZ: std::ops::RangeInclusive<f32> = 20.0..=20_000.0;

/// Where sound comes from.
///
/// | text | source |
/// |---|---|
/// | `default` | the system's default microphone |
/// | `device:NAME` | the microphone of that name |
/// | `FILE.wav` | a WAV file, played in real time from the moment the call is connected |
/// | `-` | raw PCM on stdin, 48 kHz signed 16-bit little-endian, paced by its writer |
/// | `tone:HZ` | a sine |
/// | `silence` | silence |
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSpec {
    /// `default`
    Default,
    /// `device:NAME`
    Device(String),
    /// `FILE.wav`
    Wav(PathBuf),
    /// `-`
    Stdin,
    /// `tone:HZ`
    Tone(f32),
    /// `silence`
    Silence,
}

/// Where sound goes.
///
/// | text | sink |
/// |---|---|
/// | `default` | the system's default speaker |
/// | `device:NAME` | the speaker of that name |
/// | `FILE.wav` | a WAV file, 48 kHz 16-bit |
/// | `-` | raw PCM on stdout, 48 kHz signed 16-bit little-endian |
/// | `null` | nowhere |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSpec {
    /// `default`
    Default,
    /// `device:NAME`
    Device(String),
    /// `FILE.wav`
    Wav(PathBuf),
    /// `-`
    Stdout,
    /// `null`
    Null,
}

/// The file that `text` names, if it names a WAV file.
fn wav(text: &str) -> Option<PathBuf> {
    let stem = text.len().checked_sub(".wav".len())?;
    text.get(stem..)?.eq_ignore_ascii_case(".wav").then(|| PathBuf::from(text))
}

impl FromStr for SourceSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<SourceSpec, Error> {
        let refuse = |expected: &str| {
            Err(Error::Spec { direction: "input", found: text.to_owned(), expected: expected.to_owned() })
        };
        if let Some(name) = text.strip_prefix("device:") {
            return match name {
                "" => refuse("device: is followed by the name of a device; `peer devices` lists them"),
                name => Ok(SourceSpec::Device(name.to_owned())),
            };
        }
        if let Some(hz) = text.strip_prefix("tone:") {
            return match hz.parse() {
                Ok(hz) if TONES_HZ.contains(&hz) => Ok(SourceSpec::Tone(hz)),
                _ => refuse("tone: is followed by a pitch from 20 to 20000 Hz"),
            };
        }
        match text {
            "default" => Ok(SourceSpec::Default),
            "-" => Ok(SourceSpec::Stdin),
            "silence" => Ok(SourceSpec::Silence),
            _ => wav(text).map_or_else(|| refuse(SOURCES), |path| Ok(SourceSpec::Wav(path))),
        }
    }
}

impl FromStr for SinkSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<SinkSpec, Error> {
        let refuse = |expected: &str| {
            Err(Error::Spec { direction: "output", found: text.to_owned(), expected: expected.to_owned() })
        };
        if let Some(name) = text.strip_prefix("device:") {
            return match name {
                "" => refuse("device: is followed by the name of a device; `peer devices` lists them"),
                name => Ok(SinkSpec::Device(name.to_owned())),
            };
        }
        match text {
            "default" => Ok(SinkSpec::Default),
            "-" => Ok(SinkSpec::Stdout),
            "null" => Ok(SinkSpec::Null),
            _ => wav(text).map_or_else(|| refuse(SINKS), |path| Ok(SinkSpec::Wav(path))),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Default => f.write_str("default"),
            SourceSpec::Device(name) => write!(f, "device:{name}"),
            SourceSpec::Wav(path) => write!(f, "{}", path.display()),
            SourceSpec::Stdin => f.write_str("-"),
            SourceSpec::Tone(hz) => write!(f, "tone:{hz}"),
            SourceSpec::Silence => f.write_str("silence"),
        }
    }
}

impl fmt::Display for SinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkSpec::Default => f.write_str("default"),
            SinkSpec::Device(name) => write!(f, "device:{name}"),
            SinkSpec::Wav(path) => write!(f, "{}", path.display()),
            SinkSpec::Stdout => f.write_str("-"),
            SinkSpec::Null => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_and_sink_reads_back_as_it_is_shown() {
        for text in
            ["default", "device:USB Mic: left", "a/b c.wav", ".wav", "X.WAV", "-", "tone:440", "silence"]
        {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
        for text in ["default", "device:vcable", "out.wav", "-", "null"] {
            assert_eq!(text.parse::<SinkSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_neither_is_refused_with_what_would_be() {
        let source = "speech.mp3".parse::<SourceSpec>().unwrap_err().to_string();
        assert_eq!(source, format!("\"speech.mp3\" is not an audio input: {SOURCES}"));
        let sink = "silence".parse::<SinkSpec>().unwrap_err().to_string();
        assert_eq!(sink, format!("\"silence\" is not an audio output: {SINKS}"));
        for text in
            ["", "wav", "tone:", "tone:loud", "tone:nan", "tone:0", "tone:20001", "device:", "null", "ä.wa"]
        {
            assert!(text.parse::<SourceSpec>().is_err(), "{text:?}");
        }
        for text in ["", "tone:440", "device:", "stdout", "—wav"] {
            assert!(text.parse::<SinkSpec>().is_err(), "{text:?}");
        }
    }
}
