//! Both receivers at many settings over many traces: who has the lower delay at the same concealment?

use std::env;

use handset::measure::{Curve, CurvePanel, CurvePlot};
use handset::rtp::TargetSettings;
use handset::sim::Profile;

use crate::arrivals::{Call, Redundancy};
use crate::contest::{Contestant, Row};
use crate::{neteq, networks, setting, voice};

/// What a percent is worth in milliseconds, and how long arrivals are remembered: points of our range.
const OURS: [(f32, f32); 9] = [
    (1.0, 1000.0),
    (5.0, 2000.0),
    (12.0, 3000.0),
    (30.0, 6000.0),
    (80.0, 10_000.0),
    (150.0, 15_000.0),
    (300.0, 20_000.0),
    (1000.0, 30_000.0),
    (3000.0, 40_000.0),
];
/// NetEq's default comes first.
const QUANTILES: [f64; 6] = [0.95, 0.7, 0.8, 0.9, 0.97, 0.99];
const LEAST_DELAYS_MS: [f64; 4] = [40.0, 80.0, 120.0, 200.0];

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

    fn least(gains: impl IntoIterator<Item = Gain>) -> Gain {
        let most = Gain { delay_ms: f64::INFINITY, concealed: f64::INFINITY };
        gains.into_iter().fold(most, |a, b| Gain {
            delay_ms: a.delay_ms.min(b.delay_ms),
            concealed: a.concealed.min(b.concealed),
        })
    }

    /// Lower delay at no more concealment, and no more concealment at no more delay.
    fn is_win(&self) -> bool {
        self.delay_ms > 0.0 && self.concealed > -EQUAL
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
    fn at_default(&self) -> Gain {
        Gain::over(self.theirs[0], &self.ours)
    }

    /// Against the best of their points for us to lose to.
    fn anywhere(&self) -> Gain {
        Gain::least(frontier(&self.theirs).into_iter().map(|point| Gain::over(point, &self.ours)))
    }
}

pub(crate) fn run() {
    let seeds: u64 = setting("SEEDS", 14);
    let in_device = setting("SINK", String::new()) == "device";
    let speech = voice::load(env::var("SPEECH").ok().as_deref(), setting("SECONDS", 30.0));
    let call = Call::encode(&speech, setting("FRAME_MS", 10.0), setting("REDUNDANCY", Redundancy::None));
    let ours = OURS.map(|(ms_per_percent, memory_ms)| {
        Contestant::Target(TargetSettings {
            ms_per_percent,
            memory_ms,
            catches_up: false,
            ..Default::default()
        })
    });
    let quantiles = QUANTILES.map(|quantile| neteq::Settings { quantile, ..Default::default() });
    let delays = LEAST_DELAYS_MS.map(|min_delay_ms| neteq::Settings { min_delay_ms, ..Default::default() });
    let theirs: Vec<Contestant> = quantiles.into_iter().chain(delays).map(Contestant::NetEq).collect();
    println!(
        "{:14} {:>6} {:>8} {:>14} {:>16} | {:>8} {:>14} {:>16}",
        "network",
        "traces",
        "default",
        "worst delay ms",
        "worst made up %",
        "anywhere",
        "worst delay ms",
        "worst made up %"
    );
    let (mut all, mut panels) = (Vec::new(), Vec::new());
    for network in networks() {
        let mut rows: Vec<Runs> = Vec::new();
        for seed in 1..=seeds {
            let trace = call.over(network, seed);
            let run = |c: &Contestant| Row::of(&c.run(&call, &trace, in_device), trace.path_ms);
            rows.push((ours.iter().map(run).collect(), theirs.iter().map(run).collect()));
        }
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
    let judge = |of: &dyn Fn(&Duel) -> Gain| {
        let gains: Vec<Gain> = duels.iter().map(of).collect();
        let won = gains.iter().filter(|gain| gain.is_win()).count();
        let worst = Gain::least(gains);
        (100.0 * won as f64 / duels.len().max(1) as f64, worst)
    };
    let (default, anywhere) = (judge(&Duel::at_default), judge(&Duel::anywhere));
    println!(
        "{name:14} {:6} {:6.0} % {:14.1} {:16.2} | {:6.0} % {:14.1} {:16.2}",
        duels.len(),
        default.0,
        default.1.delay_ms,
        default.1.concealed,
        anywhere.0,
        anywhere.1.delay_ms,
        anywhere.1.concealed
    );
}

/// The curves of one network: means over its traces, setting by setting.
fn panel(network: Profile, rows: &[Runs]) -> CurvePanel {
    let mean = |of: &dyn Fn(&Runs) -> Row| {
        let mean = Row::mean(&rows.iter().map(of).collect::<Vec<Row>>());
        (mean.delay_ms, mean.concealed)
    };
    let ours = (0..OURS.len()).map(|n| mean(&|pair| pair.0[n])).collect();
    let theirs = |from: usize, to: usize| {
        let mut points: Vec<Point> = (from..to).map(|n| mean(&|pair| pair.1[n])).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let (quantiles, count) = (QUANTILES.len(), QUANTILES.len() + LEAST_DELAYS_MS.len());
    let curve = |name: &str, points| Curve { name: name.into(), points };
    CurvePanel {
        name: network.name().into(),
        curves: vec![
            curve("handset, price of concealment", ours),
            curve("NetEq, quantile", theirs(0, quantiles)),
            curve("NetEq, least delay", theirs(quantiles, count)),
        ],
    }
}

fn print_curves(panel: &CurvePanel) {
    for curve in &panel.curves {
        let points: Vec<String> = curve.points.iter().map(|p| format!("{:.1}/{:.2}", p.0, p.1)).collect();
        println!("    {:30} {}", curve.name, points.join("  "));
    }
}
