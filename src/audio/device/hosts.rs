//! The sound devices of this machine: what there is, and which one a name means.

use std::{fmt, str::FromStr};

use cpal::{
    Device, DeviceId, Host,
    traits::{DeviceTrait, HostTrait},
};

use crate::audio::Error;

/// More devices than any machine has; a list is cut off there.
const MAX_DEVICES: usize = 256;

/// What ALSA lists beside devices: converters and sinks that lead to no sound by themselves.
const ALSA_PLUGINS: [&str; 10] =
    ["null", "lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix", "jack", "oss", "usbstream"];

/// Which way sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

impl Direction {
    fn noun(self) -> &'static str {
        match self {
            Direction::Input => "microphone",
            Direction::Output => "speaker",
        }
    }

    fn default_of(self, host: &Host) -> Option<Device> {
        match self {
            Direction::Input => host.default_input_device(),
            Direction::Output => host.default_output_device(),
        }
    }

    fn is_of(self, device: &Device) -> bool {
        let direction = device.description().map(|description| description.direction());
        match (self, direction) {
            (Direction::Input, Ok(cpal::DeviceDirection::Input)) => true,
            (Direction::Output, Ok(cpal::DeviceDirection::Output)) => true,
            (Direction::Input, Ok(cpal::DeviceDirection::Output)) => false,
            (Direction::Output, Ok(cpal::DeviceDirection::Input)) => false,
            (Direction::Input, _) => device.supports_input(),
            (Direction::Output, _) => device.supports_output(),
        }
    }
}

/// Which device an end was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The system's default at the time.
    Default,
    /// The one of this name.
    Named(String),
}

/// A sound device, as `device:NAME` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The name by which it is chosen; stays the same from day to day.
    pub name: String,
    /// What it is, in words.
    pub description: String,
    /// The sound system that it belongs to: `PulseAudio`, `ALSA`.
    pub host: String,
    /// Whether it records.
    pub is_input: bool,
    /// Whether it plays.
    pub is_output: bool,
    /// Whether it is the default for one of these.
    pub is_default: bool,
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.description != self.name {
            write!(f, " ({})", self.description)?;
        }
        Ok(())
    }
}

/// The first sound system that works, the more comfortable ones first; devices without a host are looked for in it.
fn host() -> Result<Host, Error> {
    let mut reasons = Vec::new();
    for id in cpal::available_hosts() {
        match cpal::host_from_id(id) {
            Ok(host) => return Ok(host),
            Err(error) => reasons.push(format!("{id}: {error}")),
        }
    }
    Err(Error::Device { reason: format!("no sound system works here ({})", reasons.join("; ")) })
}

/// Whether a device belongs to PulseAudio itself: PipeWire speaks its protocol, but keeps enough room for a microphone.
pub(super) fn is_pulseaudio(device: &Device) -> bool {
    let speaks_it = device.id().is_ok_and(|id| id.host().name() == "PulseAudio");
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    speaks_it && !runtime.is_some_and(|folder| folder.join("pipewire-0").exists())
}

/// The devices of this machine, as far as its sound system tells.
///
/// # Errors
/// [`Error::Device`] if there is no sound system.
pub fn list() -> Result<Vec<DeviceInfo>, Error> {
    let host = host()?;
    let defaults: Vec<DeviceId> = [Direction::Input, Direction::Output]
        .into_iter()
        .filter_map(|direction| direction.default_of(&host)?.id().ok())
        .collect();
    let devices = host.devices().map_err(|error| Error::Device { reason: error.to_string() })?;
    Ok(devices
        .take(MAX_DEVICES)
        .filter_map(|device| {
            let id = device.id().ok()?;
            if id.host().name() == "ALSA" && ALSA_PLUGINS.contains(&id.id()) {
                return None;
            }
            Some(DeviceInfo {
                name: id.id().to_owned(),
                description: one_line(&device),
                host: id.host().to_string(),
                is_input: Direction::Input.is_of(&device),
                is_output: Direction::Output.is_of(&device),
                is_default: defaults.contains(&id),
            })
        })
        .filter(|info| info.is_input || info.is_output)
        .collect())
}

