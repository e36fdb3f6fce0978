//! The media path: samples to packets, packets to samples.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handset::audio::{Receiver, ReceiverConfig, RedSettings, Sender, SenderConfig};
use handset::rtp::{Packet, RtpTimestamp, Samples, Seq};

use crate::allocations_of;

const FRAME: usize = 480;
/// The first second is not counted: threads and libraries set themselves up.
const SETTLED: usize = 100;
const FRAMES: usize = 500;

fn sound(n: usize) -> Vec<f32> {
    (0..FRAME).map(|i| 0.3 * ((n * FRAME + i) as f32 * 0.02).sin()).collect()
}

/// What is carried of older frames: nothing, copies at this distance, or parity over so many.
const CARRIED: [(u8, u8); 3] = [(0, 0), (2, 0), (0, 4)];

fn sender((distance, parity): (u8, u8)) -> Sender {
    let config = SenderConfig { expected_loss_percent: 15, redundancy_ms: 120, ..SenderConfig::default() };
    let mut sender = Sender::new(config).expect("an encoder");
    let red = RedSettings { payload_type: 111, distance, copies: 2, parity };
    sender.set_red((distance + parity > 0).then_some(red));
    sender
}

#[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn samples_become_packets_without_allocating() {
    for carried in CARRIED {
        let (mut sender, start) = (sender(carried), now());
        let frames: Vec<Vec<f32>> = (0..FRAMES).map(sound).collect();
        let mut encode = |frame: &Vec<f32>| {
            sender.push(frame, start);
            sender.poll_frame().is_some_and(|frame| !frame.payload.is_empty())
        };
        assert!(frames[..SETTLED].iter().all(&mut encode));
        let (count, encoded) = allocations_of(|| frames[SETTLED..].iter().all(&mut encode));
        assert_eq!((count, encoded), (0, true), "with {carried:?}");
    }
}

/// Packets of a voice over a network that delays and loses them, in order of arrival.
fn arrivals(carried: (u8, u8), start: Instant) -> Vec<Packet> {
    let mut sender = sender(carried);
    let mut packets: Vec<Packet> = (0..FRAMES)
        .filter_map(|n| {
            sender.push(&sound(n), start);
            let frame = sender.poll_frame()?;
            let jitter_ms = (n * 7919 % 23) as u64;
            let arrival = start + Duration::from_millis((n as u64 + 1) * 10 + jitter_ms);
            let payload: Arc<[u8]> = frame.payload.into();
            let (seq, timestamp) = (Seq(n as u64), RtpTimestamp((1 << 32) + frame.timestamp));
            let packet =
                Packet { ssrc: 1, seq, timestamp, arrival, marker: n == 0, format: frame.format, payload };
            // Alone, and in bursts that are concealed for long.
            (n % 11 != 5 && n % 130 > 6).then_some(packet)
        })
        .collect();
    packets.sort_by_key(|packet| packet.arrival);
    packets
}

#[test]
fn packets_become_samples_without_allocating() {
    for carried in CARRIED {
        for pull in [120, 441, 480] {
            let start = now();
            let arrivals = arrivals(carried, start);
            let mut arrivals = arrivals.iter().peekable();
            let mut receiver = Receiver::new(ReceiverConfig::default()).expect("memory");
            let mut out = [0.0; 480];
            let mut play = |from_ms: usize, to_ms: usize| {
                let pulls = |ms: usize| ms * 48 / pull;
                for n in pulls(from_ms)..pulls(to_ms) {
                    // A clock that runs 200 ppm slow, so that the resampler works.
                    let at = start + Samples::from(n * pull).duration().mul_f64(1.0002);
                    while let Some(packet) = arrivals.next_if(|packet| packet.arrival <= at) {
                        receiver.handle_packet(packet);
                    }
                    receiver.render(at, &mut out[..pull]);
                }
                receiver.peek_stats()
            };
            play(0, SETTLED * 10);
            let (count, stats) = allocations_of(|| play(SETTLED * 10, FRAMES * 10));
            let shown = format!("pulls of {pull}, with {carried:?}: {stats:?}");
            assert_eq!(count, 0, "{shown}");
            assert!(
                stats.concealed_samples > 0 && stats.fec_used + stats.red_used + stats.dred_used > 0,
                "{shown}"
            );
        }
    }
}
