//! Both receivers at many settings over many traces: who has the lower delay at the same concealment?

use std::env;
use std::ops::Range;

use handset::measure::{Curve, CurvePanel, CurvePlot};
use handset::rtp::TargetSettings;
use handset::sim::Profile;

use crate::arrivals::{Call, Redundancy, Trace};
use crate::contest::{Contestant, Row};
use crate::{neteq, networks, setting, voice, workers};

/// What a percent is worth in milliseconds, and how long arrivals are remembered: points of our range.
const PRICES: [(f32, f32); 6] =
    [(1.0, 1000.0), (5.0, 500.0), (12.0, 3000.0), (30.0, 6000.0), (80.0, 10_000.0), (300.0, 20_000.0)];
/// With a least delay, both are these.
const PATIENT: (f32, f32) = (60.0, 8000.0);
/// See [`PATIENT`].
const OUR_LEAST_DELAYS_MS: [u32; 4] = [25, 60, 100, 160];
/// NetEq's default comes first.
const QUANTILES: [f64; 6] = [0.95, 0.7, 0.8, 0.9, 0.97, 0.99];
const LEAST_DELAYS_MS: [f64; 4] = [40.0, 80.0, 120.0, 200.0];

/// Delays that count as the same, in milliseconds: at the same ticks no receiver is better than the other by less than one.
const EQUAL_MS: f64 = 0.05;
/// Shares of made-up sound that count as the same, in percent: a piece of 15 ms in half a minute.
const EQUAL: f64 = 0.05;

/// A point of a curve: delay and concealment.
type Point = (f64, f64);

/// Runs over one trace at all settings, ours and theirs.
type Runs = (Vec<Row>, Vec<Row>);

/// The points of one trace.
struct Duel {
    ours: Vec<Point>,
    theirs: Vec<Point>,
}

/// How much better ours is than one point of theirs; negative where it is worse.
#[derive(Debug, Clone, Copy)]
struct Gain {
    /// At no more concealment, in milliseconds.
    delay_ms: f64,
    /// At no more delay, in percent of the sound.
    concealed: f64,
}

impl Gain {
    /// Against `point`, by the curve through the points of ours that no other beats.
    fn over(point: Point, ours: &[Point]) -> Gain {
        let curve = frontier(ours);
        let flipped: Vec<Point> = curve.iter().rev().map(|p| (p.1, p.0)).collect();
        Gain {
            delay_ms: point.0 - least_at(&flipped, point.1 + EQUAL),
            concealed: point.1 - least_at(&curve, point.0),
        }
    }

    /// The worst of each, of what was to be had: where no point of ours has so little concealment, or so little delay, there
    /// is nothing to say of one, and the other says by how much.
    fn worst(gains: &[Gain]) -> Gain {
        let least = |of: fn(&Gain) -> f64| {
            gains.iter().map(of).filter(|gain| gain.is_finite()).fold(f64::INFINITY, f64::min)
        };
        Gain { delay_ms: least(|gain| gain.delay_ms), concealed: least(|gain| gain.concealed) }
    }

    /// Lower delay at no more concealment, and no more concealment at no more delay.
    fn is_win(&self) -> bool {
        self.delay_ms > 0.0 && self.concealed > -EQUAL
    }

    /// The same, or no difference.
    fn is_no_loss(&self) -> bool {
        self.delay_ms > -EQUAL_MS && self.concealed > -EQUAL
    }
}

/// The points that none beats, by rising delay and falling concealment.
fn frontier(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut best = f64::INFINITY;
    sorted.retain(|point| {
        let is_better = point.1 < best;
        best = best.min(point.1);
        is_better
    });
    sorted
}

/// The least second coordinate that a curve, falling from the left, has at `x`: between two points on the line through
/// them, right of its last point that point's own, left of its first point not to be had.
fn least_at(curve: &[Point], x: f64) -> f64 {
    let (Some(first), Some(last)) = (curve.first(), curve.last()) else { return f64::INFINITY };
    if x < first.0 {
        return f64::INFINITY;
    }
    if x >= last.0 {
        return last.1;
    }
    let pair = curve.windows(2).find(|pair| (pair[0].0..pair[1].0).contains(&x));
    pair.map_or(last.1, |pair| {
        let part = (x - pair[0].0) / (pair[1].0 - pair[0].0);
        pair[0].1 + part * (pair[1].1 - pair[0].1)
    })
}

impl Duel {
    /// Against their default setting.
    fn at_default(&self) -> Vec<Gain> {
        vec![Gain::over(self.theirs[0], &self.ours)]
    }

    /// Against each of their points that none of theirs beats.
    fn anywhere(&self) -> Vec<Gain> {
        frontier(&self.theirs).into_iter().map(|point| Gain::over(point, &self.ours)).collect()
    }
}

/// Ours at all its settings.
fn ours() -> Vec<Contestant> {
    let target = |(ms_per_percent, memory_ms), min_delay_ms| {
        let settings = TargetSettings { ms_per_percent, memory_ms, min_delay_ms, ..Default::default() };
        Contestant::Target(TargetSettings { catches_up: false, ..settings })
    };
    let prices = PRICES.map(|price| target(price, 0));
    prices.into_iter().chain(OUR_LEAST_DELAYS_MS.map(|ms| target(PATIENT, ms))).collect()
}

