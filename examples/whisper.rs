//! A call with audio ends of the program's own: it speaks a falling tone and hears whether there is an answer.
//!
//! `cargo run --example whisper -- bob` calls bob at the switchboard of this machine.

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use handset::audio::device::{Input, Output, PacedOutput, PacedSource, SampleSink};
use handset::audio::{Channels, Level};
use handset::peer::{Peer, PeerEvent};
use std::{sync::Arc, time::Duration};

/// A tone that falls from 880 Hz to nothing within three seconds.
struct Falling(f32, f32);

impl PacedSource for Falling {
    fn read(&mut self, out: &mut [f32]) -> usize {
        if self.is_over() {
            return 0;
        }
        for sample in &mut *out {
            self.0 = (self.0 - 880.0 / 144_000.0).max(0.0);
            self.1 = (self.1 + self.0 / 48_000.0).fract();
            *sample = 0.2 * (self.1 * std::f32::consts::TAU).sin();
        }
        out.len()
    }
    fn is_over(&self) -> bool {
        self.0 == 0.0
    }
}

/// Says when it hears somebody.
struct Ear(bool);

impl SampleSink for Ear {
    fn write(&mut self, samples: &[f32]) -> std::io::Result<()> {
        if Level::of(samples).dbov() > -40 && !std::mem::replace(&mut self.0, true) {
            println!("somebody is there");
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let whom = std::env::args().nth(1).ok_or("whom shall I call?")?.parse()?;
    let ear = PacedOutput::spawn(Ear(false), Channels::Mono, Arc::new(|| {}))?;
    let builder = Peer::builder().custom_input(Input::Paced(Box::new(Falling(880.0, 0.0))));
    let (peer, events) = builder.custom_output(Output::Paced(ear)).start("whisper".parse()?)?;
    peer.call(whom);
    while let Some(timed) = events.next_within(Duration::from_secs(10)) {
        match timed.event {
            PeerEvent::State { state, .. } => println!("{:8.1} ms  {state}", timed.t_ms),
            PeerEvent::InputEnded {} => peer.hang_up(),
            PeerEvent::Ended { .. } => return Ok(()),
            _ => {}
        }
    }
    Err("nobody answered".into())
}
