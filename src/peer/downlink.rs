//! Their voice on its way in: packets, a jitter buffer, a decoder, an output.

use std::time::Instant;

use crate::audio::device::{Due, Output};
use crate::audio::{Level, Receiver, ReceiverConfig, ReceiverStats, SearchTone};
use crate::rtp::Packet;

use super::engine::Reporter;
use super::playout_clock::{MAX_PULL_SAMPLES, PlayoutClock, Pull};
use super::uplink::device_event;
use super::{PeerConfig, PeerError, PeerEvent};

/// What a speaker gets at a time before anything has come, in samples per channel: 5 ms.
const SILENCE_SAMPLES: usize = 240;

pub(super) struct Downlink {
    output: Option<Output>,
    receiver: Receiver,
    channels: usize,
    /// Of an output that has no clock of its own.
    clock: Option<PlayoutClock>,
    aligned: bool,
    /// A packet has come.
    fed: bool,
    heard: bool,
    /// On hold: what comes in is not heard.
    silent: bool,
    /// For a person at a speaker; a file or a pipe gets what came from the other side and nothing else.
    search_tone: SearchTone,
    level: Level,
    buffer: Vec<f32>,
}

impl Downlink {
    /// # Errors
    /// When Opus refuses.
    pub(super) fn new(output: Option<Output>, config: &PeerConfig) -> Result<Self, PeerError> {
        let channels = config.audio.channels;
        let latency = config.policy.latency;
        let receiver = ReceiverConfig { channels, latency, ..ReceiverConfig::default() };
        let receiver =
            Receiver::new(receiver).map_err(|source| PeerError::Audio { end: "output", source })?;
        let search_tone = SearchTone::new(channels);
        let channels = channels.count();
        Ok(Self {
            output,
            receiver,
            channels,
            clock: None,
            aligned: false,
            fed: false,
            heard: false,
            silent: false,
            search_tone,
            level: Level::SILENCE,
            buffer: vec![0.0; MAX_PULL_SAMPLES * channels],
        })
    }

    /// Media can flow: the output's time begins.
    pub(super) fn start(&mut self, now: Instant, reporter: &mut Reporter) {
        match &self.output {
            Some(Output::Paced(_)) => self.clock = Some(PlayoutClock::start(now)),
            Some(Output::Device(_)) => {}
            None => return,
        }
        reporter.tell_at(PeerEvent::OutputStarted {}, now);
    }

    pub(super) fn set_silent(&mut self, silent: bool) {
        self.silent = silent;
    }

    /// The call looks for a path, or has found one.
    pub(super) fn set_searching(&mut self, searching: bool) {
        self.search_tone.set_on(searching);
    }

    pub(super) fn handle_packet(&mut self, packet: &Packet) {
        self.fed = true;
        self.receiver.handle_packet(packet);
    }

    /// When the output needs its next samples, by what is known. A speaker that takes some wakes the loop beside that.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.output {
            Some(Output::Device(output)) => output.deadline(),
            Some(Output::Paced(_)) | None => self.clock.as_ref().map(PlayoutClock::due),
        }
    }

    /// Renders everything that the output needs at `now`.
    pub(super) fn pump(&mut self, now: Instant, reporter: &mut Reporter) {
        match &self.output {
            Some(Output::Paced(_)) => self.render_pulls(now, reporter),
            Some(Output::Device(_)) => self.render_due(now, reporter),
            None => {}
        }
        self.tell_events(now, reporter);
    }

    fn tell_events(&mut self, now: Instant, reporter: &mut Reporter) {
        while let Some(event) = match &mut self.output {
            Some(Output::Paced(output)) => output.poll_event(),
            Some(Output::Device(output)) => output.poll_event(now),
            None => None,
        } {
            reporter.tell(device_event("output", event));
        }
    }

    fn render_pulls(&mut self, now: Instant, reporter: &mut Reporter) {
        if !self.aligned
            && let (Some(clock), Some(wanted)) = (&mut self.clock, self.receiver.poll_playout())
        {
            clock.align(wanted);
            self.aligned = true;
        }
        while let Some(Pull { due, overdue, most }) = self.clock.as_mut().and_then(|clock| clock.pull(now)) {
            let out = &mut self.buffer[..most * self.channels];
            let samples = self.receiver.render_overdue(due, overdue, out);
            self.on_rendered(samples * self.channels, now, reporter);
            if let Some(Output::Paced(output)) = &mut self.output {
                output.write(&self.buffer[..samples * self.channels]);
            }
            if let Some(clock) = &mut self.clock {
                clock.advance(samples);
            }
        }
    }

    /// Renders what a speaker is about to need.
    fn render_due(&mut self, now: Instant, reporter: &mut Reporter) {
        while let Some(Output::Device(output)) = &mut self.output
            && let Some(due) = output.poll_due(now)
        {
            let samples = self.render_piece(due) * self.channels;
            self.on_rendered(samples, now, reporter);
            let out = &mut self.buffer[..samples];
            self.search_tone.mix(out);
            if let Some(Output::Device(output)) = &mut self.output {
                output.write(out);
            }
        }
    }

    /// Renders to the front of the buffer. Returns the samples per channel.
    fn render_piece(&mut self, due: Due) -> usize {
        if self.fed {
            return self.receiver.render_overdue(due.since, due.overdue, &mut self.buffer);
        }
        // Nothing waits to be heard, so pieces need not be short.
        self.receiver.render(due.since, &mut self.buffer[..SILENCE_SAMPLES * self.channels]);
        SILENCE_SAMPLES
    }

    /// The first `samples` interleaved ones of the buffer are about to be heard.
    fn on_rendered(&mut self, samples: usize, now: Instant, reporter: &mut Reporter) {
        let out = &mut self.buffer[..samples];
        if self.silent {
            out.fill(0.0);
        }
        self.level = Level::of(out);
        if self.fed && !self.heard && self.receiver.poll_playout().is_none() {
            self.heard = true;
            reporter.tell_at(PeerEvent::FirstAudio {}, now);
        }
    }

    /// What renders.
    pub(super) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Counts since the beginning; the mean delay is that since the last call.
    pub(super) fn stats(&mut self) -> ReceiverStats {
        self.receiver.stats()
    }

    /// Loudness of what was rendered last (dBov).
    pub(super) fn level_dbov(&self) -> f32 {
        f32::from(self.level.dbov())
    }

    /// How long sound waits in the ring before the output (ms).
    pub(super) fn ring_ms(&self) -> f32 {
        match &self.output {
            Some(Output::Device(output)) => output.delay().as_secs_f32() * 1000.0,
            Some(Output::Paced(_)) | None => 0.0,
        }
    }

    /// Samples that a device asked for in vain.
    pub(super) fn underruns(&self) -> u64 {
        match &self.output {
            Some(Output::Device(output)) => output.underrun_frames(),
            Some(Output::Paced(_)) | None => 0,
        }
    }

    /// Writes out what is left and waits until it is written.
    pub(super) fn close(mut self, now: Instant, reporter: &mut Reporter) {
        self.tell_events(now, reporter);
    }
}
