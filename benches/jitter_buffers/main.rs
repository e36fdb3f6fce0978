//! Our receiver beside NetEq's published algorithm: the same packets, arriving at the same moments, through the same
//! Opus decoder, in virtual time.
//!
//! `cargo bench --bench jitter_buffers` prints one line per network and receiver: delay from mouth to ear above the
//! path's own, share of samples made up and stretched, all as means over the seeds.
//!
//! Environment: `SEEDS` (default 3), `SECONDS` (default 30), `NETWORKS` (names, comma-separated), `FRAME_MS` (default
//! 10), `SPEECH` (a 48 kHz mono WAV instead of the synthetic voice), `WAVS` (a folder for what was heard).

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod arrivals;
mod neteq;
mod voice;

use std::env;
use std::str::FromStr;

use handset::audio::trial::{Outcome, Playout};
use handset::audio::{Latency, Receiver, ReceiverConfig};
use handset::rtp::Samples;
use handset::sim::Profile;

use arrivals::{Call, Redundancy};

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Makes a receiver that has heard nothing.
type MakeReceiver = Box<dyn Fn() -> Box<dyn Any>>;

struct Row {
    above_path_ms: f64,
    p95_ms: f64,
    concealed: f64,
    stretched: f64,
    recovery_ms: f64,
}

fn row(outcome: &Outcome, path_ms: f64) -> Row {
    Row {
        above_path_ms: outcome.mean_delay_ms(1000.0) - path_ms,
        p95_ms: outcome.delay_ms(0.95, 1000.0) - path_ms,
        concealed: outcome.concealed_percent(),
        stretched: outcome.stretched_percent(),
        recovery_ms: outcome.recovery_ms(20.0),
    }
}

fn print(network: Profile, receiver: &str, rows: &[Row]) {
    let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
    println!(
        "{:14} {:16} {:7.1} {:7.1} {:8.2} {:8.2} {:8.0}",
        network.name(),
        receiver,
        mean(|r| r.above_path_ms),
        mean(|r| r.p95_ms),
        mean(|r| r.concealed),
        mean(|r| r.stretched),
        mean(|r| r.recovery_ms)
    );
}

fn main() {
    let seeds: u64 = setting("SEEDS", 3);
    let seconds: f64 = setting("SECONDS", 30.0);
    let frame_ms: f32 = setting("FRAME_MS", 10.0);
    let wanted = env::var("NETWORKS").unwrap_or_default();
    let only = env::var("RECEIVERS").unwrap_or_default();
    let networks =
        Profile::ALL.into_iter().filter(|p| wanted.is_empty() || wanted.split(',').any(|w| w == p.name()));
    let speech = voice::load(env::var("SPEECH").ok().as_deref(), seconds);
    let redundancy = setting("REDUNDANCY", Redundancy::None);
    let call = Call::encode(&speech, frame_ms, redundancy);
    println!(
        "{:14} {:16} {:>7} {:>7} {:>8} {:>8} {:>8}",
        "network", "receiver", "delay", "p95", "made up", "stretch", "recover"
    );
    for network in networks {
        let mut receivers: Vec<(String, MakeReceiver)> = vec![];
        for latency in Latency::ALL {
            receivers.push((
                format!("handset {latency}"),
                Box::new(move || {
                    Box::new(Receiver::new(ReceiverConfig { latency, ..Default::default() }).expect("memory"))
                }),
            ));
        }
        receivers.push(("neteq".into(), Box::new(|| Box::new(neteq::NetEq::new()))));
        for (name, make) in receivers {
            if !only.is_empty() && !only.split(',').any(|w| name.contains(w)) {
                continue;
            }
            let rows: Vec<Row> = (1..=seeds)
                .map(|seed| {
                    let mut playout = make();
                    let pull = if name == "neteq" { Samples(480) } else { Samples(120) };
                    let (arrivals, path_ms) = call.over(network, seed);
                    let outcome = call.trial(pull).run(&mut Dyn(&mut *playout), arrivals.iter());
                    if let Ok(folder) = env::var("WAVS") {
                        voice::save(
                            &format!("{folder}/{}-{}-{seed}.wav", network.name(), name.replace(' ', "-")),
                            &outcome.samples,
                        );
                    }
                    row(&outcome, path_ms)
                })
                .collect();
            print(network, &name, &rows);
        }
    }
}

/// A playout behind a pointer.
trait Any: Playout {}
impl<T: Playout> Any for T {}

struct Dyn<'a>(&'a mut dyn Any);

impl Playout for Dyn<'_> {
    fn handle_packet(&mut self, packet: &handset::rtp::Packet) {
        self.0.handle_packet(packet);
    }
    fn render(&mut self, now: std::time::Instant, out: &mut [f32]) {
        self.0.render(now, out);
    }
    fn poll_playout(&self) -> Option<std::time::Instant> {
        self.0.poll_playout()
    }
    fn heard(&self) -> Option<handset::rtp::RtpTimestamp> {
        self.0.heard()
    }
    fn totals(&mut self) -> handset::audio::trial::Totals {
        self.0.totals()
    }
}
