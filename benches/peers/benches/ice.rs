//! Candidate lines and STUN messages beside the peers. Prints allocations first.
//!
//! `cargo bench --bench ice` runs everything; words after `--` choose, such as `candidate` or `stun prove`.
//! How each peer is called, and what one cannot do, stands in `src/candidate.rs` and `src/stun.rs`:
//!
//! - rice-proto and stun-types are one family; rice-proto has no STUN codec of its own.
//! - ezk-sdp-types and webrtc-sdp know candidates and no STUN; turn-server, stun-types, rtc-stun and stun-rs
//!   know STUN and no candidates.
//! - stun-rs has no view whose attributes would be read later, so `read` and `parse` are one for it.
//! - A connectivity check without proofs cannot be written with `is`.

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use bytesstr::BytesStr;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use handset::ice::stun::Key;
use handset_bench_peers::candidate::{self, LINE};
use handset_bench_peers::stun::{self, is, rtc_stun, stun_rs, stun_types, turn_server};
use handset_bench_peers::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One group of the run: the allocations of each row are printed while the rows are measured.
struct Table<'c>(BenchmarkGroup<'c, WallTime>, &'static str);

impl<'c> Table<'c> {
    fn new(c: &'c mut Criterion, name: &'static str) -> Self {
        let mut group = c.benchmark_group(name);
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .sample_size(60);
        Self(group, name)
    }

    fn row<T>(&mut self, peer: &str, mut work: impl FnMut() -> T) {
        // Once before: buffers that are used again have their size from then on.
        drop(black_box(work()));
        println!("allocations  {:<24}{peer:<28}{:>6}", self.1, allocations(&mut work));
        self.0.bench_function(peer, |b| b.iter(&mut work));
    }
}

fn candidates(c: &mut Criterion) {
    let with_a = format!("a={LINE}");
    let value = BytesStr::from_static(LINE.strip_prefix("candidate:").expect("it has the name in front"));
    let mut t = Table::new(c, "candidate read");
    t.row("handset", || candidate::ours(black_box(LINE)).expect("read"));
    t.row("handset, owned", || candidate::ours_owned(black_box(LINE)).expect("read"));
    t.row("is", || candidate::is(black_box(LINE)).expect("read"));
    t.row("rice-proto", || candidate::rice(black_box(&with_a)).expect("read"));
    t.row("ezk-sdp-types", || candidate::ezk(black_box(&value)).expect("read"));
    t.row("webrtc-sdp", || candidate::webrtc(black_box(LINE)).expect("read"));
    drop(t);

    let (ours, is) = (candidate::ours(LINE).expect("read"), candidate::is(LINE).expect("read"));
    let (rice, ezk) = (candidate::rice(&with_a).expect("read"), candidate::ezk(&value).expect("read"));
    let webrtc = candidate::webrtc(LINE).expect("read");
    let mut t = Table::new(c, "candidate write");
    t.row("handset", || black_box(&ours).to_string());
    t.row("is", || black_box(&is).to_sdp_string());
    t.row("rice-proto", || black_box(&rice).to_sdp_string());
    t.row("ezk-sdp-types", || black_box(&ezk).to_string());
    t.row("webrtc-sdp", || black_box(&webrtc).to_string());
}

/// The two messages: a check of 100 bytes and its answer of 64.
fn messages() -> [(bool, Vec<u8>); 2] {
    [(true, stun::request()), (false, stun::success())]
}

fn parse(c: &mut Criterion) {
    for (request, bytes) in messages() {
        let bytes = bytes.as_slice();
        let mut list = turn_server::Attributes::default();
        let mut message = rtc_stun::Message::new();
        let decoder = stun_rs::decoder();
        let mut t = Table::new(c, if request { "stun parse request" } else { "stun parse success" });
        t.row("handset", || stun::ours(black_box(bytes)).expect("read"));
        t.row("turn-server", || turn_server::parse(black_box(bytes), &mut list).is_some());
        t.row("is", || is::parse(black_box(bytes)).expect("read"));
        t.row("stun-types, CRC", || stun_types::parse(black_box(bytes)).expect("read"));
        t.row("rtc-stun", || rtc_stun::parse(black_box(bytes), &mut message));
        t.row("stun-rs", || stun_rs::parse(black_box(bytes), &decoder).expect("read"));
        drop(t);

        let expected = stun::ours_read(bytes).expect("read");
        let mut t = Table::new(c, if request { "stun read request" } else { "stun read success" });
        t.row("handset", || stun::ours_read(black_box(bytes)).expect("read"));
        assert_eq!(turn_server::read(bytes, &mut list).as_ref(), Some(&expected));
        t.row("turn-server", || turn_server::read(black_box(bytes), &mut list).is_some());
        assert_eq!(is::read(bytes).as_ref(), Some(&expected));
        t.row("is", || is::read(black_box(bytes)).expect("read"));
        t.row("stun-types, CRC", || stun_types::read(black_box(bytes)).expect("read"));
        t.row("rtc-stun", || rtc_stun::read(black_box(bytes), &mut message).expect("read"));
    }
}

