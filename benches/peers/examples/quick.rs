//! The least time of many short runs, peers interleaved: steadier than a mean on a busy machine.

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use handset::sdp::gate::{self, Kind};
use handset_bench_peers::sdp::{self as peers, OFFER};

const BATCH: u32 = 50;
const ROUNDS: usize = 2_000;

/// What is timed: its name, one run of it, and the least time that one took.
type Work<'a> = (&'static str, Box<dyn FnMut() + 'a>, Duration);

fn main() {
    let ours = peers::ours(OFFER).expect("we read the offer");
    let ezk = peers::ezk(OFFER).expect("ezk reads the offer");
    let webrtc = peers::webrtc(OFFER).expect("webrtc-sdp reads the offer");
    let str0m = peers::str0m(OFFER).expect("str0m reads the offer");
    let rtc = peers::rtc(OFFER).expect("rtc-sdp reads the offer");
    let sdp_types = peers::sdp_types(OFFER).expect("sdp-types reads the offer");
    let mut works: Vec<Work<'_>> = Vec::new();
    macro_rules! work {
        ($name:literal, $work:expr) => {
            let work = || {
                let _ = black_box($work);
            };
            works.push(($name, Box::new(work), Duration::MAX));
        };
    }
    work!("parse handset", peers::ours(black_box(OFFER)));
    work!("parse handset gate", gate::check_remote(black_box(OFFER), Kind::Offer));
    work!("parse ezk-sdp-types", peers::ezk(black_box(OFFER)));
    work!("parse webrtc-sdp", peers::webrtc(black_box(OFFER)));
    work!("parse str0m", peers::str0m(black_box(OFFER)));
    work!("parse rtc-sdp", peers::rtc(black_box(OFFER)));
    work!("parse sdp-types", peers::sdp_types(black_box(OFFER)));
    work!("floor: walk over lines", peers::walk(black_box(OFFER)));
    work!("write handset", black_box(&ours).to_string());
    work!("write ezk-sdp-types", black_box(&ezk).to_string());
    work!("write webrtc-sdp", black_box(&webrtc).to_string());
    work!("write str0m", black_box(&str0m).to_sdp_string());
    work!("write rtc-sdp", black_box(&rtc).marshal());
    work!("write sdp-types", {
        let mut out = Vec::new();
        black_box(&sdp_types).write(&mut out).expect("a vector takes every byte");
        out
    });
    for _ in 0..ROUNDS {
        for (_, work, least) in &mut works {
            let start = Instant::now();
            for _ in 0..BATCH {
                work();
            }
            *least = (*least).min(start.elapsed() / BATCH);
        }
    }
    for (name, _, least) in &works {
        println!("{name:<26}{:>8.2} us", least.as_nanos() as f64 / 1000.0);
    }
}
