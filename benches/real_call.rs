//! Calls between real processes, in figures that a user feels: set-up, delay, cost.
//!
//! `cargo bench --bench real_call -- [set-up] [delay] [cost] [drift]`; without a word all but `drift`, which takes ten
//! minutes. Prints Markdown tables; run it on a machine that does nothing else.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is made to be read")]

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use handset::measure::{DelayTrack, Recording, Search, align};

#[allow(dead_code, reason = "the tests use what this does not")]
#[path = "../tests/support/folder.rs"]
mod folder;
#[path = "../tests/real_call/process_figures.rs"]
mod process_figures;
#[allow(dead_code, reason = "the tests use what this does not")]
#[path = "../tests/real_call/processes.rs"]
mod processes;
#[allow(dead_code, reason = "the tests use what this does not")]
#[path = "../tests/real_call/sound.rs"]
mod sound;
#[allow(dead_code, reason = "the tests use what this does not")]
#[path = "../tests/support/sound_server.rs"]
mod sound_server;
#[path = "../tests/support/wav.rs"]
mod wav;

use folder::Folder;
use process_figures::figures;
use processes::{Peer, SOON, Switchboard, asset};
use sound::{hear, speak, to_48_khz};

/// Calls whose set-up is timed.
const CALLS: usize = 30;
/// Speech for each frame length.
const DELAY_SECONDS: usize = 30;
/// How long cost is counted.
const COST: Duration = Duration::from_secs(20);
/// Speech for the drift.
const DRIFT_SECONDS: usize = 600;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted =
        |name: &str| if words.is_empty() { name != "drift" } else { words.iter().any(|word| word == name) };
    if wanted("set-up") {
        set_up();
    }
    if wanted("delay") {
        println!("\n| frames | mouth to ear, median | 95 % | least | speech heard |\n|---|---|---|---|---|");
        for frame_ms in ["20", "10", "5", "2.5"] {
            let track = delay(frame_ms, DELAY_SECONDS);
            println!(
                "| {frame_ms} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.0} % |",
                track.median_ms().unwrap_or(f64::NAN),
                track.percentile_ms(95.0).unwrap_or(f64::NAN),
                track.percentile_ms(0.0).unwrap_or(f64::NAN),
                100.0 * track.similarity().heard_share(),
            );
        }
    }
    if wanted("cost") {
        cost();
    }
    if wanted("drift") {
        drift();
    }
}

/// From `call` to what each event says, between peers that were registered before.
fn set_up() {
    let switchboard = Switchboard::start();
    let ends = ["--input", "tone:440", "--output", "null", "--quiet"];
    let mut bob = Peer::answering("bob", &switchboard, &[&ends[..], &["--keep"]].concat());
    let url = switchboard.url();
    let mut alice = Peer::start(&[&["--id", "alice", "--server", &url], &ends[..]].concat());
    alice.wait_for("registered", |event| event["type"] == "registered");
    let apart = alice.epoch_ms() - bob.epoch_ms();
    let (mut connected, mut heard_by_alice, mut heard_by_bob) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CALLS {
        alice.program.type_line("call bob");
        let time = |event: serde_json::Value| event["t_ms"].as_f64().expect("every event has a time");
        let dialled = time(alice.next_state("dialing"));
        connected.push(time(alice.next_state("connected")) - dialled);
        let first_audio = |event: &serde_json::Value| event["type"] == "first_audio";
        heard_by_alice.push(time(alice.wait_for_next("first audio", SOON, first_audio)) - dialled);
        heard_by_bob.push(time(bob.wait_for_next("first audio", SOON, first_audio)) - apart - dialled);
        alice.program.type_line("hangup");
        alice.wait_for_next("end", SOON, |event| event["type"] == "ended");
        bob.wait_for_next("end", SOON, |event| event["type"] == "ended");
        thread::sleep(Duration::from_millis(100));
    }
    println!("\n| from `call`, {CALLS} calls | median | least | greatest |\n|---|---|---|---|");
    for (name, mut times) in [
        ("connected", connected),
        ("first audio decoded by the caller", heard_by_alice),
        ("first audio decoded by the callee", heard_by_bob),
    ] {
        times.sort_by(f64::total_cmp);
        println!("| {name} | {:.1} ms | {:.1} ms | {:.1} ms |", times[CALLS / 2], times[0], times[CALLS - 1]);
    }
}

/// Mouth to ear: from a sample on stdin to the same on the other peer's stdout.
fn delay(frame_ms: &str, seconds: usize) -> DelayTrack {
    let folder = Folder::new("bench-delay");
    let switchboard = Switchboard::start();
    let url = switchboard.url();
    let peer = |words: &[&str]| {
        let words = [words, &["--server", &url, "--quiet", "--frame-ms", frame_ms]].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a peer")
    };
    let (heard, spoken) = (folder.path("bob.jsonl"), folder.path("alice.jsonl"));
    let mut bob = peer(&[
        "answer",
        "--auto",
        "--id",
        "bob",
        "--direction",
        "receive",
        "--output",
        "-",
        "--events",
        &heard,
    ]);
    let ear = bob.stdout.take().expect("piped");
    let ear = thread::spawn(move || hear(ear));
    wait_for_line(&heard, "\"registered\"");
    let mut alice =
        peer(&["call", "bob", "--id", "alice", "--direction", "send", "--input", "-", "--events", &spoken]);
    wait_for_line(&spoken, "\"connected\"");
    let once = to_48_khz(&wav::read(&asset("alice.wav"), 0.0));
    let said: Vec<f32> = once.iter().copied().cycle().take(seconds * sound::PCM_HZ as usize).collect();
    let said = speak(alice.stdin.take().expect("piped"), &said);
    alice.wait().expect("it ends");
    bob.wait().expect("it ends");
    let heard = ear.join().expect("the listener lives");
    align(&said, &heard, &Search { from_ms: -5.0, to_ms: 500.0 })
}

