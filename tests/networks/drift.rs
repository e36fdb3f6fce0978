//! Long calls between clocks that differ.

use handset::audio::trial::Outcome;
use handset::sim::Profile;

use crate::call::Call;

const MINUTE_MS: f64 = 60_000.0;
/// The first part of a call, in which the clocks' difference is learnt.
const LEARNING_MS: f64 = 5000.0;

/// Median delay of each minute.
fn by_minute(outcome: &Outcome, minutes: u64) -> Vec<f64> {
    let median = |minute: u64| {
        let from = minute as f64 * MINUTE_MS;
        let within = outcome.track.iter().filter(|moment| (from..from + MINUTE_MS).contains(&moment.at_ms));
        let mut delays: Vec<f64> = within.map(|moment| moment.delay_ms).collect();
        delays.sort_by(f64::total_cmp);
        delays.get(delays.len() / 2).copied().unwrap_or(f64::NAN)
    };
    (0..minutes).map(median).collect()
}

#[test]
fn clocks_that_differ_are_followed_within_two_milliseconds_and_nothing_is_heard_of_it() {
    for (sink_ppm, source_ppm) in [(300.0, 0.0), (-300.0, 0.0), (0.0, 300.0), (0.0, -300.0)] {
        let mut call = Call::over(Profile::Delay30.link(), 1, 5 * 60);
        call.sink_ppm = sink_ppm;
        call.stream.ppm = source_ppm;
        let outcome = call.make().outcome;
        let shown = format!("sink {sink_ppm} ppm, source {source_ppm} ppm: {:?}", outcome.totals);
        let first = outcome.track.first().expect("something was heard").delay_ms;
        let furthest = outcome.track.iter().map(|moment| (moment.delay_ms - first).abs()).fold(0.0, f64::max);
        assert!(furthest < 2.0, "{shown}: {furthest:.2} ms from where it began");
        let minutes = by_minute(&outcome, 5);
        assert!((minutes[4] - minutes[2]).abs() < 0.2, "{shown}: settled by then: {minutes:.2?}");
        assert_eq!((outcome.totals.concealed, outcome.totals.stretched), (0, 0), "{shown}");
    }
}

#[test]
fn nothing_grows_on_any_network() {
    /// `cargo bench --bench jitter_buffers -- hour` makes hours of it.
    const MINUTES: u64 = 3;
    for profile in Profile::ALL {
        let mut call = Call::over(profile.link(), 1, MINUTES * 60);
        call.sink_ppm = 100.0;
        call.stream.ppm = -200.0;
        let made = call.make();
        let minutes = by_minute(&made.outcome, MINUTES);
        let shown = format!("{profile}: {minutes:.1?}, path {:.1}", made.path_ms);
        let growth = minutes[MINUTES as usize - 1] - minutes[0];
        assert!(growth < 3.0 + 0.1 * minutes[0], "{shown}");
        let later = made.outcome.track.iter().filter(|moment| moment.at_ms > LEARNING_MS);
        let most = later.map(|moment| moment.delay_ms).fold(0.0, f64::max);
        // The greatest delay that a receiver allows itself above the fastest packets, and a frame.
        assert!(most < made.path_ms + 400.0 + 10.0, "{shown}: {most:.1}");
    }
}