/// What a device calls itself; ALSA's descriptions have lines.
fn one_line(device: &Device) -> String {
    device.to_string().lines().collect::<Vec<_>>().join(", ")
}

/// The device that is meant, and its name.
///
/// # Errors
/// [`Error::Device`] if there is none, with those that there are.
pub(super) fn find(wanted: &Wanted, direction: Direction) -> Result<(Device, String), Error> {
    let noun = direction.noun();
    match wanted {
        Wanted::Default => {
            let device = direction.default_of(&host()?);
            let device =
                device.ok_or_else(|| Error::Device { reason: format!("there is no default {noun}") })?;
            let name = one_line(&device);
            Ok((device, name))
        }
        Wanted::Named(name) => match find_named(name, direction)? {
            Some(device) => Ok((device, name.clone())),
            None => Err(Error::Device {
                reason: format!("there is no {noun} {name:?}; {}", what_there_is(direction)),
            }),
        },
    }
}

/// The device whose name or description this is, or the only one in whose it occurs. `HOST:NAME` looks in another sound
/// system than the first.
fn find_named(name: &str, direction: Direction) -> Result<Option<Device>, Error> {
    if let Ok(id) = DeviceId::from_str(name)
        && let Ok(host) = cpal::host_from_id(id.host())
        && let Some(device) = host.device_by_id(&id)
    {
        return Ok(Some(device));
    }
    let devices = host()?.devices().map_err(|error| Error::Device { reason: error.to_string() })?;
    let mut devices: Vec<(String, String, Device)> = devices
        .take(MAX_DEVICES)
        .filter(|device| direction.is_of(device))
        .filter_map(|device| Some((device.id().ok()?.id().to_owned(), one_line(&device), device)))
        .collect();
    let names = devices.iter().map(|(id, description, _)| (id.as_str(), description.as_str()));
    let chosen = choose(names, name);
    Ok(chosen.map(|index| devices.swap_remove(index).2))
}

/// Which of these ids and descriptions `name` means: an equal id, else an equal description, else the only one that
/// contains it. Upper and lower case are the same.
fn choose<'a>(devices: impl Iterator<Item = (&'a str, &'a str)> + Clone, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let position = |matches: &dyn Fn(&str, &str) -> bool| {
        devices.clone().position(|(id, description)| matches(&id.to_lowercase(), &description.to_lowercase()))
    };
    let contains = |id: &str, description: &str| id.contains(&name) || description.contains(&name);
    position(&|id, _| id == name).or_else(|| position(&|_, description| description == name)).or_else(|| {
        let matching =
            devices.clone().filter(|(id, text)| contains(&id.to_lowercase(), &text.to_lowercase()));
        (matching.count() == 1).then(|| position(&contains)).flatten()
    })
}

/// The devices of a direction, for an error.
fn what_there_is(direction: Direction) -> String {
    let names: Vec<String> = list()
        .unwrap_or_default()
        .into_iter()
        .filter(|info| match direction {
            Direction::Input => info.is_input,
            Direction::Output => info.is_output,
        })
        .map(|info| info.to_string())
        .collect();
    match names.as_slice() {
        [] => "there is none at all".to_owned(),
        names => format!("there is: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICES: [(&str, &str); 4] = [
        ("vcable", "Null Output"),
        ("vcable.monitor", "Monitor of Null Output"),
        ("alsa_input.usb", "USB Headset"),
        ("alsa_input.pci", "Built-in Audio"),
    ];

    fn chosen(name: &str) -> Option<&'static str> {
        choose(DEVICES.into_iter(), name).map(|index| DEVICES[index].0)
    }

    #[test]
    fn a_device_is_chosen_by_id_then_by_description_then_by_a_part_that_only_it_has() {
        assert_eq!(chosen("vcable"), Some("vcable"));
        assert_eq!(chosen("VCable.Monitor"), Some("vcable.monitor"));
        assert_eq!(chosen("null output"), Some("vcable"));
        assert_eq!(chosen("headset"), Some("alsa_input.usb"));
        assert_eq!(chosen("alsa_input"), None, "two have it");
        assert_eq!(chosen("hdmi"), None);
    }
}
