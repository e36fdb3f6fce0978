//! An end of the wire of either kind, opened by its name.

use super::{
    DeviceOutput, LiveInput, PacedOutput, PacedSource, Silence, SinkSpec, SourceSpec, Tone, Wake, WavSink,
    WavSource, pcm_reader,
};
#[cfg(feature = "device")]
use super::{hosts, supervisor};
use crate::audio::{Channels, Error};

/// Where the sound that is sent comes from.
pub enum Input {
    /// A source that gives as much as is asked for: the run loop asks in real time.
    Paced(Box<dyn PacedSource>),
    /// A source with a clock of its own.
    Live(LiveInput),
}

/// Where the sound that was received goes.
pub enum Output {
    /// A sink that takes what it is given: the run loop renders in real time.
    Paced(PacedOutput),
    /// A sink with a clock of its own.
    Device(DeviceOutput),
}

/// Opens the source that `spec` names; its sound has `channels`.
///
/// # Errors
/// [`Error::Wav`] for a file that cannot be played, [`Error::Device`] for a device that is not there,
/// [`Error::Thread`] if its thread cannot be started.
pub fn open_input(spec: &SourceSpec, channels: Channels, wake: Wake) -> Result<Input, Error> {
    Ok(match spec {
        SourceSpec::Wav(path) => Input::Paced(Box::new(WavSource::open(path, channels)?)),
        SourceSpec::Stdin => Input::Live(pcm_reader::stdin(channels, wake)?),
        SourceSpec::Tone(hz) => Input::Paced(Box::new(Tone::new(*hz, channels))),
        SourceSpec::Silence => Input::Paced(Box::new(Silence)),
        #[cfg(feature = "device")]
        SourceSpec::Default => Input::Live(supervisor::open_input(hosts::Wanted::Default, channels, wake)?),
        #[cfg(feature = "device")]
        SourceSpec::Device(name) => {
            Input::Live(supervisor::open_input(hosts::Wanted::Named(name.clone()), channels, wake)?)
        }
        #[cfg(not(feature = "device"))]
        SourceSpec::Default | SourceSpec::Device(_) => return Err(no_devices()),
    })
}

/// Opens the sink that `spec` names, for sound of `channels`.
///
/// # Errors
/// [`Error::Wav`] for a file that cannot be written, [`Error::Device`] for a device that is not there,
/// [`Error::Thread`] if its thread cannot be started.
pub fn open_output(spec: &SinkSpec, channels: Channels, wake: Wake) -> Result<Output, Error> {
    Ok(match spec {
        SinkSpec::Wav(path) => {
            Output::Paced(PacedOutput::spawn(WavSink::create(path, channels)?, channels, wake)?)
        }
        SinkSpec::Stdout => Output::Paced(PacedOutput::stdout(channels, wake)?),
        SinkSpec::Null => Output::Paced(PacedOutput::null(channels)),
        #[cfg(feature = "device")]
        SinkSpec::Default => Output::Device(supervisor::open_output(hosts::Wanted::Default, channels, wake)?),
        #[cfg(feature = "device")]
        SinkSpec::Device(name) => {
            Output::Device(supervisor::open_output(hosts::Wanted::Named(name.clone()), channels, wake)?)
        }
        #[cfg(not(feature = "device"))]
        SinkSpec::Default | SinkSpec::Device(_) => return Err(no_devices()),
    })
}

/// Finds out whether the device that `spec` names is there, without opening it; other sources are always there.
///
/// # Errors
/// [`Error::Device`] with the devices that there are.
pub fn check_input(spec: &SourceSpec) -> Result<(), Error> {
    match spec {
        #[cfg(feature = "device")]
        SourceSpec::Default => hosts::find(&hosts::Wanted::Default, hosts::Direction::Input).map(drop),
        #[cfg(feature = "device")]
        SourceSpec::Device(name) => {
            hosts::find(&hosts::Wanted::Named(name.clone()), hosts::Direction::Input).map(drop)
        }
        #[cfg(not(feature = "device"))]
        SourceSpec::Default | SourceSpec::Device(_) => Err(no_devices()),
        SourceSpec::Wav(_) | SourceSpec::Stdin | SourceSpec::Tone(_) | SourceSpec::Silence => Ok(()),
    }
}

/// Finds out whether the device that `spec` names is there, without opening it; other sinks are always there.
///
/// # Errors
/// [`Error::Device`] with the devices that there are.
pub fn check_output(spec: &SinkSpec) -> Result<(), Error> {
    match spec {
        #[cfg(feature = "device")]
        SinkSpec::Default => hosts::find(&hosts::Wanted::Default, hosts::Direction::Output).map(drop),
        #[cfg(feature = "device")]
        SinkSpec::Device(name) => {
            hosts::find(&hosts::Wanted::Named(name.clone()), hosts::Direction::Output).map(drop)
        }
        #[cfg(not(feature = "device"))]
        SinkSpec::Default | SinkSpec::Device(_) => Err(no_devices()),
        SinkSpec::Wav(_) | SinkSpec::Stdout | SinkSpec::Null => Ok(()),
    }
}

#[cfg(not(feature = "device"))]
fn no_devices() -> Error {
    Error::Device { reason: "this program was built without sound devices (feature \"device\")".to_owned() }
}
