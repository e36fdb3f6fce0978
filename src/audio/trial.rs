//! A receiver put through arrivals in virtual time, and measured.
//!
//! The same arrivals, whether simulated or recorded, can be put through any [`Playout`]: ours with other settings, or
//! another algorithm.

use std::borrow::Borrow;
use std::time::{Duration, Instant};

use super::{Receiver, SAMPLE_RATE};
use crate::rtp::{Packet, RtpTimestamp, Samples};

/// Something that turns packets into samples.
pub trait Playout {
    /// Takes a packet in.
    fn handle_packet(&mut self, packet: &Packet);
    /// Fills `out` with what is heard from `now` on.
    fn render(&mut self, now: Instant, out: &mut [f32]);
    /// Writes what can be heard at once to the front of `out`, and returns how many samples that is. What knows of no
    /// such thing fills `out`.
    fn render_ready(&mut self, now: Instant, out: &mut [f32]) -> usize {
        self.render(now, out);
        out.len()
    }
    /// When the first pull should come, once the first packet has.
    fn poll_playout(&self) -> Option<Instant>;
    /// Media time of the sample that is rendered next; `None` while that is made up.
    fn heard(&self) -> Option<RtpTimestamp>;
    /// What was done to the sound so far.
    fn totals(&mut self) -> Totals;
}

/// What was done to the sound, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Rendered.
    pub rendered: u64,
    /// Rendered, and made up.
    pub concealed: u64,
    /// Left out or repeated to change the delay.
    pub stretched: u64,
}

impl Playout for Receiver {
    fn handle_packet(&mut self, packet: &Packet) {
        Receiver::handle_packet(self, packet);
    }

    fn render(&mut self, now: Instant, out: &mut [f32]) {
        Receiver::render(self, now, out);
    }

    fn render_ready(&mut self, now: Instant, out: &mut [f32]) -> usize {
        Receiver::render_ready(self, now, out)
    }

    fn poll_playout(&self) -> Option<Instant> {
        Receiver::poll_playout(self)
    }

    fn heard(&self) -> Option<RtpTimestamp> {
        Receiver::heard(self)
    }

    fn totals(&mut self) -> Totals {
        let stats = self.stats();
        Totals {
            rendered: stats.total_samples,
            concealed: stats.concealed_samples,
            stretched: stats.shortened_samples + stats.lengthened_samples,
        }
    }
}

/// How a trial is run.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// When virtual time begins.
    pub start: Instant,
    /// When the sample of media time `origin` was spoken, by the same clock.
    pub origin_at: Instant,
    /// See `origin_at`.
    pub origin: RtpTimestamp,
    /// How the sink asks for sound.
    pub pull: Pull,
    /// How much faster than true time the sink plays, in parts per million.
    pub sink_ppm: f64,
    /// How much faster than true time the speaker's clock runs, in parts per million.
    pub source_ppm: f64,
    /// When it ends.
    pub end: Instant,
    /// Whether what was heard is kept.
    pub keeps_sound: bool,
}

/// How a sink asks for sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// So many samples at a time, as a device does.
    Of(Samples),
    /// What is ready, as a file or a pipe does.
    Ready,
}

/// Longest pull of a sink that takes what is ready.
const MAX_READY: usize = 960;

/// What a trial gave.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What was heard, from `start` on; empty if it was not to be kept.
    pub samples: Vec<f32>,
    /// Delay from mouth to ear over time, without the codec's look-ahead, at each pull that was not made up.
    pub track: Vec<Moment>,
    /// What was done to the sound.
    pub totals: Totals,
}

/// The delay at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Milliseconds since the trial's start.
    pub at_ms: f64,
    /// From mouth to ear.
    pub delay_ms: f64,
}

impl Trial {
    /// Puts `arrivals`, in order of arrival, through `playout`, whose output is mono.
    pub fn run(
        &self,
        playout: &mut impl Playout,
        arrivals: impl IntoIterator<Item = impl Borrow<Packet>>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut arrivals = arrivals.into_iter().peekable();
        let Some(first) = arrivals.next() else { return outcome };
        playout.handle_packet(first.borrow());
        let begin = playout.poll_playout().unwrap_or(first.borrow().arrival);
        if self.keeps_sound {
            let silence = begin.saturating_duration_since(self.start).as_secs_f64() * f64::from(SAMPLE_RATE);
            outcome.samples.resize(silence as usize, 0.0);
        }
        let mut out = match self.pull {
            Pull::Of(samples) => vec![0.0; samples.len()],
            Pull::Ready => vec![0.0; MAX_READY],
        };
        let pace = f64::from(SAMPLE_RATE) * (1.0 + self.sink_ppm * 1e-6);
        let mut rendered = 0;
        loop {
            let now = begin + Duration::from_secs_f64(rendered as f64 / pace);
            if now >= self.end {
                break;
            }
            while let Some(packet) = arrivals.next_if(|packet| packet.borrow().arrival <= now) {
                playout.handle_packet(packet.borrow());
            }
            if let Some(heard) = playout.heard() {
                outcome.track.push(self.moment(now, heard));
            }
            let length = match self.pull {
                Pull::Of(_) => {
                    playout.render(now, &mut out);
                    out.len()
                }
                Pull::Ready => playout.render_ready(now, &mut out).clamp(1, out.len()),
            };
            rendered += length as u64;
            if self.keeps_sound {
                outcome.samples.extend_from_slice(&out[..length]);
            }
        }
        outcome.totals = playout.totals();
        outcome
    }

    fn moment(&self, now: Instant, heard: RtpTimestamp) -> Moment {
        let spoken_ms = heard.since(self.origin).ms() / (1.0 + self.source_ppm * 1e-6);
        let ms = |at: Instant| now.saturating_duration_since(at).as_secs_f64() * 1000.0;
        Moment { at_ms: ms(self.start), delay_ms: ms(self.origin_at) - spoken_ms }
    }
}

impl Outcome {
    /// The delay that a share `quantile` of the time did not exceed, in milliseconds; the first `skip_ms` left out.
    pub fn delay_ms(&self, quantile: f64, skip_ms: f64) -> f64 {
        let mut delays: Vec<f64> =
            self.track.iter().filter(|m| m.at_ms >= skip_ms).map(|m| m.delay_ms).collect();
        if delays.is_empty() {
            return 0.0;
        }
        delays.sort_by(f64::total_cmp);
        delays[((delays.len() - 1) as f64 * quantile).round() as usize]
    }

    /// Mean delay, in milliseconds; the first `skip_ms` left out.
    pub fn mean_delay_ms(&self, skip_ms: f64) -> f64 {
        let later = || self.track.iter().filter(|m| m.at_ms >= skip_ms);
        later().map(|m| m.delay_ms).sum::<f64>() / later().count().max(1) as f64
    }

    /// The longest time, in milliseconds, for which the delay stayed more than `above_ms` above its median.
    pub fn recovery_ms(&self, above_ms: f64) -> f64 {
        let limit = self.delay_ms(0.5, 0.0) + above_ms;
        let mut longest = 0.0f64;
        let mut since = None;
        for moment in &self.track {
            if moment.delay_ms <= limit {
                since = None;
            } else {
                longest = longest.max(moment.at_ms - *since.get_or_insert(moment.at_ms));
            }
        }
        longest
    }

    /// Share of the rendered samples that was made up, in percent.
    pub fn concealed_percent(&self) -> f64 {
        percent(self.totals.concealed, self.totals.rendered)
    }

    /// Share of the rendered samples that was left out or repeated, in percent.
    pub fn stretched_percent(&self) -> f64 {
        percent(self.totals.stretched, self.totals.rendered)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
