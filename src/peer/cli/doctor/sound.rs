//! Whether the microphone and the speaker are there and alive.

use std::time::{Duration, Instant};

use super::facts::SoundFact;
use crate::audio::Channels;
use crate::audio::device::{self, EndEvent, Input, SinkSpec, SourceSpec};
use crate::net::{EventLoop, Wake};

/// How long a microphone may take to give its first sound.
const ALIVE_LIMIT: Duration = Duration::from_secs(3);

/// How much of it is listened to.
const LISTENED: usize = 24_000;

/// Opens the microphone and listens for a moment.
pub(super) fn microphone(spec: &SourceSpec) -> SoundFact {
    let net = EventLoop::new().map_err(|error| error.to_string())?;
    let mut input =
        device::open_input(spec, Channels::Mono, net.wake()).map_err(|error| error.to_string())?;
    let Input::Live(live) = &mut input else { return Ok("not a device, nothing to listen to".into()) };
    live.start();
    listen(net, live)
}

fn listen(mut net: EventLoop, live: &mut device::LiveInput) -> SoundFact {
    let limit = Instant::now() + ALIVE_LIMIT;
    let (mut heard, mut energy) = (0, 0.0);
    let mut buffer = [0.0; 4800];
    while heard < LISTENED && Instant::now() < limit {
        net.wait(Some(limit)).map_err(|error| error.to_string())?;
        while let got @ 1.. = live.read(&mut buffer) {
            heard += got;
            energy += buffer[..got].iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
        }
        while let Some(event) = live.poll_event() {
            if let EndEvent::Failed { reason } | EndEvent::Lost { reason } = event {
                return Err(reason);
            }
        }
    }
    match (heard, energy) {
        (0, _) => Err(format!("it gives no sound within {} s", ALIVE_LIMIT.as_secs())),
        (_, 0.0) => Ok("it is there and alive, but gives pure silence: is it muted?".into()),
        (heard, energy) => {
            let level = 10.0 * (energy / heard as f64).log10();
            Ok(format!("it is there and alive (level {level:.0} dB below full scale)").replace("-", ""))
        }
    }
}

/// Looks for the speaker.
pub(super) fn speaker(spec: &SinkSpec) -> SoundFact {
    device::check_output(spec).map_err(|error| error.to_string())?;
    let wake: Wake = std::sync::Arc::new(|| {});
    match device::open_output(spec, Channels::Mono, wake) {
        Ok(_) => Ok("it is there and opens".into()),
        Err(error) => Err(error.to_string()),
    }
}