pub(crate) fn run() {
    let (first, seeds): (u64, u64) = (setting("FIRST_SEED", 1), setting("SEEDS", 14));
    let in_device = setting("SINK", String::new()) == "device";
    let speech = voice::load(env::var("SPEECH").ok().as_deref(), setting("SECONDS", 30.0));
    let call = Call::encode(&speech, setting("FRAME_MS", 10.0), setting("REDUNDANCY", Redundancy::None));
    let ours = ours();
    let quantiles = QUANTILES.map(|quantile| neteq::Settings { quantile, ..Default::default() });
    let delays = LEAST_DELAYS_MS.map(|min_delay_ms| neteq::Settings { min_delay_ms, ..Default::default() });
    let theirs: Vec<Contestant> = quantiles.into_iter().chain(delays).map(Contestant::NetEq).collect();
    println!(
        "{:14} {:>6} {:>8} {:>8} {:>14} {:>16} | {:>8} {:>8} {:>14} {:>16}",
        "network",
        "traces",
        "default",
        "or even",
        "worst delay ms",
        "worst made up %",
        "anywhere",
        "or even",
        "worst delay ms",
        "worst made up %"
    );
    let (mut all, mut panels) = (Vec::new(), Vec::new());
    for network in networks() {
        let traces: Vec<Trace> = (first..first + seeds).map(|seed| call.over(network, seed)).collect();
        let contestants: Vec<&Contestant> = ours.iter().chain(&theirs).collect();
        let results = workers::run(traces.len() * contestants.len(), |job| {
            let trace = &traces[job / contestants.len()];
            let outcome = contestants[job % contestants.len()].run(&call, trace, in_device);
            Row::of(&outcome, trace.path_ms)
        });
        let rows: Vec<Runs> = results
            .chunks(contestants.len())
            .map(|rows| (rows[..ours.len()].to_vec(), rows[ours.len()..].to_vec()))
            .collect();
        let point = |row: &Row| (row.delay_ms, row.concealed);
        let points = |rows: &[Row]| rows.iter().map(point).collect::<Vec<Point>>();
        let duels: Vec<Duel> =
            rows.iter().map(|(ours, theirs)| Duel { ours: points(ours), theirs: points(theirs) }).collect();
        print(network.name(), &duels);
        panels.push(panel(network, &rows));
        if env::var_os("CURVES").is_some() {
            print_curves(&panels[panels.len() - 1]);
        }
        all.extend(duels);
    }
    print("all", &all);
    if let Ok(file) = env::var("PLOT") {
        let traces = all.len();
        let svg = CurvePlot {
            title: "Delay against concealment: handset and NetEq's published algorithm",
            subtitle: &format!(
                "{traces} traces, the same packets and decoder, each receiver at all its settings"
            ),
            x_label: "mean delay above the path's own (a frame of 10 ms and what the receiver waits), ms",
            y_label: "made up, % of what was heard, the network's own losses included",
            panels: &panels,
        }
        .svg();
        std::fs::write(&file, svg).expect("a place for the plot");
    }
}

fn print(name: &str, duels: &[Duel]) {
    let judge = |of: fn(&Duel) -> Vec<Gain>| {
        let gains: Vec<Vec<Gain>> = duels.iter().map(of).collect();
        let share = |is: fn(&Gain) -> bool| {
            let count = gains.iter().filter(|gains| gains.iter().all(is)).count();
            100.0 * count as f64 / duels.len().max(1) as f64
        };
        (share(Gain::is_win), share(Gain::is_no_loss), Gain::worst(&gains.concat()))
    };
    let (default, anywhere) = (judge(Duel::at_default), judge(Duel::anywhere));
    println!(
        "{name:14} {:6} {:6.0} % {:6.0} % {:14.1} {:16.2} | {:6.0} % {:6.0} % {:14.1} {:16.2}",
        duels.len(),
        default.0,
        default.1,
        default.2.delay_ms,
        default.2.concealed,
        anywhere.0,
        anywhere.1,
        anywhere.2.delay_ms,
        anywhere.2.concealed
    );
}

/// The curves of one network: means over its traces, setting by setting.
fn panel(network: Profile, rows: &[Runs]) -> CurvePanel {
    // Of ours or theirs, the settings from one to another.
    let curve = |name: &str, of: fn(&Runs) -> &Vec<Row>, settings: Range<usize>| {
        let mean = |n| Row::mean(&rows.iter().map(|runs| of(runs)[n]).collect::<Vec<Row>>());
        let mut points: Vec<Point> =
            settings.map(mean).map(|mean: Row| (mean.delay_ms, mean.concealed)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Curve { name: name.into(), points }
    };
    let (ours, theirs) = (PRICES.len(), QUANTILES.len());
    CurvePanel {
        name: network.name().into(),
        curves: vec![
            curve("handset, price of concealment", |runs| &runs.0, 0..ours),
            curve("handset, least delay", |runs| &runs.0, ours..ours + OUR_LEAST_DELAYS_MS.len()),
            curve("NetEq, quantile", |runs| &runs.1, 0..theirs),
            curve("NetEq, least delay", |runs| &runs.1, theirs..theirs + LEAST_DELAYS_MS.len()),
        ],
    }
}

fn print_curves(panel: &CurvePanel) {
    for curve in &panel.curves {
        let points: Vec<String> = curve.points.iter().map(|p| format!("{:.1}/{:.2}", p.0, p.1)).collect();
        println!("    {:30} {}", curve.name, points.join("  "));
    }
}
