//! Our receiver for an hour over each network, between clocks that agree and between clocks 300 ppm apart: nothing grows,
//! and what drift does is told from what the network does, since the packets and their fates are the same.

use handset::audio::trial::{Outcome, Pull, Trial};
use handset::audio::{Receiver, ReceiverConfig};
use handset::sim::Profile;

use crate::arrivals::{Call, Redundancy, Trace};
use crate::{networks, setting, voice, workers};

/// How much faster the listener's clock runs than the speaker's, in parts per million.
const APART_PPM: [f64; 2] = [300.0, -300.0];
/// What is spoken, again and again.
const ROUND_SECONDS: f64 = 12.0;
/// The first part of a call, in which the delay is found.
const SETTLING_SECONDS: usize = 5;

pub(crate) fn run() {
    let minutes: usize = setting("MINUTES", 60).max(2);
    let speech = voice::load(None, ROUND_SECONDS);
    let call = Call::encode(&speech, setting("FRAME_MS", 10.0), setting("REDUNDANCY", Redundancy::None))
        .lasting(minutes as f64 * 60.0);
    println!("{:54}  what {} ppm add, and {} ppm", "", APART_PPM[0], APART_PPM[1]);
    let apart = format!("{:>6} {:>8} {:>8} {:>8}", "median", "furthest", "made up", "stretch");
    println!(
        "{:14} {:>6} {:>6} {:>8} {:>8} {:>7}  {apart}  {apart}",
        "network", "second", "last", "greatest", "made up", "stretch"
    );
    let networks: Vec<Profile> = networks().collect();
    let lines = workers::run(networks.len(), |n| line(&call, networks[n], minutes));
    lines.iter().for_each(|line| println!("{line}"));
}

/// What a receiver made of an hour.
struct Hour {
    /// Median delay above the path of each second, where anything was heard in it that was not made up.
    seconds_ms: Vec<f64>,
    greatest_ms: f64,
    made_up: f64,
    stretched: f64,
}

impl Hour {
    fn of(call: &Call, trace: &Trace, sink_ppm: f64, minutes: usize) -> Hour {
        let trial = Trial { sink_ppm, ..call.trial(Pull::Ready) };
        let mut receiver = Receiver::new(ReceiverConfig::default()).expect("memory");
        let outcome = trial.run(&mut receiver, trace.arrivals.iter());
        let mut seconds = by_second(&outcome, 60 * minutes);
        let later = seconds[SETTLING_SECONDS..].iter().flatten();
        let greatest_ms = later.copied().fold(0.0, f64::max) - trace.path_ms;
        Hour {
            seconds_ms: seconds.iter_mut().map(|delays| median(delays) - trace.path_ms).collect(),
            greatest_ms,
            made_up: outcome.concealed_percent(),
            stretched: outcome.stretched_percent(),
        }
    }

    /// Median delay of a minute.
    fn minute_ms(&self, minute: usize) -> f64 {
        median(&mut self.seconds_ms[60 * minute..60 * (minute + 1)].to_vec())
    }

    /// What clocks that are apart add to it, of each minute the median over its seconds. Medians of whole minutes would
    /// not do: where a queue fills and empties that of a minute can lie on a slope, on which a moment is many milliseconds.
    fn added_ms(&self, apart: &Hour) -> Vec<f64> {
        let added: Vec<f64> = apart.seconds_ms.iter().zip(&self.seconds_ms).map(|(a, b)| a - b).collect();
        added.chunks(60).map(|minute| median(&mut minute.to_vec())).collect()
    }
}

fn line(call: &Call, network: Profile, minutes: usize) -> String {
    let trace = call.over(network, 1);
    let even = Hour::of(call, &trace, 0.0, minutes);
    let apart = APART_PPM.map(|ppm| {
        let apart = Hour::of(call, &trace, ppm, minutes);
        let mut added = even.added_ms(&apart);
        format!(
            "{:+6.2} {:+8.2} {:+8.3} {:+8.3}",
            median(&mut added),
            furthest(&added),
            apart.made_up - even.made_up,
            apart.stretched - even.stretched
        )
    });
    format!(
        "{network:14} {:6.1} {:6.1} {:8.1} {:8.2} {:7.2}  {}",
        even.minute_ms(1),
        even.minute_ms(minutes - 1),
        even.greatest_ms,
        even.made_up,
        even.stretched,
        apart.join("  ")
    )
}

/// Delays of each second of the call.
fn by_second(outcome: &Outcome, seconds: usize) -> Vec<Vec<f64>> {
    let mut delays = vec![Vec::new(); seconds];
    for moment in &outcome.track {
        if let Some(second) = delays.get_mut((moment.at_ms / 1000.0) as usize) {
            second.push(moment.delay_ms);
        }
    }
    delays
}

/// Of those that are known.
fn median(values: &mut Vec<f64>) -> f64 {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The one that is furthest from nothing.
fn furthest(values: &[f64]) -> f64 {
    values.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(f64::NAN)
}
