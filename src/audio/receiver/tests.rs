//! The receiver on the real codec in virtual time: these packets arrive, this is heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::audio::opus::testing::{correlation, encode_all, voice_like};
use crate::audio::opus::{EncoderConfig, FrameLength};
use crate::rtp::{PayloadFormat, RtpTimestamp, Seq};

/// What came of a run.
struct Heard {
    /// The samples, from the beginning of virtual time.
    samples: Vec<f32>,
    stats: ReceiverStats,
}

impl Heard {
    /// Delay in milliseconds from the source to what is heard around second `at`, and how alike they are.
    fn delay(&self, source: &[f32], at: f64) -> (f64, f32) {
        let from = (at * 48_000.0) as usize;
        let window = &source[from..from + 9600];
        let likeness = |lag: usize| correlation(window, &self.samples[from + lag..from + lag + 9600]);
        let best = |lags: &mut dyn Iterator<Item = usize>| {
            let scored = lags.map(|lag| (lag, likeness(lag)));
            scored.fold((0, -1.0), |best, next| if next.1 > best.1 { next } else { best })
        };
        let coarse = best(&mut (0..12_000).step_by(24)).0;
        let fine = best(&mut (coarse.saturating_sub(24)..coarse + 24));
        (fine.0 as f64 / 48.0, fine.1)
    }

    /// The least power of the difference to a stretch of what another heard, wherever it was heard here, as a part of the
    /// stretch's own.
    fn unlike(&self, other: &Heard, stretch: std::ops::Range<usize>) -> f64 {
        let theirs = &other.samples[stretch.clone()];
        let power = |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| f64::from(s * s)).sum::<f64>();
        let at = |lag: usize| {
            let own = &self.samples[stretch.start + lag - 1000..];
            power(&mut theirs.iter().zip(own).map(|(a, b)| a - b))
        };
        (0..3000).map(at).fold(f64::INFINITY, f64::min) / power(&mut theirs.iter().copied())
    }

    /// Greatest step from sample to sample.
    fn steepest(&self) -> f32 {
        steepest(&self.samples)
    }
}

