//! What a call costs: the work of both ends, in virtual time, with nothing between them.

#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use handset::call::pair::{Manner, Pair, Party, Steady, call_id, config, peer_id};
use handset::call::{AudioFrame, Call, Certificate, LocalCandidate};
use handset::rtp::PayloadFormat;
use handset::signaling::ClientMessage;

/// An Opus packet of 10 ms at 32 kbit/s.
const PAYLOAD: [u8; 40] = [0x5a; 40];

const STEADY: Steady = Steady { delay: Duration::from_millis(5), signaling: Duration::from_millis(5) };

fn pair(certificate: &Certificate) -> Pair<Steady> {
    Pair::new(STEADY, config(certificate, 1), config(certificate, 2), Instant::now())
}

fn connected(certificate: &Certificate) -> Pair<Steady> {
    let mut pair = pair(certificate);
    pair.call();
    assert!(pair.run_until_both(Duration::from_secs(1), "connected"));
    pair
}

fn offer(certificate: &Certificate) -> String {
    let now = Instant::now();
    let mut call = Call::outgoing(config(certificate, 1), call_id(), peer_id(Party::Callee), now);
    let host = LocalCandidate::host(([10, 0, 0, 1], 5000).into());
    call.add_local_candidate(host, now).expect("a private address can be a candidate");
    call.start(now).expect("a fresh call starts");
    match call.poll_message() {
        Some(ClientMessage::Call { sdp, .. }) => sdp.into_string(),
        other => panic!("expected an offer, found {other:?}"),
    }
}

fn answer(certificate: &Certificate, offer: &str) -> Option<ClientMessage> {
    let now = Instant::now();
    let call = Call::incoming(config(certificate, 2), call_id(), peer_id(Party::Caller), offer, now);
    let mut call = call.expect("our own offer passes the gate");
    let host = LocalCandidate::host(([10, 0, 0, 2], 5000).into());
    call.add_local_candidate(host, now).expect("a private address can be a candidate");
    call.accept(now).expect("our own offer can be accepted");
    call.poll_message()
}

fn set_up(c: &mut Criterion) {
    let certificate = Certificate::generate().expect("the library makes a certificate");
    let text = offer(&certificate);
    let mut group = c.benchmark_group("call");
    group.bench_function("make an offer", |b| b.iter(|| black_box(offer(&certificate))));
    group.bench_function("offer to answer", |b| b.iter(|| black_box(answer(&certificate, &text))));
    // Both ends, ICE and DTLS included: what of the time to connect is work and not waiting.
    group.bench_function("call to connected, both ends", |b| {
        b.iter(|| {
            let mut pair = pair(&certificate);
            pair.manner = Manner::Auto;
            pair.call();
            assert!(pair.run_until_both(Duration::from_secs(1), "connected"));
        });
    });
    group.finish();
}

fn under_way(c: &mut Criterion) {
    let certificate = Certificate::generate().expect("the library makes a certificate");
    let mut group = c.benchmark_group("call");
    let mut idle = connected(&certificate);
    group.bench_function("one second on hold, both ends", |b| {
        b.iter(|| {
            idle.run_for(Duration::from_secs(1));
            clear(&mut idle);
        });
    });
    // 100 packets each way, reports and checks.
    let mut talking = connected(&certificate);
    group.bench_function("one second of talk in 10 ms frames, both ends", |b| {
        b.iter(|| {
            talking.talk_for(Duration::from_secs(1), &PAYLOAD);
            clear(&mut talking);
        });
    });
    group.bench_function("send one frame", |b| {
        let mut pair = connected(&certificate);
        let now = pair.now();
        let call = pair.of(Party::Caller);
        let mut timestamp = 0;
        b.iter_batched(
            || {
                timestamp += 480;
                timestamp
            },
            |timestamp| {
                let frame = AudioFrame {
                    payload: &PAYLOAD,
                    format: PayloadFormat::Opus,
                    timestamp,
                    captured_at: now,
                    level_dbov: -30,
                    starts_talk: false,
                };
                assert!(call.send_audio(frame, now));
                black_box(call.poll_transmit())
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Forgets what a pair keeps for tests.
fn clear(pair: &mut Pair<Steady>) {
    for party in [Party::Caller, Party::Callee] {
        pair.end(party).events.clear();
        pair.end(party).sent.clear();
    }
}

criterion_group!(benches, set_up, under_way);
criterion_main!(benches);
