//! Session descriptions beside the peers, on an audio offer as Chrome writes it, and how cost grows
//! with size. Prints allocations first; `cargo bench --bench sdp` leaves plots in `target/criterion`.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use handset::sdp::Description;
use handset::sdp::gate::{self, Kind};
use handset_bench_peers::sdp::{self as peers, OFFER};
use handset_bench_peers::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Prints calls to the allocator for one parse and one write of each.
fn count() {
    println!("offer: {} bytes, {} lines", OFFER.len(), OFFER.lines().count());
    println!("{:<24}{:>8}{:>8}", "allocations", "parse", "write");
    let row = |name: &str, parse: u64, write: u64| println!("{name:<24}{parse:>8}{write:>8}");
    macro_rules! peer {
        ($name:literal, $parse:path, $write:expr) => {
            let parsed = $parse(OFFER).expect("every peer reads the offer");
            row($name, allocations(|| $parse(OFFER)), allocations(|| $write(&parsed)));
        };
    }
    peer!("handset", peers::ours, |d: &Description<'_>| d.to_string());
    peer!("ezk-sdp-types", peers::ezk, ToString::to_string);
    peer!("webrtc-sdp", peers::webrtc, ToString::to_string);
    peer!("str0m", peers::str0m, str0m::change::SdpOffer::to_sdp_string);
    peer!("rtc-sdp", peers::rtc, rtc_sdp::SessionDescription::marshal);
    peer!("sdp-types", peers::sdp_types, write_sdp_types);
    row("handset gate", allocations(|| gate::check_remote(OFFER, Kind::Offer)), 0);
}

fn write_sdp_types(session: &sdp_types::Session) -> Vec<u8> {
    let mut out = Vec::new();
    session.write(&mut out).expect("a vector takes every byte");
    out
}

fn parse(c: &mut Criterion) {
    count();
    let mut group = c.benchmark_group("sdp parse");
    group.throughput(Throughput::Bytes(OFFER.len() as u64));
    group.bench_function("handset", |b| b.iter(|| peers::ours(black_box(OFFER))));
    group.bench_function("handset gate", |b| b.iter(|| gate::check_remote(black_box(OFFER), Kind::Offer)));
    group.bench_function("ezk-sdp-types", |b| b.iter(|| peers::ezk(black_box(OFFER))));
    group.bench_function("webrtc-sdp", |b| b.iter(|| peers::webrtc(black_box(OFFER))));
    group.bench_function("str0m", |b| b.iter(|| peers::str0m(black_box(OFFER))));
    group.bench_function("rtc-sdp", |b| b.iter(|| peers::rtc(black_box(OFFER))));
    group.bench_function("sdp-types", |b| b.iter(|| peers::sdp_types(black_box(OFFER))));
    group.bench_function("floor: walk over lines", |b| b.iter(|| peers::walk(black_box(OFFER))));
    group.finish();
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("sdp write");
    let ours = peers::ours(OFFER).expect("we read the offer");
    let ezk = peers::ezk(OFFER).expect("ezk reads the offer");
    let webrtc = peers::webrtc(OFFER).expect("webrtc-sdp reads the offer");
    let str0m = peers::str0m(OFFER).expect("str0m reads the offer");
    let rtc = peers::rtc(OFFER).expect("rtc-sdp reads the offer");
    let sdp_types = peers::sdp_types(OFFER).expect("sdp-types reads the offer");
    group.bench_function("handset", |b| {
        b.iter(|| {
            let mut out = String::new();
            black_box(&ours).write_to(&mut out);
            out
        })
    });
    group.bench_function("ezk-sdp-types", |b| b.iter(|| black_box(&ezk).to_string()));
    group.bench_function("webrtc-sdp", |b| b.iter(|| black_box(&webrtc).to_string()));
    group.bench_function("str0m", |b| b.iter(|| black_box(&str0m).to_sdp_string()));
    group.bench_function("rtc-sdp", |b| b.iter(|| black_box(&rtc).marshal()));
    group.bench_function("sdp-types", |b| b.iter(|| write_sdp_types(black_box(&sdp_types))));
    group.finish();
}

/// A description with `count` times `part` behind a session.
fn grown(part: &str, count: usize) -> String {
    let mut text = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
    for n in 0..count {
        // Numbered, so that nothing is equal by chance.
        write!(text, "{}", part.replace('#', &n.to_string())).expect("a string takes every byte");
    }
    text
}

fn growth(c: &mut Criterion) {
    let section = &OFFER[OFFER.find("m=").expect("the offer has a section")..].replace("a=mid:0", "a=mid:#");
    let candidate = "a=candidate:# 1 udp 2122260223 192.0.2.1 40000 typ host generation 0\r\n";
    let shapes: [(&str, &str, &[usize]); 4] = [
        ("sections", section, &[20, 200, 2_000]),
        ("candidates", candidate, &[200, 2_000, 20_000]),
        ("line bytes", "x", &[10_000, 100_000, 1_000_000]),
        ("empty lines", "\n", &[10_000, 100_000, 1_000_000]),
    ];
    for (name, part, counts) in shapes {
        let texts: Vec<(usize, String)> = counts
            .iter()
            .map(|count| {
                let mut text = grown("", 0);
                if part == "x" {
                    text.push_str("a=x:");
                }
                text.push_str(&grown(part, *count)[grown("", 0).len()..]);
                (*count, text)
            })
            .collect();
        let mut group = c.benchmark_group(format!("sdp growth: {name}"));
        group.sample_size(20).measurement_time(Duration::from_secs(2));
        for (count, text) in &texts {
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_with_input(BenchmarkId::new("parse", count), text, |b, text| {
                b.iter(|| Description::parse(black_box(text)).expect("we read it"))
            });
            group.bench_with_input(BenchmarkId::new("gate", count), text, |b, text| {
                b.iter(|| gate::check_remote(black_box(text), Kind::Offer).expect_err("it is no offer"))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, parse, write, growth);
criterion_main!(benches);
