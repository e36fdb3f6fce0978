//! What sound costs: a frame encoded, a packet decoded, a gap filled, a callback of the sound card.
//!
//! The budget that a user feels is the frame itself: with 10 ms frames, encoding and decoding together may take a few
//! per cent of 10 ms on the loop's thread.
#![allow(missing_docs, clippy::disallowed_methods, reason = "a bench reads a clock")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use handset::audio::{
    Channels, FrameLength, Sender, SenderConfig,
    device::{self, DeviceFormat},
    opus::{Decoder, DecoderEffort, Dred, DredReader, MAX_PACKET_SAMPLES},
};

/// A buzz with a wandering pitch, which is coded like a voice.
fn voice(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    (0..samples)
        .map(|i| {
            let t = i as f32 / 48_000.0;
            phase += (120.0 + 20.0 * (t * 9.0).sin()) / 48_000.0;
            let harmonics = (1..20).map(|k| (std::f32::consts::TAU * phase * k as f32).sin() / k as f32);
            0.2 * harmonics.sum::<f32>()
        })
        .collect()
}

fn packets(config: SenderConfig, sound: &[f32]) -> Vec<Vec<u8>> {
    let mut sender = Sender::new(config).unwrap();
    sender.push(sound, Instant::now());
    std::iter::from_fn(|| sender.poll_frame().map(|frame| frame.payload.to_vec())).collect()
}

fn encode(c: &mut Criterion) {
    let sound = voice(48_000);
    let mut group = c.benchmark_group("samples to packet");
    for frame in FrameLength::ALL {
        let (mut sender, now) =
            (Sender::new(SenderConfig { frame, ..Default::default() }).unwrap(), Instant::now());
        let mut blocks = sound.chunks_exact(frame.samples()).cycle();
        group.bench_function(BenchmarkId::from_parameter(format!("{frame} ms")), |b| {
            b.iter(|| {
                sender.push(blocks.next().unwrap(), now);
                black_box(sender.poll_frame().map(|frame| frame.payload.len()))
            });
        });
    }
    let config = SenderConfig { expected_loss_percent: 10, redundancy_ms: 200, ..Default::default() };
    let (mut sender, now) = (Sender::new(config).unwrap(), Instant::now());
    let mut blocks = sound.chunks_exact(480).cycle();
    group.bench_function("10 ms with FEC and deep redundancy", |b| {
        b.iter(|| {
            sender.push(blocks.next().unwrap(), now);
            black_box(sender.poll_frame().map(|frame| frame.payload.len()))
        });
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let sound = voice(48_000);
    let mut out = vec![0.0; MAX_PACKET_SAMPLES];
    let mut group = c.benchmark_group("packet to samples");
    for frame in FrameLength::ALL {
        let packets = packets(SenderConfig { frame, ..Default::default() }, &sound);
        let mut decoder = Decoder::new(Channels::Mono, DecoderEffort::default()).unwrap();
        let mut packets = packets.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(format!("{frame} ms")), |b| {
            b.iter(|| black_box(decoder.decode(packets.next().unwrap(), &mut out).unwrap()));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("a lost 10 ms");
    let config = SenderConfig { expected_loss_percent: 20, redundancy_ms: 200, ..Default::default() };
    let packets = packets(config, &sound);
    let mut decoder = Decoder::new(Channels::Mono, DecoderEffort::default()).unwrap();
    let mut at = (0..packets.len() - 1).cycle();
    group.bench_function("concealed, and the next decoded", |b| {
        b.iter(|| {
            decoder.conceal(&mut out[..480]).unwrap();
            decoder.decode(&packets[at.next().unwrap()], &mut out).unwrap()
        });
    });
    group.bench_function("from FEC, and the next decoded", |b| {
        b.iter(|| {
            let next = &packets[at.next().unwrap()];
            decoder.decode_fec(next, &mut out[..480]).unwrap();
            decoder.decode(next, &mut out).unwrap()
        });
    });
    let (mut reader, mut dred) = (DredReader::new().unwrap(), Dred::new().unwrap());
    group.bench_function("from deep redundancy, read out of its packet", |b| {
        b.iter(|| {
            let later = &packets[50 + at.next().unwrap() % 40];
            reader.read(later, 9600, &mut dred).unwrap();
            decoder.decode_dred(&dred, 480, &mut out[..480]).unwrap();
        });
    });
    group.finish();
}

fn card(c: &mut Criterion) {
    let mut group = c.benchmark_group("240 frames of a sound card");
    for (name, rate_hz) in [("48000 Hz", 48_000), ("44100 Hz", 44_100)] {
        let format = DeviceFormat { rate_hz, channels: 2 };
        let (mut recording, mut input) =
            device::capture(format, Channels::Mono, Arc::new(|| {})).expect("the rate is a common one");
        input.start();
        let data = vec![1000i16; 480];
        let mut out = [0.0; 480];
        group.bench_function(BenchmarkId::new("recorded and read", name), |b| {
            b.iter(|| {
                recording.on_data(&data, |sample| f32::from(sample) / 32_768.0);
                while input.read(&mut out) > 0 {}
            });
        });
        let mut now = Instant::now();
        let (mut playing, mut output) =
            device::playback(format, Channels::Mono, Arc::new(|| {}), now).expect("the rate is a common one");
        let (mut data, sound) = (vec![0i16; 480], voice(480));
        group.bench_function(BenchmarkId::new("written and played", name), |b| {
            b.iter(|| {
                now += Duration::from_secs(1) * 240 / rate_hz;
                while output.poll_due(now).is_some() {
                    output.write(&sound);
                }
                playing.on_data(&mut data, |sample| (sample * 32_767.0) as i16);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode, decode, card);
criterion_main!(benches);