/// Whether the delay stays what it was.
fn drift() {
    let track = delay("10", DRIFT_SECONDS);
    let start_ms = track.windows().first().map_or(0.0, |window| window.spoken_ms);
    let median_ms = |from_s: usize| {
        let from_ms = start_ms + from_s as f64 * 1e3;
        let minute = track.matched().filter(|window| (from_ms..from_ms + 60e3).contains(&window.spoken_ms));
        let mut delays: Vec<f64> = minute.map(|window| window.delay_ms).collect();
        delays.sort_by(f64::total_cmp);
        delays.get(delays.len() / 2).copied().unwrap_or(f64::NAN)
    };
    println!(
        "\nover {DRIFT_SECONDS} s: first minute {:.1} ms, last minute {:.1} ms, drift {:.2} ppm, heard {:.1} %",
        median_ms(0),
        median_ms(DRIFT_SECONDS - 60),
        track.drift_ppm().unwrap_or(f64::NAN),
        100.0 * track.similarity().heard_share(),
    );
}

/// What a call and an idle peer take of the machine.
fn cost() {
    let switchboard = Switchboard::start();
    let idle = Peer::answering("idle", &switchboard, &["--input", "silence", "--output", "null", "--quiet"]);
    let before = cpu_time(idle.program.pid());
    thread::sleep(COST);
    let idle_share = (cpu_time(idle.program.pid()) - before).as_secs_f64() / COST.as_secs_f64();
    println!("\n| process | CPU, of one core | resident memory | threads |\n|---|---|---|---|");
    let row = |name: &str, share: f64, pid: u32| {
        let figures = figures(pid);
        let memory = figures.resident_kib as f64 / 1024.0;
        println!("| {name} | {:.2} % | {memory:.1} MB | {} |", 100.0 * share, figures.threads);
    };
    row("peer, registered and idle", idle_share, idle.program.pid());
    for frame_ms in ["20", "10", "5"] {
        let folder = Folder::new("bench-cost");
        let said = folder.path("said.wav");
        let speech = wav::read(&asset("alice.wav"), 0.0);
        let long =
            speech.samples().iter().copied().cycle().take(16_000 * (COST.as_secs() as usize + 5)).collect();
        write_wav(&said, &Recording::new(long, 16_000, 0.0));
        let ends = ["--input", &said, "--output", "null", "--quiet", "--frame-ms", frame_ms];
        // Names of their own: those of peers that were ended without a goodbye are kept for a while.
        let [callee, caller] = ["bob", "alice"].map(|name| format!("{name}-{frame_ms}"));
        let mut bob = Peer::answering(&callee, &switchboard, &ends);
        let mut alice = Peer::calling(&callee, &caller, &switchboard, &ends);
        alice.wait_for("first audio", |event| event["type"] == "first_audio");
        bob.wait_for("first audio", |event| event["type"] == "first_audio");
        let pids = [alice.program.pid(), bob.program.pid()];
        let before = pids.map(cpu_time);
        let start = Instant::now();
        thread::sleep(COST);
        let shares: Vec<f64> = pids
            .iter()
            .zip(before)
            .map(|(pid, before)| (cpu_time(*pid) - before).as_secs_f64() / start.elapsed().as_secs_f64())
            .collect();
        row(
            &format!("peer in a call, {frame_ms} ms frames, both ways"),
            (shares[0] + shares[1]) / 2.0,
            pids[0],
        );
    }
    let share = cpu_time(switchboard.program.pid()).as_secs_f64() / (4.0 * COST.as_secs_f64());
    row("switchboard", share, switchboard.program.pid());
}

fn wait_for_line(path: &str, word: &str) {
    let limit = Instant::now() + SOON;
    while !std::fs::read_to_string(path).is_ok_and(|text| text.contains(word)) {
        assert!(Instant::now() < limit, "no {word} in {path}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Ticks of the CPU clock in a second, in `/proc` of every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time that a running process has used.
fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The name in brackets may hold anything; the fields are counted after it, from 3 on.
    let fields = stat.rsplit_once(')').expect("Linux writes it so").1;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// Writes 16-bit mono.
fn write_wav(path: &str, recording: &Recording) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: recording.rate_hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = hound::WavWriter::create(path, spec).expect("a file of the bench");
    for sample in recording.samples() {
        out.write_sample((sample * 32_767.0) as i16).expect("a file of the bench");
    }
    out.finalize().expect("a file of the bench");
}
