//! What to send against losses: each method alone, and the controller's choice, by PESQ.
//!
//! `cargo bench --bench redundancy` sends the same speech over links that lose packets in bursts (Gilbert), in frames of
//! 20 ms that take the same on the wire with all headers, to a receiver that waits no longer than the same limit, in
//! virtual time. Each cell is the mean PESQ-WB over the speech, scored by `tools/pesq_score.py`.
//!
//! Environment: `HANDSET_PYTHON` (default `target/venv/bin/python`, made by `tools/setup.sh --for test`), `SPEECH` (48 kHz
//! mono WAVs, comma-separated, instead of the voices in `assets/`), `SECONDS` (default 60), `LOSSES` (percent, default
//! `5,10,20,30`), `BURSTS` (packets, default `1,1.5,2,3`), `MAX_DELAY_MS` (default 400), `WIRE_BPS` (default 64000),
//! `OVERHEAD_BYTES` (headers and tag of a packet, default 56), `LATENCY` (what sender and receiver give for delay within
//! the limit, default `robust`: each method waits as long as it must).

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use handset::audio::control::{self, Abilities, Plan, Policy};
use handset::audio::trial::{Pull, Trial};
use handset::audio::{FrameLength, Latency, Receiver, ReceiverConfig, RedSettings, Sender, SenderConfig};
use handset::rtp::{Packet, RtpTimestamp, Samples, Seq};
use handset::sim::{Link, LinkConfig, Loss};

const RATE_HZ: u32 = 48_000;
const PATH: Duration = Duration::from_millis(20);
const ORIGIN: RtpTimestamp = RtpTimestamp(1 << 32);
const FRAME: FrameLength = FrameLength::Ms20;
/// From mouth to ear without the jitter buffer: frame, look-ahead, path.
const BASE_DELAY_MS: f64 = 20.0 + 6.5 + 20.0;
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Short voices are said again until they are so long.
const LEAST_SECONDS: f64 = 40.0;

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn list(name: &str, default: &str) -> Vec<f64> {
    let text = env::var(name).unwrap_or(default.into());
    text.split(',').map(|value| value.parse().expect("numbers, comma-separated")).collect()
}

/// What is sent against losses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Method {
    Concealment,
    Fec,
    Red(u8),
    Dred(u32),
    Controller,
}

const METHODS: [(&str, Method); 8] = [
    ("PLC", Method::Concealment),
    ("FEC", Method::Fec),
    ("RED 1", Method::Red(1)),
    ("RED 2", Method::Red(2)),
    ("RED 3", Method::Red(3)),
    ("DRED 120", Method::Dred(120)),
    ("DRED 240", Method::Dred(240)),
    ("controller", Method::Controller),
];

/// A link, and what everything on it must keep to.
struct Case {
    lost: f64,
    burst: f64,
    wire_bps: u32,
    max_delay_ms: u32,
}

impl Case {
    /// The plan that a method is: the best one of those that send nothing else against losses.
    fn plan(&self, method: Method) -> Plan {
        let plain = Abilities::plain(&SenderConfig::default());
        let overhead_bytes = setting("OVERHEAD_BYTES", plain.overhead_bytes);
        let all = Abilities { red: true, dred: true, overhead_bytes, ..plain };
        let free = Policy {
            latency: setting("LATENCY", Latency::Robust),
            frame: Some(FRAME),
            max_bitrate_bps: Some(self.wire_bps),
            ..Policy::default()
        };
        let only =
            |fec, red, dred| Policy { fec: Some(fec), red_distance: Some(red), dred_ms: Some(dred), ..free };
        let policy = match method {
            Method::Concealment => only(false, 0, 0),
            Method::Fec => only(true, 0, 0),
            Method::Red(distance) => only(false, distance, 0),
            Method::Dred(ms) => only(false, 0, ms),
            Method::Controller => free,
        };
        let path = control::Path { lost: self.lost, burst: self.burst, ..control::Path::default() };
        Plan::best(&policy, &all, &path)
    }

    /// Sends `speech` by a plan, and returns what was heard and the mean delay in the jitter buffer.
    fn call(&self, plan: Plan, speech: &[f32]) -> (Vec<f32>, f64) {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let loss = Loss::Bursts { share: self.lost, mean_burst: self.burst, in_bad: 1.0 };
        let mut link =
            Link::new(LinkConfig { delay: PATH, loss: vec![loss], ..Default::default() }, 7, start);
        let mut sender = sender(plan);
        sender.push(&speech[..0], start);
        let mut arrivals = Vec::new();
        let mut number = 0;
        for block in speech.chunks(FRAME.samples()) {
            sender.push(block, start);
            while let Some(frame) = sender.poll_frame() {
                let timestamp = ORIGIN + Samples(frame.timestamp as i64);
                let sent = start + Samples(frame.timestamp as i64 + i64::from(frame.samples)).duration();
                let payload: Arc<[u8]> = frame.payload.into();
                let packet = Packet {
                    ssrc: 1,
                    seq: Seq(number),
                    timestamp,
                    arrival: sent,
                    marker: frame.marker,
                    format: frame.format,
                    payload,
                };
                number += 1;
                link.send(sent, 0, packet);
            }
        }
        while let Some(at) = link.poll_timeout() {
            if let Some((arrival, packet)) = link.poll(at) {
                arrivals.push(Packet { arrival, ..packet });
            }
        }
        let trial = Trial {
            start,
            origin_at: start,
            origin: ORIGIN,
            pull: Pull::Ready,
            sink_ppm: 0.0,
            source_ppm: 0.0,
            end: start + Samples::from(speech.len()).duration() + Duration::from_millis(300),
            keeps_sound: true,
        };
        let latency = setting("LATENCY", Latency::Robust);
        let config = ReceiverConfig { latency, max_delay_ms: self.max_delay_ms, ..ReceiverConfig::default() };
        let mut receiver = Receiver::new(config).expect("memory");
        let outcome = trial.run(&mut receiver, arrivals.iter());
        let waited = outcome.mean_delay_ms(2000.0) - (BASE_DELAY_MS - 6.5);
        (outcome.samples, waited)
    }
}

