//! Microphones and speakers through a real sound server: a PulseAudio of each test's own with virtual cables, in a folder
//! of its own, so that nobody's sound is touched and none is needed.
//!
//! The sound server is found through the environment, so each test runs its body in a process of its own: this
//! same program again, asked for the test of that name under `inside`.
#![cfg(feature = "device")]
#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "a test of real time on a real machine")]

use std::{
    env,
    process::Command,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use handset::audio::{
    Channels, Level, SAMPLE_RATE,
    device::{self, DeviceOutput, EndEvent, Input, LiveInput, Output, PacedSource, Tone, Wake},
};

#[path = "support/sound_server.rs"]
mod sound_server;

use sound_server::SoundServer;

/// Runs the test `inside::NAME` in a process that finds a sound server of its own.
fn with_sound_server(name: &str) {
    let Some(server) = SoundServer::start(name, &["cable"]) else { return };
    let mut command = server.command(env::current_exe().unwrap());
    command.args(["--exact", &format!("inside::{name}"), "--ignored", "--nocapture", "--test-threads=1"]);
    let status = command.status().unwrap();
    assert!(status.success(), "inside::{name} failed: {status}");
}

#[test]
fn what_is_played_to_a_cable_is_recorded_from_it() {
    with_sound_server("what_is_played_to_a_cable_is_recorded_from_it");
}

#[test]
fn stereo_keeps_left_and_right() {
    with_sound_server("stereo_keeps_left_and_right");
}

#[test]
fn a_device_that_is_unplugged_is_told_of_and_taken_back() {
    with_sound_server("a_device_that_is_unplugged_is_told_of_and_taken_back");
}

#[test]
fn devices_are_listed_and_found_and_missed_by_name() {
    with_sound_server("devices_are_listed_and_found_and_missed_by_name");
}

/// The two ends of the cable, driven as the run loop drives them.
struct Ends {
    output: DeviceOutput,
    input: LiveInput,
    woken: mpsc::Receiver<()>,
    channels: Channels,
    /// What was heard, and what happened.
    heard: Vec<f32>,
    events: Vec<EndEvent>,
}

fn wake() -> (Wake, mpsc::Receiver<()>) {
    let (wake, woken) = mpsc::channel();
    (Arc::new(move || wake.send(()).unwrap_or(())), woken)
}

impl Ends {
    fn open(channels: Channels) -> Ends {
        let (wake, woken) = wake();
        let sink = "device:cable".parse().unwrap();
        let source = "device:cable.monitor".parse().unwrap();
        let Output::Device(output) = device::open_output(&sink, channels, wake.clone()).unwrap() else {
            panic!()
        };
        let Input::Live(mut input) = device::open_input(&source, channels, wake).unwrap() else { panic!() };
        input.start();
        Ends { output, input, woken, channels, heard: Vec::new(), events: Vec::new() }
    }

    /// Plays `sound` and records, until `done` or for at most `longest`; whether it was done.
    fn run(
        &mut self,
        sound: &mut dyn FnMut(&mut [f32]),
        longest: Duration,
        done: &dyn Fn(&Ends) -> bool,
    ) -> bool {
        let begun = Instant::now();
        let mut asked = begun;
        let mut block = vec![0.0; 9600];
        while begun.elapsed() < longest {
            let idle = Duration::from_millis(20);
            let due = self.output.deadline().map(|due| due.saturating_duration_since(Instant::now()));
            let _ = self.woken.recv_timeout(due.unwrap_or(idle).min(idle));
            let now = Instant::now();
            while self.output.poll_due(now).is_some() {
                let piece = 240 * self.channels.count();
                sound(&mut block[..piece]);
                self.output.write(&block[..piece]);
            }
            loop {
                match self.input.read(&mut block) {
                    0 => break,
                    read => self.heard.extend_from_slice(&block[..read]),
                }
            }
            self.events.extend(self.output.poll_event(now));
            self.events.extend(self.input.poll_event());
            // Not at each wake: it may take longer than that to judge half a second of sound.
            if now - asked > Duration::from_millis(50) {
                asked = now;
                if done(self) {
                    return true;
                }
            }
        }
        false
    }

    /// The loudness of the last quarter of a second.
    fn level(&self) -> Level {
        let last = self.heard.len().saturating_sub(SAMPLE_RATE as usize / 4 * self.channels.count());
        Level::of(&self.heard[last..])
    }
}

/// How much of the power of `sound` is at `hz`: 1.0 for a sine of that pitch.
fn share_at(hz: f32, sound: &[f32]) -> f32 {
    let turn = std::f32::consts::TAU * hz / SAMPLE_RATE as f32;
    let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
    for (i, sample) in sound.iter().enumerate() {
        re += sample * (turn * i as f32).cos();
        im += sample * (turn * i as f32).sin();
        power += sample * sample;
    }
    2.0 * (re * re + im * im) / (power * sound.len() as f32).max(1e-9)
}

/// Whether the last half second is a clean tone of 440 Hz.
fn is_tone(heard: &[f32]) -> bool {
    let last = heard.len().checked_sub(SAMPLE_RATE as usize / 2);
    last.is_some_and(|last| share_at(440.0, &heard[last..]) > 0.99)
}

mod inside {
    use super::*;

    /// Longer than anything takes on a machine that is not hopeless.
    const LONG: Duration = Duration::from_secs(40);

    fn never(_: &Ends) -> bool {
        false
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn what_is_played_to_a_cable_is_recorded_from_it() {
        let mut ends = Ends::open(Channels::Mono);
        let mut quiet = |block: &mut [f32]| block.fill(0.0);
        assert!(ends.run(&mut quiet, LONG, &|ends| !ends.heard.is_empty()), "the microphone does not begin");
        // An idle virtual cable moves sound in pieces of up to 2 s until it has seen that somebody is in a hurry.
        ends.run(&mut quiet, Duration::from_secs(3), &never);
        let mut tone = Tone::new(440.0, Channels::Mono);
        let mut play = |block: &mut [f32]| {
            tone.read(block);
        };
        let begun = Instant::now();
        let quiet = ends.heard.len();
        assert!(ends.run(&mut play, LONG, &|ends| ends.heard[quiet..].iter().any(|&sample| sample != 0.0)));
        let first = ends.heard[quiet..].iter().position(|&sample| sample != 0.0).unwrap();
        let since =
            Duration::from_secs_f64((ends.heard.len() - quiet - first) as f64 / f64::from(SAMPLE_RATE));
        let delay = begun.elapsed().saturating_sub(since);
        let (heard_before, playing_since) = (ends.heard.len(), Instant::now());
        ends.run(&mut play, Duration::from_secs(2), &never);
        // A busy machine needs a while to find callbacks that it keeps up with.
        assert!(
            ends.run(&mut play, LONG, &|ends| is_tone(&ends.heard)),
            "the tone was never clean for half a second"
        );
        let seconds = (ends.heard.len() - heard_before) as f32 / SAMPLE_RATE as f32;
        eprintln!(
            "played to recorded in {delay:?}; {:?} of playing were {seconds} s of recording; {:?} queued",
            playing_since.elapsed(),
            ends.output.queued(),
        );
        assert!(delay < Duration::from_millis(300), "{delay:?}");
        assert_eq!(ends.events, []);
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn stereo_keeps_left_and_right() {
        let mut ends = Ends::open(Channels::Stereo);
        let mut tone = Tone::new(440.0, Channels::Stereo);
        let mut left_only = |block: &mut [f32]| {
            tone.read(block);
            block.chunks_mut(2).for_each(|frame| frame[1] = 0.0);
        };
        let side =
            |ends: &Ends, side: usize| ends.heard.iter().skip(side).step_by(2).copied().collect::<Vec<f32>>();
        assert!(ends.run(&mut left_only, LONG, &|ends| is_tone(&side(ends, 0))), "no clean tone on the left");
        assert_eq!(Level::of(&side(&ends, 1)), Level::SILENCE);
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn a_device_that_is_unplugged_is_told_of_and_taken_back() {
        let control = |args: &[&str]| assert!(Command::new("pactl").args(args).status().unwrap().success());
        let mut ends = Ends::open(Channels::Mono);
        let mut tone = Tone::new(440.0, Channels::Mono);
        let mut play = |block: &mut [f32]| {
            tone.read(block);
        };
        let loud = |ends: &Ends| ends.level().dbov() > -30;
        assert!(ends.run(&mut play, LONG, &loud), "nothing heard at first");

        let lost =
            |ends: &Ends| ends.events.iter().filter(|e| matches!(e, EndEvent::Lost { .. })).count() == 2;
        let unplugged = Instant::now();
        control(&["unload-module", "module-null-sink"]);
        assert!(ends.run(&mut play, LONG, &lost), "not both told: {:?}", ends.events);
        eprintln!("told after {:?}: {:?}", unplugged.elapsed(), ends.events);

        // The call goes on: silence is heard in real time, and what is played is taken in real time.
        ends.heard.clear();
        ends.run(&mut play, Duration::from_secs(1), &never);
        let seconds = ends.heard.len() as f32 / SAMPLE_RATE as f32;
        assert!((0.8..1.2).contains(&seconds), "1 s without a device was {seconds} s");
        assert_eq!(Level::of(&ends.heard), Level::SILENCE);

        let back = Instant::now();
        control(&["load-module", "module-null-sink", "sink_name=cable", "rate=48000", "channels=2"]);
        let recovered =
            |ends: &Ends| ends.events.iter().filter(|e| matches!(e, EndEvent::Recovered { .. })).count() == 2;
        assert!(ends.run(&mut play, LONG, &recovered), "not both back: {:?}", ends.events);
        eprintln!("taken back after {:?}", back.elapsed());
        ends.heard.clear();
        assert!(ends.run(&mut play, LONG, &loud), "nothing heard after it came back");
    }

    #[test]
    #[ignore = "run by the test of the same name"]
    fn devices_are_listed_and_found_and_missed_by_name() {
        let devices = device::list().unwrap();
        let named = |name: &str| devices.iter().find(|device| device.name == name).unwrap();
        assert!(named("cable").is_output && !named("cable").is_input && named("cable").is_default);
        assert!(named("cable.monitor").is_input && !named("cable.monitor").is_output);

        for output in ["default", "device:cable", "device:CABLE", "device:pulseaudio:cable"] {
            device::check_output(&output.parse().unwrap()).expect(output);
        }
        let missed = device::check_output(&"device:hdmi".parse().unwrap());
        let error = missed.err().unwrap().to_string();
        assert!(error.starts_with("there is no speaker \"hdmi\"; there is: cable"), "{error}");
        let missed = device::check_input(&"device:cable ".parse().unwrap());
        let error = missed.err().unwrap().to_string();
        assert!(error.starts_with("there is no microphone \"cable \"; there is: cable.monitor"), "{error}");
    }
}