fn steepest(samples: &[f32]) -> f32 {
    samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

/// A call of one direction.
struct Scene {
    config: EncoderConfig,
    pull: usize,
    /// Speed of the renderer's clock against the sender's, in parts per million.
    drift_ppm: f64,
}

impl Scene {
    fn of(frame: FrameLength, pull: usize) -> Scene {
        Scene { config: EncoderConfig { frame, ..EncoderConfig::default() }, pull, drift_ppm: 0.0 }
    }

    /// Sends `source` over a network that delays packet `n` by `delay_ms(n)`, or loses it.
    fn run(&self, source: &[f32], delay_ms: impl Fn(u64) -> Option<f64>) -> Heard {
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        self.listen(source, &mut receiver, delay_ms, |_, receiver, at, out| {
            receiver.render(at, out);
            out.len()
        })
    }

    /// The same with this receiver, of which `pull` takes what it plays from a moment on. What the encoder left out of a
    /// silence is not sent, but for what tells the other side of it.
    fn listen(
        &self,
        source: &[f32],
        receiver: &mut Receiver,
        delay_ms: impl Fn(u64) -> Option<f64>,
        mut pull_at: impl FnMut(f64, &mut Receiver, Instant, &mut [f32]) -> usize,
    ) -> Heard {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let at = |ms: f64| start + Duration::from_micros((ms * 1000.0) as u64);
        let frame = self.config.frame.samples();
        let mut empty = 0;
        let mut arrivals: Vec<(f64, Packet)> = encode_all(self.config.clone(), source)
            .into_iter()
            .enumerate()
            .filter_map(|(n, payload)| {
                empty = if payload.len() <= 2 { empty + 1 } else { 0 };
                if empty > 2 {
                    return None;
                }
                let ms = ((n + 1) * frame) as f64 / 48.0 + delay_ms(n as u64)?;
                let packet = Packet {
                    ssrc: 1,
                    seq: Seq(n as u64),
                    timestamp: RtpTimestamp((1 << 32) + (n * frame) as u64),
                    arrival: at(ms),
                    marker: n == 0,
                    format: PayloadFormat::Opus,
                    payload: Arc::from(payload),
                };
                Some((ms, packet))
            })
            .collect();
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut arrivals = arrivals.into_iter().peekable();
        let mut samples = Vec::new();
        let mut out = vec![0.0; self.pull];
        let tick = (1.0 + self.drift_ppm * 1e-6) / 48.0;
        let mut next: Option<f64> = None;
        let end = source.len() as f64 / 48.0;
        loop {
            let arrival = arrivals.peek().map_or(f64::INFINITY, |a| a.0);
            let pull = next.unwrap_or(f64::INFINITY);
            if pull.min(arrival) > end {
                break;
            }
            if arrival <= pull {
                receiver.handle_packet(&arrivals.next().unwrap().1);
                if next.is_none() {
                    let due = receiver.poll_playout().expect("a packet has come");
                    let ms = due.duration_since(start).as_micros() as f64 / 1000.0;
                    next = Some(ms);
                    samples.resize((ms * 48.0) as usize, 0.0);
                }
            } else {
                let length = pull_at(pull, receiver, at(pull), &mut out);
                samples.extend_from_slice(&out[..length]);
                next = Some(pull + length as f64 * tick);
            }
        }
        samples.resize(samples.len() + 48_000, 0.0);
        Heard { samples, stats: receiver.stats() }
    }
}

/// Frame, encoder's look-ahead and what the receiver may add, in milliseconds.
const BUDGETS: [(FrameLength, f64); 3] =
    [(FrameLength::Ms20, 26.5), (FrameLength::Ms10, 16.5), (FrameLength::Ms5, 7.5)];

#[test]
fn on_a_quiet_network_the_receiver_adds_two_milliseconds() {
    let source = voice_like(3 * 48_000);
    for (frame, before) in BUDGETS {
        for pull in [120, 240] {
            let heard = Scene::of(frame, pull).run(&source, |n| Some((n % 3) as f64 * 0.1));
            let (delay, alike) = heard.delay(&source, 1.0);
            assert!(alike > 0.9, "{frame} ms: {alike}");
            assert!(delay - before <= 2.0, "{frame} ms in pulls of {pull}: {delay} ms");
            assert_eq!(heard.stats.concealed_samples, 0);
            assert_eq!(heard.stats.shortened_samples + heard.stats.lengthened_samples, 0);
        }
    }
}

#[test]
fn jitter_is_absorbed_without_a_click() {
    let source = voice_like(6 * 48_000);
    let clean = Scene::of(FrameLength::Ms10, 120).run(&source, |_| Some(20.0));
    let heard = Scene::of(FrameLength::Ms10, 120).run(&source, |n| Some(20.0 + (n * 7919 % 23) as f64));
    let (delay, alike) = heard.delay(&source, 4.0);
    assert!(alike > 0.8, "{alike}");
    assert!(delay < 16.5 + 20.0 + 27.0, "{delay}");
    assert!(heard.steepest() < 1.5 * clean.steepest(), "{} {}", heard.steepest(), clean.steepest());
}

#[test]
fn a_stall_that_comes_alone_is_over_at_once() {
    let source = voice_like(21 * 48_000);
    let stall = |n: u64| {
        let sent = n as f64 * 10.0;
        Some(if (16_000.0..16_200.0).contains(&sent) { 16_200.0 - sent } else { 1.0 })
    };
    let heard = Scene::of(FrameLength::Ms10, 120).run(&source, stall);
    let before = heard.delay(&source, 15.0).0;
    let after = heard.delay(&source, 17.4).0;
    assert!((after - before).abs() < 5.0, "{before} ms before, {after} ms a second after");
    assert!(heard.stats.lost_samples < 48 * 200, "{:?}", heard.stats);
    assert_eq!(heard.stats.shortened_samples + heard.stats.lengthened_samples, 0, "and the tempo is kept");
}

#[test]
fn losses_are_concealed_at_the_same_delay() {
    let source = voice_like(6 * 48_000);
    let heard =
        Scene::of(FrameLength::Ms20, 120).run(&source, |n| (n * 7919 % 100 >= 10 || n < 9).then_some(5.0));
    let (delay, alike) = heard.delay(&source, 4.0);
    assert!(alike > 0.7, "{alike}");
    assert!(delay < 26.5 + 5.0 + 5.0, "{delay}");
    let share = heard.stats.concealed_samples as f64 / heard.stats.total_samples as f64;
    assert!((0.08..0.13).contains(&share), "{share}");
}

/// A period of a low voice, in samples.
const PERIOD: u64 = 384;

#[test]
fn a_clock_that_drifts_is_followed() {
    let source = voice_like(20 * 48_000);
    for drift_ppm in [-300.0, 300.0] {
        let scene = Scene { drift_ppm, ..Scene::of(FrameLength::Ms10, 120) };
        let heard = scene.run(&source, |_| Some(1.0));
        assert!(heard.stats.concealed_samples < 480, "{drift_ppm}: {:?}", heard.stats);
        assert!(heard.stats.playout_delay_ms < 5.0, "{drift_ppm}: {:?}", heard.stats);
        // The joint behind a frame that is late by a hair may put in a period of the voice, which a pause gives back.
        let stretched = heard.stats.shortened_samples + heard.stats.lengthened_samples;
        assert!(stretched < PERIOD, "{drift_ppm}: {:?}", heard.stats);
    }
}

#[test]
fn behind_frames_that_came_too_late_the_sound_is_as_if_they_had_not() {
    let source = voice_like(3 * 48_000);
    let scene = Scene::of(FrameLength::Ms10, 120);
    let prompt = scene.run(&source, |_| Some(5.0));
    let held_up = |n: u64| if (200..204).contains(&n) { (204 - n) as f64 * 10.0 } else { 0.0 };
    let burst = scene.run(&source, |n| Some(5.0 + held_up(n)));
    assert!(burst.stats.lost_samples > 0, "not all of them are heard: {:?}", burst.stats);
    let unlike = burst.unlike(&prompt, 206 * 480..210 * 480);
    assert!(unlike < 1e-3, "{unlike}");
}

#[test]
fn a_sender_that_goes_away_fades_into_silence() {
    let source = voice_like(4 * 48_000);
    let heard = Scene::of(FrameLength::Ms20, 480).run(&source, |n| (n < 100).then_some(1.0));
    let tail = &heard.samples[3 * 48_000..4 * 48_000 - 4800];
    assert!(tail.iter().all(|s| s.abs() < 0.04), "nobody talks on: only the background is left");
    assert!(heard.steepest() < 0.5);
}

#[test]
fn before_anything_comes_there_is_silence_of_any_length() {
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    let now = Instant::now();
    for length in [0, 1, 7, 120, 441, 480, 960, 5000] {
        let mut out = vec![1.0; length];
        receiver.render(now, &mut out);
        assert!(out.iter().all(|&s| s == 0.0), "{length}");
    }
    assert_eq!(receiver.poll_playout(), None);
}

/// Mean delay of the network by the sender's reports, whose clock shows something else, over the packets of a scene.
fn one_way_ms(frame: FrameLength, packets: u64, delay_ms: impl Fn(u64) -> Option<f64>, back_ms: f64) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    let start = Instant::now();
    let at = |ms: f64| start + Duration::from_micros((ms * 1000.0) as u64);
    let their_us = |ms: f64| 1_700_000_000_000_000 + (ms * 1000.0) as i64;
    let mut one_way = crate::rtp::OneWayDelay::default();
    let length = Samples::from(frame.samples());
    let mut least = f64::INFINITY;
    for n in 0..packets {
        let spoken_ms = n as f64 * length.ms();
        let timestamp = RtpTimestamp((1 << 32) + n * length.0 as u64);
        let Some(delay) = delay_ms(n) else { continue };
        let arrival = at(spoken_ms + length.ms() + delay);
        least = least.min(delay);
        if n % (1000 / length.ms() as u64) == 0 {
            one_way.handle_round_trip(Duration::from_secs_f64((least + back_ms) / 1000.0), arrival);
            one_way.handle_sender_clock(&crate::rtp::SenderClock {
                at: arrival,
                timestamp: timestamp.wire(),
                captured_us: their_us(spoken_ms),
                sent_us: Some(their_us(spoken_ms + length.ms())),
            });
        }
        one_way.handle_packet(timestamp, length, arrival);
    }
    f64::from(one_way.get().expect("there were reports").ms)
}

