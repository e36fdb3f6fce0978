//! How cost grows with size, without the gate and with it, beside two peers: a table on standard output, and a
//! picture where the argument says.
//!
//! `cargo run --release --example growth -- ../../docs/growth.svg`

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, fs};

use handset::ice::stun::attribute::Username;
use handset::ice::stun::{AttributeType, Class, Key, Message, MessageWriter, Method};
use handset::sdp::Description;
use handset::sdp::gate::{self, Kind};
use handset_bench_peers::chart::{self, Panel, Series, duration};
use handset_bench_peers::sdp::{self as peers, OFFER};

/// A point is measured until it took so long in all, and three times at least; the least time counts.
const EACH: Duration = Duration::from_millis(150);

/// A peer that needed longer is not asked about anything larger.
const PATIENCE: f64 = 10.0;

static KEY: LazyLock<Key> = LazyLock::new(|| Key::short_term("VOkJxbRl1RmTxUk/WvJxBt"));

/// Who does what with an input: a name, and whether it was taken.
type Reader = (&'static str, fn(&[u8]) -> bool);

const READERS: [Reader; 4] = [
    ("parse", |bytes| Description::parse_bytes(bytes).is_ok()),
    ("gate", |bytes| {
        std::str::from_utf8(bytes).is_ok_and(|text| gate::check_remote(text, Kind::Offer).is_ok())
    }),
    ("ezk-sdp-types", |bytes| std::str::from_utf8(bytes).is_ok_and(|text| peers::ezk(text).is_some())),
    ("webrtc-sdp", |bytes| std::str::from_utf8(bytes).is_ok_and(|text| peers::webrtc(text).is_some())),
];

const STUN_READERS: [Reader; 4] = [
    ("parse, prove", |bytes| {
        Message::parse(bytes).is_ok_and(|m| m.check_fingerprint().is_ok() && m.check_integrity(&KEY).is_ok())
    }),
    ("parse", |bytes| {
        Message::parse(bytes).is_ok_and(|message| message.get::<Username<'_>>().is_ok())
    }),
    ("stun-types", |bytes| stun_types::message::Message::from_bytes(bytes).is_ok()),
    ("is", |bytes| is::stun::StunMessage::parse(bytes).is_ok()),
];

fn main() -> std::io::Result<()> {
    let section = &OFFER[OFFER.find("m=").expect("the offer has a section")..].replace("a=mid:0", "a=mid:#");
    let candidate = "a=candidate:# 1 udp 2122260223 192.0.2.1 40000 typ host generation 0\r\n";
    let sizes = |to: usize, steps: u32| (0..steps).rev().map(move |step| to / 10_usize.pow(step));
    let sdp = |title: &str, inputs: Vec<(usize, String)>| {
        measure(
            title,
            &inputs.into_iter().map(|(n, text)| (n, text.into_bytes())).collect::<Vec<_>>(),
            &READERS,
        )
    };
    let panels = [
        sdp("media sections, to 2000", sizes(2_000, 4).map(|n| (n, grown(section, n))).collect()),
        sdp("candidates, to 20,000", sizes(20_000, 5).map(|n| (n, grown(candidate, n))).collect()),
        sdp("one line, to 1 MB", sizes(1_000_000, 5).map(|n| (n, one_line(n))).collect()),
        measure(
            "STUN USERNAME, to 64 KB",
            &[64, 508, 4_000, 16_000, 65_400].map(|n| (n, username(n))),
            &STUN_READERS,
        ),
    ];
    if let Some(path) = env::args().nth(1) {
        let subtitle = "Time to read an input or to refuse it, by its bytes. Dotted: proportional to bytes.";
        fs::write(path, chart::svg("What size costs", subtitle, &panels))?;
    }
    Ok(())
}

/// A description with `count` times `part` behind a session, numbered so that nothing is equal by chance.
fn grown(part: &str, count: usize) -> String {
    let mut text = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
    for n in 0..count {
        text.push_str(&part.replace('#', &n.to_string()));
    }
    text
}

fn one_line(bytes: usize) -> String {
    grown("", 0) + "a=x:" + &"x".repeat(bytes) + "\r\n"
}

/// A signed check with a name of so many bytes, be it legal or not.
fn username(bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; 66_000];
    let mut writer =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [7; 12].into()).expect("it fits");
    let name = [b"a:".to_vec(), vec![b'b'; bytes - 2]].concat();
    writer.push_raw(AttributeType::USERNAME, &name).expect("it fits");
    writer.push_raw(AttributeType::PRIORITY, &[0; 4]).expect("it fits");
    writer.integrity(&KEY).and_then(|writer| writer.fingerprint()).expect("it fits");
    writer.finish().to_vec()
}

/// Measures every reader on every input, and prints a row for each.
fn measure(title: &str, inputs: &[(usize, Vec<u8>)], readers: &[Reader]) -> Panel {
    let mut head = format!("\n| {title} | bytes |");
    let mut rule = String::from("|---|---|");
    for (name, _) in readers {
        _ = write!(head, " {name} |");
        rule.push_str("---|");
    }
    println!("{head}\n{rule}");
    let mut series: Vec<Series> =
        readers.iter().map(|(name, _)| Series { name: (*name).to_owned(), points: Vec::new() }).collect();
    for (count, input) in inputs {
        let mut row = format!("| {count} | {} |", input.len());
        for ((_, reader), series) in readers.iter().zip(&mut series) {
            if series.points.last().is_some_and(|(_, seconds)| *seconds > PATIENCE) {
                row.push_str(" - |");
                continue;
            }
            let (seconds, taken) = least(|| reader(black_box(input)));
            series.points.push((input.len() as f64, seconds));
            _ = write!(row, " {}{} |", duration(seconds), if taken { "" } else { ", refused" });
        }
        println!("{row}");
    }
    Panel { title: title.to_owned(), series }
}

/// The least time that `work` took, and what it came to.
fn least(mut work: impl FnMut() -> bool) -> (f64, bool) {
    let begun = Instant::now();
    let (mut least, mut runs, mut taken) = (f64::MAX, 0, false);
    while runs < 3 || begun.elapsed() < EACH {
        let start = Instant::now();
        taken = black_box(work());
        least = least.min(start.elapsed().as_secs_f64());
        runs += 1;
        if begun.elapsed().as_secs_f64() > PATIENCE {
            break;
        }
    }
    // A clock's reading takes some 30 ns: what is shorter is measured in batches.
    if least < 2e-6 {
        let batch = 2_000;
        for _ in 0..20 {
            let start = Instant::now();
            for _ in 0..batch {
                black_box(work());
            }
            least = least.min(start.elapsed().as_secs_f64() / f64::from(batch));
        }
    }
    (least, taken)
}