fn prove(c: &mut Criterion) {
    for (request, bytes) in messages() {
        let bytes = bytes.as_slice();
        let key = Key::short_term(stun::PASSWORD);
        let (mut list, theirs) = (turn_server::Attributes::default(), turn_server::key());
        let cached = is::cached();
        let integrity = stun_types::key();
        let (mut message, provider) = (rtc_stun::Message::new(), rtc_stun::provider());
        let prover = stun_rs::prover();
        let yes = |proven: bool| assert!(proven, "the proofs hold");
        let mut t = Table::new(c, if request { "stun prove request" } else { "stun prove success" });
        t.row("handset, CRC", || yes(stun::ours_proven(black_box(bytes), &key)));
        t.row("turn-server", || yes(turn_server::signed(black_box(bytes), &mut list, &theirs)));
        t.row("is", || yes(is::signed(black_box(bytes))));
        t.row("is, our cached key", || yes(is::signed_cached(black_box(bytes), &cached)));
        t.row("stun-types, CRC", || yes(stun_types::proven(black_box(bytes), &integrity)));
        t.row("rtc-stun, CRC", || yes(rtc_stun::proven(black_box(bytes), &mut message, &*provider)));
        t.row("stun-rs, CRC", || yes(stun_rs::parse(black_box(bytes), &prover).is_some()));
    }
}

fn write(c: &mut Criterion) {
    let key = Key::short_term(stun::PASSWORD);
    let (mut theirs, their_key) = (BytesMut::with_capacity(256), turn_server::key());
    let (writer, cached) = (is::Writer::default(), is::cached());
    let integrity = stun_types::key();
    let provider = rtc_stun::provider();
    let (mut message, signer) = (rtc_stun::Message::new(), rtc_stun::signer(&*provider));
    let their_hmac_key = stun_rs::key();
    let mut buffer = [0; 256];

    let is_whole = |length: usize| assert_eq!(length, 92, "a check without the network's cost");
    let mut t = Table::new(c, "stun write request");
    t.row("handset", || is_whole(stun::write_request(black_box(&mut buffer), &key)));
    t.row("turn-server", || is_whole(turn_server::write_request(black_box(&mut theirs), Some(&their_key))));
    t.row("is, our cached key", || is_whole(writer.request(black_box(&mut buffer), &cached)));
    t.row("stun-types", || is_whole(stun_types::write_request(black_box(&mut buffer), Some(&integrity))));
    t.row("rtc-stun", || is_whole(rtc_stun::write_request(black_box(&mut message), Some(&signer))));
    t.row("stun-rs", || is_whole(stun_rs::write_request(black_box(&mut buffer), Some(&their_hmac_key))));
    drop(t);

    let is_whole = |length: usize| assert_eq!(length, 64, "an answer");
    let mut t = Table::new(c, "stun write success");
    t.row("handset", || is_whole(stun::write_success(black_box(&mut buffer), &key)));
    t.row("turn-server", || is_whole(turn_server::write_success(black_box(&mut theirs), &their_key)));
    t.row("is, our cached key", || is_whole(writer.success(black_box(&mut buffer), &cached)));
    t.row("stun-types", || is_whole(stun_types::write_success(black_box(&mut buffer), &integrity)));
    t.row("rtc-stun", || is_whole(rtc_stun::write_success(black_box(&mut message), &signer)));
    t.row("stun-rs", || is_whole(stun_rs::write_success(black_box(&mut buffer), &their_hmac_key)));
    drop(t);

    let is_whole = |length: usize| assert_eq!(length, 60, "a check without its proofs");
    let mut t = Table::new(c, "stun write bare");
    t.row("handset", || is_whole(stun::write_bare(black_box(&mut buffer))));
    t.row("turn-server", || is_whole(turn_server::write_request(black_box(&mut theirs), None)));
    t.row("stun-types", || is_whole(stun_types::write_request(black_box(&mut buffer), None)));
    t.row("rtc-stun", || is_whole(rtc_stun::write_request(black_box(&mut message), None)));
    t.row("stun-rs", || is_whole(stun_rs::write_request(black_box(&mut buffer), None)));
}

criterion_group!(benches, candidates, parse, prove, write);
criterion_main!(benches);
