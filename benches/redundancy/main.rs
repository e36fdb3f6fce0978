//! What to send against losses: each method alone, and the controller's choice, by PESQ.
//!
//! `cargo bench --bench redundancy` sends the same speech over links that lose packets in bursts (Gilbert), in frames of
//! 20 ms that take the same on the wire with all headers, to a receiver that waits no longer than the same limit, in
//! virtual time. Each cell is the mean PESQ-WB over the speech and the seeds, scored by `tools/pesq_score.py`. `over` is
//! by how much the controller's choice is above the method that is best in the mean, and `+-` the standard error of that
//! difference, taken seed by seed. Where the two send the same they are the same. Cells run on all processors.
//!
//! Words after `--` name methods instead of the usual ones: `plc`, `fec`, `red1` to `red8`, `parity2` to
//! `parity8` (with short headers, `OVERHEAD_BYTES=35`), `dred60` to `dred1000`.
//!
//! Environment: `HANDSET_PYTHON` (default `target/venv/bin/python`, made by `tools/setup.sh --for test`), `SPEECH` (mono
//! WAVs, comma-separated, instead of the voices in `assets/`), `SECONDS` (default 60), `LOSSES` (percent, default
//! `5,10,20,30`), `BURSTS` (packets, default `1,1.5,2,3`), `CASES` (loss/burst, comma-separated, instead of those), `SEEDS`
//! (default 1), `FIRST_SEED` (default 7), `MAX_DELAY_MS` (default 400), `WIRE_BPS` (default 64000), `OVERHEAD_BYTES`
//! (headers and tag of a packet, default 56), `LATENCY` (what sender and receiver give for delay within the limit, default
//! `robust`: each method waits as long as it must).

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod case;
mod voice;
#[path = "../jitter_buffers/workers.rs"]
mod workers;

use std::env;
use std::str::FromStr;

use handset::audio::control::{Abilities, Plan};
use handset::audio::{Latency, SenderConfig};

use case::{BASE_DELAY_MS, Case, Encoded, Limits, Method};
use voice::{Folder, Scorers, Voice};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const USUAL: [&str; 7] = ["plc", "fec", "red1", "red2", "red3", "dred120", "dred240"];

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn list(name: &str, default: &str) -> Vec<f64> {
    let text = env::var(name).unwrap_or(default.into());
    text.split(',').map(|value| value.parse().expect("numbers, comma-separated")).collect()
}

/// Shares lost, in percent, and mean bursts, in packets.
fn cases() -> Vec<(f64, f64)> {
    if let Ok(text) = env::var("CASES") {
        let case = |pair: &str| {
            let (lost, burst) = pair.split_once('/')?;
            Some((lost.parse().ok()?, burst.parse().ok()?))
        };
        return text.split(',').map(|pair| case(pair).expect("loss/burst, comma-separated")).collect();
    }
    let bursts = list("BURSTS", "1,1.5,2,3");
    let losses = list("LOSSES", "5,10,20,30").into_iter();
    losses.flat_map(|lost| bursts.iter().map(move |burst| (lost, *burst))).collect()
}

/// Names of the methods alone, from the command line.
fn methods() -> Vec<String> {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if words.is_empty() { USUAL.map(String::from).to_vec() } else { words }
}

/// Scores of one plan over one case, one for each seed.
type Scores = Vec<f64>;

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

/// Of their mean.
fn standard_error(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let count = values.len() as f64;
    if count < 2.0 { f64::NAN } else { (squares / (count - 1.0) / count).sqrt() }
}

/// What a case gave for one voice: methods in their order, the controller last.
struct Row {
    scores: Vec<Scores>,
}

impl Row {
    /// How far the controller is above the best method alone, and the standard error of that.
    fn over(&self) -> (f64, f64) {
        let Some((ours, others)) = self.scores.split_last() else { return (f64::NAN, f64::NAN) };
        let best = others.iter().max_by(|a, b| mean(a).total_cmp(&mean(b))).expect("there are methods");
        let differences: Vec<f64> = ours.iter().zip(best).map(|(ours, best)| ours - best).collect();
        (mean(&differences), standard_error(&differences))
    }