#[test]
fn the_delay_by_stage_adds_up_to_what_is_measured_from_outside() {
    let source = voice_like(8 * 48_000);
    for (frame, look_ahead_ms) in
        [(FrameLength::Ms20, 6.5), (FrameLength::Ms10, 6.5), (FrameLength::Ms5, 2.5)]
    {
        for jitter_ms in [0.0, 12.0] {
            let path = |n: u64| Some(30.0 + jitter_ms * ((n * 7919 % 100) as f64 / 100.0));
            let heard = Scene::of(frame, 120).run(&source, path);
            let measured: Vec<f64> = (3..7).map(|second| heard.delay(&source, f64::from(second)).0).collect();
            let measured = measured.iter().sum::<f64>() / measured.len() as f64;
            let packets = source.len() as u64 / frame.samples() as u64;
            let network_ms = one_way_ms(frame, packets, path, 30.0);
            let stats = heard.stats;
            let stages = f64::from(frame.ms())
                + look_ahead_ms
                + network_ms
                + f64::from(stats.playout_delay_ms + stats.resampler_delay_ms);
            let shown = format!("{frame} ms, jitter {jitter_ms}: {stages:.1} told, {measured:.1} measured");
            assert!((stages - measured).abs() < 3.0, "{shown}");
        }
    }
}