fn sender(plan: Plan) -> Sender {
    let mut sender = Sender::new(SenderConfig {
        frame: plan.frame,
        bitrate: plan.bitrate,
        fec: plan.fec,
        expected_loss_percent: plan.expected_loss_percent,
        redundancy_ms: plan.dred_ms,
        ..SenderConfig::default()
    })
    .expect("an encoder");
    if plan.red_distance > 0 {
        sender.set_red(Some(RedSettings { payload_type: 111, distance: plan.red_distance }));
    }
    sender
}

/// A voice and where it stands as a file for the scorer.
struct Voice {
    name: String,
    samples: Vec<f32>,
    file: PathBuf,
}

fn voices(folder: &Path) -> Vec<Voice> {
    let files = env::var("SPEECH").unwrap_or(format!("{ROOT}/assets/alice.wav,{ROOT}/assets/bob.wav"));
    let seconds: f64 = setting("SECONDS", 60.0);
    files
        .split(',')
        .map(|path| {
            let name = Path::new(path).file_stem().expect("a file").to_string_lossy().into_owned();
            let once = read(path);
            let again = (LEAST_SECONDS * f64::from(RATE_HZ) / once.len() as f64).ceil().max(1.0);
            let mut samples = once.repeat(again as usize);
            samples.truncate((seconds * f64::from(RATE_HZ)) as usize);
            let file = folder.join(format!("{name}-sent.wav"));
            write(&file, &samples);
            Voice { name, samples, file }
        })
        .collect()
}

/// Mono samples at 48 kHz of a 16-bit file at that rate or a whole fraction of it.
fn read(path: &str) -> Vec<f32> {
    let mut wav = hound::WavReader::open(path).expect("a WAV file");
    let times = (RATE_HZ / wav.spec().sample_rate) as usize;
    let samples: Vec<f32> = wav.samples::<i16>().map(|s| f32::from(s.expect("16 bits")) / 32_768.0).collect();
    let at = |n: usize| samples.get(n).copied().unwrap_or(0.0);
    // Between two samples on the line through them: what that adds lies above what the scorer hears.
    (0..samples.len() * times)
        .map(|n| {
            let part = (n % times) as f32 / times as f32;
            at(n / times) * (1.0 - part) + at(n / times + 1) * part
        })
        .collect()
}

fn write(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for &sample in samples {
        wav.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).expect("room on the disk");
    }
    wav.finalize().expect("room on the disk");
}

/// Mean PESQ-WB.
fn score(sent: &Path, heard: &Path, delay_ms: f64) -> f64 {
    let python = setting("HANDSET_PYTHON", format!("{ROOT}/target/venv/bin/python"));
    let output = Command::new(python)
        .arg(format!("{ROOT}/tools/pesq_score.py"))
        .args([sent, heard])
        .args(["--json", "--delay-ms", &format!("{delay_ms:.1}")])
        .output()
        .expect("the scorer runs; tools/setup.sh --for test makes its environment");
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.split("\"pesq_wb_mean\": ").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
    found.unwrap_or_else(|| panic!("no score: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

fn main() {
    let folder = env::temp_dir().join(format!("handset-redundancy-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let (wire_bps, max_delay_ms) = (setting("WIRE_BPS", 64_000), setting("MAX_DELAY_MS", 400));
    let heads: Vec<String> = METHODS.iter().map(|(name, _)| format!("{name:>10}")).collect();
    println!(
        "{:8} {:>6} {:>6} {} {:>7}  the controller's plan",
        "voice",
        "lost %",
        "burst",
        heads.join(" "),
        "over"
    );
    let mut least = f64::INFINITY;
    for voice in voices(&folder) {
        for lost in list("LOSSES", "5,10,20,30") {
            for burst in list("BURSTS", "1,1.5,2,3") {
                let case = Case { lost: lost / 100.0, burst, wire_bps, max_delay_ms };
                let heard = folder.join("heard.wav");
                let cell = |method| {
                    let (samples, waited_ms) = case.call(case.plan(method), &voice.samples);
                    write(&heard, &samples);
                    score(&voice.file, &heard, BASE_DELAY_MS + waited_ms)
                };
                let scores: Vec<f64> = METHODS.iter().map(|(_, method)| cell(*method)).collect();
                let (ours, others) = scores.split_last().expect("there are methods");
                let over = ours - others.iter().fold(0.0, |best: f64, score| best.max(*score));
                least = least.min(over);
                let cells: Vec<String> = scores.iter().map(|score| format!("{score:10.2}")).collect();
                let plan = case.plan(Method::Controller);
                println!(
                    "{:8} {lost:6} {burst:6} {} {over:+7.2}  {}k fec {} red {} dred {}",
                    voice.name,
                    cells.join(" "),
                    plan.bitrate.bps() / 1000,
                    u8::from(plan.fec),
                    plan.red_distance,
                    plan.dred_ms
                );
            }
        }
    }
    println!("the controller is never further than {least:+.2} from the best single method");
    let _ = fs::remove_dir_all(&folder);
}
