//! Our receiver for an hour over each network, between clocks that differ by 300 ppm: nothing grows.

use handset::audio::trial::{Outcome, Pull};
use handset::audio::{Receiver, ReceiverConfig};
use handset::sim::Profile;

use crate::arrivals::{Call, Redundancy};
use crate::{networks, setting, voice, workers};

/// How much faster the listener's clock runs than the speaker's, in parts per million.
const PPM: f64 = 300.0;
/// What is spoken, again and again.
const ROUND_SECONDS: f64 = 12.0;
const MINUTE_MS: f64 = 60_000.0;

pub(crate) fn run() {
    let minutes: usize = setting("MINUTES", 60);
    let speech = voice::load(None, ROUND_SECONDS);
    let call = Call::encode(&speech, setting("FRAME_MS", 10.0), setting("REDUNDANCY", Redundancy::None))
        .lasting(minutes as f64 * 60.0);
    println!(
        "{:14} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "network", "second", "middle", "last", "greatest", "made up", "stretch"
    );
    let networks: Vec<Profile> = networks().collect();
    let lines = workers::run(networks.len(), |n| line(&call, networks[n], minutes));
    lines.iter().for_each(|line| println!("{line}"));
}

fn line(call: &Call, network: Profile, minutes: usize) -> String {
    let trace = call.over(network, 1);
    let mut trial = call.trial(Pull::Ready);
    trial.sink_ppm = PPM;
    let mut receiver = Receiver::new(ReceiverConfig::default()).expect("memory");
    let outcome = trial.run(&mut receiver, trace.arrivals.iter());
    let minute = |minute: usize| median_ms(&outcome, minute) - trace.path_ms;
    let later = outcome.track.iter().filter(|moment| moment.at_ms > 5000.0);
    let greatest = later.map(|moment| moment.delay_ms).fold(0.0, f64::max) - trace.path_ms;
    format!(
        "{network:14} {:9.1} {:9.1} {:9.1} {greatest:9.1} {:9.2} {:9.2}",
        minute(1),
        minute(minutes / 2),
        minute(minutes - 1),
        outcome.concealed_percent(),
        outcome.stretched_percent()
    )
}

/// Median delay of a minute of the call.
fn median_ms(outcome: &Outcome, minute: usize) -> f64 {
    let from = minute as f64 * MINUTE_MS;
    let within = outcome.track.iter().filter(|moment| (from..from + MINUTE_MS).contains(&moment.at_ms));
    let mut delays: Vec<f64> = within.map(|moment| moment.delay_ms).collect();
    delays.sort_by(f64::total_cmp);
    delays.get(delays.len() / 2).copied().unwrap_or(f64::NAN)
}
