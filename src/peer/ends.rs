//! The audio ends of a peer: opened for each call, checked before the first.

use crate::audio::device::{self, Input, Output, SinkSpec, SourceSpec};
use crate::net::Wake;

use super::{PeerConfig, PeerError};

/// What kept its place between two calls, and ends that an embedding program brought along.
#[derive(Default)]
pub struct Ends {
    input: Option<Input>,
    output: Option<Output>,
    /// How many recordings were begun, to name the next.
    recordings: u32,
}

impl Ends {
    /// Ends of the program's own in place of the configuration's; each serves the first call.
    pub fn custom(input: Option<Input>, output: Option<Output>) -> Self {
        Self { input, output, recordings: 0 }
    }

    /// Finds out now, and not when the first call comes, whether the ends can be used: files and pipes are
    /// opened, devices are looked up.
    pub(super) fn check(&mut self, config: &PeerConfig, wake: &Wake) -> Result<(), PeerError> {
        if self.input.is_none() && config.direction.sends() {
            if is_device_source(&config.input) {
                device::check_input(&config.input).map_err(input_error)?;
            } else {
                self.input = Some(open_input(config, wake)?);
            }
        }
        if self.output.is_none() && config.direction.receives() {
            if is_device_sink(&config.output) {
                device::check_output(&config.output).map_err(output_error)?;
            } else {
                self.output = Some(self.open_output(config, wake)?);
            }
        }
        Ok(())
    }

    /// The ends for one call.
    pub(super) fn open(
        &mut self,
        config: &PeerConfig,
        wake: &Wake,
    ) -> Result<(Option<Input>, Option<Output>), PeerError> {
        let input = match self.input.take() {
            Some(input) => Some(input),
            None if config.direction.sends() => Some(open_input(config, wake)?),
            None => None,
        };
        let output = match self.output.take() {
            Some(output) => Some(output),
            None if config.direction.receives() => Some(self.open_output(config, wake)?),
            None => None,
        };
        Ok((input, output))
    }

    /// Keeps an input that cannot be opened a second time.
    pub(super) fn take_back(&mut self, input: Option<Input>, spec: &SourceSpec) {
        self.input = input.filter(|_| *spec == SourceSpec::Stdin);
        if let Some(Input::Live(live)) = &mut self.input {
            live.stop();
        }
    }

    fn open_output(&mut self, config: &PeerConfig, wake: &Wake) -> Result<Output, PeerError> {
        let spec = match &config.output {
            SinkSpec::Wav(path) => {
                self.recordings += 1;
                SinkSpec::Wav(numbered(path, self.recordings))
            }
            other => other.clone(),
        };
        device::open_output(&spec, config.audio.channels, wake.clone()).map_err(output_error)
    }
}

fn open_input(config: &PeerConfig, wake: &Wake) -> Result<Input, PeerError> {
    let spec: &SourceSpec = &config.input;
    device::open_input(spec, config.audio.channels, wake.clone()).map_err(input_error)
}

fn is_device_source(spec: &SourceSpec) -> bool {
    matches!(spec, SourceSpec::Default | SourceSpec::Device(_))
}

fn is_device_sink(spec: &SinkSpec) -> bool {
    matches!(spec, SinkSpec::Default | SinkSpec::Device(_))
}

fn input_error(source: crate::audio::Error) -> PeerError {
    PeerError::Audio { end: "--input", source }
}

fn output_error(source: crate::audio::Error) -> PeerError {
    PeerError::Audio { end: "--output", source }
}

/// `heard.wav`, `heard-2.wav`, ...: a second call does not write over the first one's recording.
pub(super) fn numbered(path: &std::path::Path, number: u32) -> std::path::PathBuf {
    if number < 2 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or(String::new(), |text| format!(".{}", text.to_string_lossy()));
    path.with_file_name(format!("{stem}-{number}{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_second_recording_gets_a_name_of_its_own() {
        assert_eq!(numbered(Path::new("a/heard.wav"), 1), Path::new("a/heard.wav"));
        assert_eq!(numbered(Path::new("a/heard.wav"), 2), Path::new("a/heard-2.wav"));
        assert_eq!(numbered(Path::new("x.y.wav"), 3), Path::new("x.y-3.wav"));
    }
}
