//! What playing 10 ms of a call takes: the whole tick (take the packet in, decide, decode, resample), and the decision
//! alone at several depths of the buffer.
//!
//! `cargo bench --bench playout` prints median, 99 % and greatest time on the processor: what else the machine does is
//! not in it. The budget of a tick is 150 us at 99 %, of a decision 1 us, whatever the depth.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what a clock says")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handset::audio::{Receiver, ReceiverConfig, RedSettings, Sender, SenderConfig};
use handset::rtp::{
    JitterBuffer, Packet, PayloadFormat, RtpTimestamp, Samples, Seq, TargetSettings, Unplayed,
};
use handset::sim::{Link, Profile};

/// Time that this thread has spent on a processor.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Samples of a tick: 10 ms.
const TICK: usize = 480;
const TICKS: usize = 12_000;
const ORIGIN: RtpTimestamp = RtpTimestamp(1 << 32);
/// Decisions that are timed at once: reading the clock takes as long as one of them.
const AT_ONCE: usize = 64;

/// A buzz with a wandering pitch, which is coded like a voice.
fn voice(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    (0..samples)
        .map(|i| {
            let t = i as f32 / 48_000.0;
            phase = (phase + (120.0 + 20.0 * (t * 9.0).sin()) / 48_000.0).fract();
            let harmonics = (1..20).map(|k| (std::f32::consts::TAU * phase * k as f32).sin() / k as f32);
            0.2 * (t * 2.0).sin().max(0.0) * harmonics.sum::<f32>()
        })
        .collect()
}

/// What a sender makes of ten seconds, again and again.
fn packets(config: SenderConfig, red: bool, start: Instant) -> Vec<Packet> {
    let mut sender = Sender::new(config).expect("an encoder");
    sender.set_red(red.then_some(RedSettings { payload_type: 111, distance: 1, copies: 1, parity: 0 }));
    let sound = voice(480_000);
    let mut packets = Vec::with_capacity(TICKS);
    for n in 0..TICKS {
        let from = n * TICK % sound.len();
        sender.push(&sound[from..from + TICK], start);
        let Some(frame) = sender.poll_frame() else { continue };
        packets.push(Packet {
            ssrc: 1,
            seq: Seq(n as u64),
            timestamp: ORIGIN + Samples::from(n * TICK),
            arrival: start + Samples::from((n + 1) * TICK).duration(),
            marker: n == 0,
            format: frame.format,
            payload: frame.payload.into(),
        });
    }
    packets
}

fn over(network: Profile, packets: &[Packet], start: Instant) -> Vec<Packet> {
    let mut link = Link::new(network.link(), 1, start);
    for packet in packets {
        link.send(packet.arrival, packet.payload.len() + 58, packet.clone());
    }
    let mut arrivals = Vec::new();
    while let Some(at) = link.poll_timeout() {
        arrivals.extend(link.poll(at).map(|(arrival, packet)| Packet { arrival, ..packet }));
    }
    arrivals
}

fn print(name: &str, mut took: Vec<Duration>) {
    took.sort();
    let us = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1000.0;
    println!("{name:44} {:9.2} {:9.2} {:9.2}", us(0.5), us(0.99), us(1.0));
}

/// Ticks of a receiver whose clock is off by 100 ppm, so that it resamples.
fn tick(name: &str, arrivals: &[Packet], start: Instant) {
    let mut receiver = Receiver::new(ReceiverConfig::default()).expect("memory");
    let mut arrivals = arrivals.iter().peekable();
    let mut out = [0.0; TICK];
    let took = (0..TICKS)
        .map(|n| {
            let now = start + Samples::from((n + 2) * TICK).duration().mul_f64(1.0001);
            let began = spent();
            while let Some(packet) = arrivals.next_if(|packet| packet.arrival <= now) {
                receiver.handle_packet(packet);
            }
            receiver.render(now, &mut out);
            black_box(&out);
            spent() - began
        })
        .collect();
    print(name, took);
}

/// Decisions of a buffer that always holds at least `depth` frames, and packets taken in beside them. One that catches up
/// would leave out what waits for so long.
fn decide(depth: usize, start: Instant) {
    let mut buffer =
        JitterBuffer::new(TargetSettings { max_delay_ms: 2000, catches_up: false, ..Default::default() });
    let payload: Arc<[u8]> = vec![30 << 3; 40].into();
    let packet = |n: usize, arrival: Instant| Packet {
        ssrc: 1,
        seq: Seq(n as u64),
        timestamp: ORIGIN + Samples::from(n * TICK),
        arrival,
        marker: n == 0,
        format: PayloadFormat::Opus,
        payload: payload.clone(),
    };
    let (mut decisions, mut inserts) = (Vec::new(), Vec::new());
    let mut given = 0;
    for round in 0..200 {
        let fresh: Vec<Packet> = (given..(round + 1) * AT_ONCE + depth)
            .map(|n| packet(n, start + Samples::from((n + 1) * TICK).duration()))
            .collect();
        given += fresh.len();
        let began = spent();
        fresh.iter().for_each(|packet| buffer.handle_packet(packet));
        if round > 0 {
            inserts.push((spent() - began) / fresh.len().max(1) as u32);
        }
        let pulls: Vec<Instant> = (0..AT_ONCE)
            .map(|n| start + Samples::from((round * AT_ONCE + n + depth + 1) * TICK).duration())
            .collect();
        let began = spent();
        for now in pulls {
            buffer.begin(now, Samples::from(TICK), Unplayed::default());
            black_box(buffer.decide(Unplayed::default()));
        }
        decisions.push((spent() - began) / AT_ONCE as u32);
    }
    assert!(buffer.waiting() >= depth.saturating_sub(2), "{} wait", buffer.waiting());
    print(&format!("decision, {depth} frames waiting"), decisions);
    print(&format!("packet taken in, {depth} frames waiting"), inserts);
}

fn main() {
    let start = Instant::now();
    println!("{:44} {:>9} {:>9} {:>9}", "us", "median", "99 %", "greatest");
    let plain = packets(SenderConfig::default(), false, start);
    for network in [Profile::Clean, Profile::WifiBusy, Profile::Hotel] {
        tick(&format!("tick, {network}"), &over(network, &plain, start), start);
    }
    let copied = packets(SenderConfig::default(), true, start);
    tick("tick, l10 with copies", &over(Profile::Loss10, &copied, start), start);
    let fec = SenderConfig { expected_loss_percent: 15, ..Default::default() };
    tick("tick, l10 with FEC", &over(Profile::Loss10, &packets(fec, false, start), start), start);
    let deep = SenderConfig { expected_loss_percent: 15, redundancy_ms: 120, ..Default::default() };
    tick(
        "tick, ge5 with deep redundancy",
        &over(Profile::Bursts5, &packets(deep, false, start), start),
        start,
    );
    for depth in [1, 8, 32, 128] {
        decide(depth, start);
    }
}
