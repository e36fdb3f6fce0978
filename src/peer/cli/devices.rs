//! `peer devices`: what there is to speak into and to listen to.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the list is the command's output")]

use crate::audio::device;
use crate::peer::Exit;

/// Prints every device, a line each.
pub(super) fn list(json: bool) -> Exit {
    let devices = match device::list() {
        Ok(devices) => devices,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Audio;
        }
    };
    if devices.is_empty() {
        eprintln!("no microphone and no speaker found (is a sound server running?)");
    }
    for info in devices {
        if json {
            println!("{}", as_json(&info));
        } else {
            println!("{:<2}{:<8} {info}", if info.is_default { "*" } else { "" }, kind(&info));
        }
    }
    Exit::Done
}

fn kind(info: &device::DeviceInfo) -> &'static str {
    match (info.is_input, info.is_output) {
        (true, true) => "both",
        (true, false) => "input",
        (false, _) => "output",
    }
}

fn as_json(info: &device::DeviceInfo) -> serde_json::Value {
    serde_json::json!({
        "name": info.name,
        "description": info.description,
        "host": info.host,
        "input": info.is_input,
        "output": info.is_output,
        "default": info.is_default,
    })
}