    fn print(&self, name: &str, lost: f64, burst: f64, plan: Plan) {
        let cells: Vec<String> = self.scores.iter().map(|scores| format!("{:8.2}", mean(scores))).collect();
        let (over, error) = self.over();
        println!(
            "{name:10} {lost:6} {burst:6} {} {over:+7.2} {error:5.2}  {}k fec {} red {}x{} parity {} dred {}",
            cells.join(" "),
            plan.bitrate.bps() / 1000,
            u8::from(plan.fec),
            plan.red_distance,
            plan.red_copies,
            plan.parity,
            plan.dred_ms
        );
    }
}

/// Every plan of one case over every seed; plans that are the same are run once.
fn run(case: &Case, plans: &[Plan], voice: &Voice, seeds: &[u64], scratch: &(Folder, Scorers)) -> Row {
    let (folder, scorers) = scratch;
    let mut distinct: Vec<Plan> = Vec::new();
    for plan in plans {
        if !distinct.contains(plan) {
            distinct.push(*plan);
        }
    }
    let encoded = workers::run(distinct.len(), |n| Encoded::new(&voice.samples, distinct[n]));
    let found = workers::run(distinct.len() * seeds.len(), |job| {
        let (samples, waited_ms) = case.call(&encoded[job / seeds.len()], seeds[job % seeds.len()]);
        voice.score(&samples, &folder.file(&format!("heard-{job}")), BASE_DELAY_MS + waited_ms, scorers)
    });
    let of = |plan: &Plan| distinct.iter().position(|p| p == plan).expect("it was run") * seeds.len();
    Row { scores: plans.iter().map(|plan| found[of(plan)..][..seeds.len()].to_vec()).collect() }
}

fn main() {
    let scratch = (Folder::new(), Scorers::default());
    let limits = Limits {
        wire_bps: setting("WIRE_BPS", 64_000),
        overhead_bytes: setting("OVERHEAD_BYTES", Abilities::plain(&SenderConfig::default()).overhead_bytes),
        max_delay_ms: setting("MAX_DELAY_MS", 400),
        latency: setting("LATENCY", Latency::Robust),
    };
    let first: u64 = setting("FIRST_SEED", 7);
    let seeds: Vec<u64> = (first..first + setting("SEEDS", 1)).collect();
    let names = methods();
    let methods: Vec<Method> = names
        .iter()
        .map(|name| name.parse().unwrap_or_else(|error| panic!("{error}")))
        .chain([Method::Controller])
        .collect();
    let voices = Voice::all(&scratch.0);
    let heads: Vec<String> = names.iter().map(|name| format!("{name:>8}")).collect();
    println!(
        "{:10} {:>6} {:>6} {} {:>8} {:>7} {:>5}  the controller's plan",
        "voice",
        "lost %",
        "burst",
        heads.join(" "),
        "chosen",
        "over",
        "+-"
    );
    let mut least = f64::INFINITY;
    for (lost, burst) in cases() {
        let case = Case { lost: lost / 100.0, burst, limits };
        let plans: Vec<Plan> = methods.iter().map(|method| case.plan(*method)).collect();
        let chosen = plans[plans.len() - 1];
        let mut all = Row { scores: vec![Vec::new(); plans.len()] };
        for voice in &voices {
            let row = run(&case, &plans, voice, &seeds, &scratch);
            row.print(&voice.name, lost, burst, chosen);
            least = least.min(row.over().0);
            all.scores.iter_mut().zip(row.scores).for_each(|(all, one)| all.extend(one));
        }
        if voices.len() > 1 {
            all.print("all", lost, burst, chosen);
        }
    }
    println!("the controller is never further than {least:+.2} from the best single method");
}