/// Opus that counts what it is asked for.
struct CountedCodec {
    opus: OpusCodec,
    plain: Arc<AtomicU32>,
    model: Arc<AtomicU32>,
}

impl Codec for CountedCodec {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, Error> {
        self.plain.fetch_add(1, Ordering::Relaxed);
        self.opus.decode(packet, out)
    }

    fn decode_fec(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Error> {
        self.plain.fetch_add(1, Ordering::Relaxed);
        self.opus.decode_fec(next, out)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.model.fetch_add(1, Ordering::Relaxed);
        self.opus.conceal(out)
    }

    fn conceal_pause(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.plain.fetch_add(1, Ordering::Relaxed);
        self.opus.conceal_pause(out)
    }
}

/// A voice, four seconds of a quiet room, and the voice again.
fn voice_with_a_pause() -> Vec<f32> {
    let mut source = voice_like(8 * 48_000);
    let mut state = 1u32;
    for (n, sample) in source.iter_mut().enumerate().take(6 * 48_000).skip(2 * 48_000) {
        // The voice dies away within 5 ms and comes within 5 ms: what is steep then is the receiver's doing.
        let into = n - 2 * 48_000;
        let fade = 1.0 - into.min(4 * 48_000 - into).min(240) as f32 / 240.0;
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 8) as f32 / 8_388_608.0 - 1.0;
        *sample = *sample * fade + 5e-4 * noise;
    }
    source
}

/// What a silence on purpose came to.
struct Pause {
    /// Pulls in a second of the middle of it, and calls of the codec without and with its model of speech.
    a_second: [f64; 3],
    /// Least and greatest delay of what was heard, without the encoder's look-ahead, before it, in it and after it.
    delays: (f64, f64),
    heard: Heard,
}

