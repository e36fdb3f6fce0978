//! The receiver on the real codec in virtual time: these packets arrive, this is heard.

use std::sync::Arc;
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

    /// Greatest step from sample to sample.
    fn steepest(&self) -> f32 {
        self.samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }
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
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let at = |ms: f64| start + Duration::from_micros((ms * 1000.0) as u64);
        let frame = self.config.frame.samples();
        let mut arrivals: Vec<(f64, Packet)> = encode_all(self.config.clone(), source)
            .into_iter()
            .enumerate()
            .filter_map(|(n, payload)| {
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
        let mut receiver = Receiver::new(ReceiverConfig::default()).unwrap();
        let mut samples = Vec::new();
        let mut out = vec![0.0; self.pull];
        let tick = self.pull as f64 / 48.0 * (1.0 + self.drift_ppm * 1e-6);
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
                receiver.render(at(pull), &mut out);
                samples.extend_from_slice(&out);
                next = Some(pull + tick);
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
    let source = voice_like(8 * 48_000);
    let stall = |n: u64| {
        let sent = n as f64 * 10.0;
        Some(if (3000.0..3200.0).contains(&sent) { 3200.0 - sent } else { 1.0 })
    };
    let heard = Scene::of(FrameLength::Ms10, 120).run(&source, stall);
    let before = heard.delay(&source, 2.0).0;
    let after = heard.delay(&source, 4.4).0;
    assert!((after - before).abs() < 5.0, "{before} ms before, {after} ms a second after");
    assert!(heard.stats.lost_samples < 48 * 180, "{:?}", heard.stats);
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

#[test]
fn a_clock_that_drifts_is_followed() {
    let source = voice_like(20 * 48_000);
    for drift_ppm in [-300.0, 300.0] {
        let scene = Scene { drift_ppm, ..Scene::of(FrameLength::Ms10, 120) };
        let heard = scene.run(&source, |_| Some(1.0));
        assert!(heard.stats.concealed_samples < 480, "{drift_ppm}: {:?}", heard.stats);
        assert!(heard.stats.playout_delay_ms < 5.0, "{drift_ppm}: {:?}", heard.stats);
        assert_eq!(heard.stats.shortened_samples + heard.stats.lengthened_samples, 0, "{:?}", heard.stats);
    }
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
