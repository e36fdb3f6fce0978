//! Keeps a sound device open: watches that it lives, stands in for it while it is gone, and takes it back.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use cpal::{Stream, traits::StreamTrait};

use super::{
    CaptureCallback, DeviceFormat, DeviceOutput, EndEvent, LiveInput, PlaybackCallback, Wake,
    callback::Counters,
    capture::Capture,
    hosts::{self, Wanted},
    link::{Link, Message},
    starvation::StarvationWatch,
    stream::{Built, CALLBACK_FRAMES, Endpoint, Fault, build},
};
use crate::audio::{Channels, Error, SAMPLE_RATE};

/// How often a running device is looked at.
const WATCH: Duration = Duration::from_millis(100);

/// A device without a callback for this long is gone. Some say nothing when they are unplugged; a radio headset may
/// be silent for a third of a second.
const MAX_GAP: Duration = Duration::from_millis(500);

/// A device may take this long to begin.
const MAX_FIRST_GAP: Duration = Duration::from_secs(3);

/// How often what stands in for a lost device does a callback.
const STAND_IN: Duration = Duration::from_millis(10);

/// The most time that a stand-in makes up for after it was held up, by an attempt to open the device.
const MAX_CATCH_UP: Duration = Duration::from_millis(100);

/// How soon a lost device is looked for, and how seldom at last.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const MAX_RETRY: Duration = Duration::from_secs(2);

/// The shape of a device that is not there.
const NO_DEVICE: DeviceFormat = DeviceFormat { rate_hz: SAMPLE_RATE, channels: 1 };

/// A microphone that is opened now, by a thread of its own, and kept open until the input is dropped. What goes wrong in
/// opening it is an [`EndEvent::Lost`], and it is tried again.
pub(super) fn open_input(wanted: Wanted, channels: Channels, wake: Wake) -> Result<LiveInput, Error> {
    let (link, counters) = open::<CaptureCallback>(wanted, channels, wake)?;
    Ok(LiveInput::device(Capture::new(link, channels, counters)?))
}

/// A speaker that is opened now, by a thread of its own, and kept open until the output is dropped. What goes wrong in
/// opening it is an [`EndEvent::Lost`], and it is tried again.
pub(super) fn open_output(wanted: Wanted, channels: Channels, wake: Wake) -> Result<DeviceOutput, Error> {
    let (link, counters) = open::<PlaybackCallback>(wanted, channels, wake)?;
    Ok(DeviceOutput::new(link, channels, counters))
}

/// Starts the thread that owns the device. A sound system may take seconds to answer, and a call that is being set up
/// does not wait for it.
fn open<E: Endpoint>(
    wanted: Wanted,
    channels: Channels,
    wake: Wake,
) -> Result<(Link<E::Half>, Arc<Counters>), Error> {
    let counters = Arc::new(Counters::default());
    let (messages_in, messages) = mpsc::channel();
    let mut supervisor = Supervisor::<E> {
        wanted,
        passed_over: 0,
        channels,
        wake,
        counters: counters.clone(),
        messages: messages_in,
    };
    let handle = thread::Builder::new()
        .name("audio-device".to_owned())
        .spawn(move || supervisor.run())
        .map_err(|source| Error::Thread { name: "audio-device", source })?;
    Ok((Link::new(messages, Some(handle.thread().clone())), counters))
}

/// The thread that owns the streams of one end.
struct Supervisor<E: Endpoint> {
    wanted: Wanted,
    /// How many callback sizes the sound system did not keep up with.
    passed_over: usize,
    channels: Channels,
    wake: Wake,
    counters: Arc<Counters>,
    messages: mpsc::Sender<Message<E::Half>>,
}

/// A device that is open.
struct Running {
    /// Only held: dropping them closes the device.
    _streams: (Stream, Option<Stream>),
    fault: Arc<Fault>,
    name: String,
    format: DeviceFormat,
}

impl Running {
    /// Closes the device. That may block on a sound system that is dying, which must hold up nobody.
    fn close(self) {
        let _ = thread::Builder::new().name("audio-close".to_owned()).spawn(move || drop(self));
    }
}