fn pause(frame: FrameLength, source: &[f32], delay_ms: impl Fn(u64) -> Option<f64>) -> Pause {
    const FROM_MS: f64 = 3000.0;
    const TO_MS: f64 = 5500.0;
    let config = EncoderConfig { frame, dtx: true, ..EncoderConfig::default() };
    let scene = Scene { config, ..Scene::of(frame, 960) };
    let (plain, model) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let ReceiverConfig { channels, effort, .. } = ReceiverConfig::default();
    let opus = OpusCodec::new(channels, effort).unwrap();
    let codec = CountedCodec { opus, plain: plain.clone(), model: model.clone() };
    let mut receiver = Receiver::with_codec(ReceiverConfig::default(), Box::new(codec));
    let mut counts = [0; 3];
    let mut at_start = counts;
    let mut at_end = counts;
    let mut delays = (f64::INFINITY, 0.0f64);
    let heard = scene.listen(source, &mut receiver, delay_ms, |ms, receiver, at, out| {
        if ms < FROM_MS {
            at_start = counts;
        } else if ms < TO_MS {
            at_end = counts;
        }
        if let Some(sample) = receiver.heard() {
            let delay = ms - sample.since(RtpTimestamp(1 << 32)).ms();
            delays = (delays.0.min(delay), delays.1.max(delay));
        }
        let length = receiver.render_ready(at, out);
        counts = [counts[0] + 1, plain.load(Ordering::Relaxed), model.load(Ordering::Relaxed)];
        length
    });
    let a_second = |index: usize| f64::from(at_end[index] - at_start[index]) * 1000.0 / (TO_MS - FROM_MS);
    Pause { a_second: std::array::from_fn(a_second), delays, heard }
}

#[test]
fn a_silence_on_purpose_takes_no_more_pulls_than_speech_and_hardly_the_codec() {
    let source = voice_with_a_pause();
    for frame in [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60] {
        let Pause { a_second: [pulls, plain, model], heard, .. } =
            pause(frame, &source, |n| Some((n % 3) as f64 * 0.1));
        let shown = format!("{frame} ms: {pulls} pulls, {plain} and {model} calls: {:?}", heard.stats);
        assert!(pulls <= 50f64.max(1000.0 / f64::from(frame.ms())) + 5.0, "{shown}");
        assert!(plain <= 30.0 && model == 0.0, "{shown}");
        assert_eq!((heard.stats.concealed_samples, heard.stats.concealments), (0, 0), "{shown}");
        assert_eq!(heard.stats.shortened_samples + heard.stats.lengthened_samples, 0, "{shown}");
    }
}

#[test]
fn a_silence_on_purpose_ends_where_it_should_and_is_as_smooth_as_speech() {
    let source = voice_with_a_pause();
    for frame in [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms60] {
        let Pause { delays, heard, .. } = pause(frame, &source, |n| Some((n % 3) as f64 * 0.1));
        assert!(delays.1 - delays.0 < 0.5, "{frame} ms: from {} ms to {} ms", delays.0, delays.1);
        let part = |from_ms: usize, to_ms: usize| steepest(&heard.samples[from_ms * 48..to_ms * 48]);
        let (speech, silence) = (part(500, 1900), part(2200, 5900));
        assert!(silence < 0.005, "{frame} ms: {silence} in the silence");
        assert!(part(1900, 2200).max(part(5900, 6300)) < 1.2 * speech, "{frame} ms: a click at an edge");
    }
}

#[test]
fn where_packets_come_late_little_is_made_up_before_a_word() {
    let source = voice_with_a_pause();
    let jitter = |n: u64| Some(30.0 * (n * 7919 % 100) as f64 / 100.0);
    let Pause { a_second: [pulls, plain, model], heard, .. } = pause(FrameLength::Ms20, &source, jitter);
    let shown = format!("{pulls} pulls, {plain} and {model} calls: {:?}", heard.stats);
    assert!((100.0..=300.0).contains(&pulls), "{shown}");
    assert!(plain <= 30.0 && model <= 5.0, "{shown}");
}

#[test]
fn what_is_overdue_is_rendered_at_once_however_little_would_do() {
    let source = voice_like(48_000);
    let scene = Scene::of(FrameLength::Ms20, 960);
    let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
    // Nothing comes from the 25th packet on, half a second later.
    let mut lengths = Vec::new();
    let lost = |n| (n < 25).then_some(0.0);
    scene.listen(&source, &mut receiver, lost, |ms, receiver, at, out| {
        let overdue = if ms < 700.0 { 0 } else { 480 };
        let length = receiver.render_overdue(at, overdue, out);
        if ms > 600.0 {
            lengths.push((ms < 700.0, length));
        }
        length
    });
    assert!(lengths.iter().all(|&(in_time, length)| length == if in_time { 60 } else { 480 }), "{lengths:?}");
    assert!(lengths.len() > 80 + 20, "{lengths:?}");
}