/// Why a running device is not watched any longer.
enum Seen {
    /// The run loop closed this end.
    Closed,
    /// It is gone, for this reason.
    Gone(&'static str),
    /// Its callbacks are too small for the sound system.
    Starved,
}

impl<E: Endpoint> Supervisor<E> {
    /// Opens the device and hands its ring to the run loop.
    fn open(&self) -> Result<Running, Error> {
        let (device, name) = hosts::find(&self.wanted, E::DIRECTION)?;
        let built: Built<E> =
            build(&device, self.passed_over, self.channels, &self.counters, &self.wake, &thread::current())?;
        let streams = (built.stream, built.pacemaker);
        let play = streams.0.play();
        play.and_then(|()| streams.1.as_ref().map_or(Ok(()), Stream::play))
            .map_err(|error| Error::Device { reason: format!("{name} does not start: {error}") })?;
        self.tell(Message::Opened { half: built.half, format: built.format });
        tracing::debug!(device = %name, format = ?built.format, "a sound device is open");
        Ok(Running { _streams: streams, fault: built.fault, name, format: built.format })
    }

    /// Keeps the device open until the run loop closes this end.
    fn run(&mut self) {
        let mut device = self.open().map_err(|error| self.tell_lost(error.to_string())).ok();
        loop {
            let running = match device.take() {
                Some(running) => running,
                None => {
                    let Some(again) = self.stand_in() else { return };
                    self.tell(Message::Event(EndEvent::Recovered { device: again.name.clone() }));
                    again
                }
            };
            match self.watch(&running) {
                Seen::Closed => return,
                Seen::Starved => device = self.open_larger(),
                Seen::Gone(reason) => self.tell_lost(format!("{}: {reason}", running.name)),
            }
            running.close();
        }
    }

    fn tell_lost(&self, reason: String) {
        self.tell(Message::Event(EndEvent::Lost { reason }));
    }

    /// Opens the device again with larger callbacks, before it is closed with those that were too small.
    fn open_larger(&mut self) -> Option<Running> {
        self.passed_over += 1;
        tracing::debug!(frames = CALLBACK_FRAMES[self.passed_over], "callbacks were too small");
        self.open().map_err(|error| self.tell_lost(format!("it did not open again: {error}"))).ok()
    }

    /// Watches a device until there is something to do.
    fn watch(&self, running: &Running) -> Seen {
        let mut seen = self.counters.callbacks.load(Relaxed);
        let (mut since, mut max_gap) = (Instant::now(), MAX_FIRST_GAP);
        let mut starvation = None;
        while !self.counters.closed.load(Acquire) {
            thread::park_timeout(WATCH);
            let (callbacks, now) = (self.counters.callbacks.load(Relaxed), Instant::now());
            if callbacks != seen {
                (seen, since, max_gap) = (callbacks, now, MAX_GAP);
            }
            if let Some(reason) = running.fault.reason() {
                return Seen::Gone(reason);
            }
            if now.saturating_duration_since(since) > max_gap {
                return Seen::Gone("it fell silent");
            }
            let frames = self.counters.frames.load(Relaxed);
            if max_gap == MAX_GAP && self.passed_over + 1 < CALLBACK_FRAMES.len() {
                let rate_hz = running.format.rate_hz;
                let watch = starvation.get_or_insert_with(|| StarvationWatch::new(rate_hz, frames, now));
                if watch.on_frames(frames, now) {
                    return Seen::Starved;
                }
            }
        }
        Seen::Closed
    }

    /// Is a silent device in real time until the real one is back; `None` when the run loop closed this end.
    fn stand_in(&self) -> Option<Running> {
        let (mut endpoint, half) =
            E::pair(NO_DEVICE, self.channels, self.counters.clone(), self.wake.clone());
        self.tell(Message::Opened { half, format: NO_DEVICE });
        let mut done_until = Instant::now();
        let mut retry = FIRST_RETRY;
        let mut next_try = done_until + retry;
        while !self.counters.closed.load(Acquire) {
            thread::park_timeout(STAND_IN);
            let now = Instant::now();
            if now.saturating_duration_since(done_until) > MAX_CATCH_UP {
                done_until = now - STAND_IN;
            }
            while done_until + STAND_IN <= now {
                endpoint.stand_in((SAMPLE_RATE as u128 * STAND_IN.as_millis() / 1000) as usize);
                done_until += STAND_IN;
            }
            if now >= next_try {
                match self.open() {
                    Ok(running) => return Some(running),
                    Err(error) => tracing::trace!(%error, "the sound device is not back yet"),
                }
                retry = (retry * 2).min(MAX_RETRY);
                next_try = Instant::now() + retry;
            }
        }
        None
    }

    /// Tells the run loop. It may be gone, which is seen at the next look.
    fn tell(&self, message: Message<E::Half>) {
        let _ = self.messages.send(message);
        (self.wake)();
    }
}
