//! The table.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, thread};

use handset::audio::{Latency, ReceiverConfig};
use handset::sim::{Profile, StreamConfig};

use crate::call::{Call, Made};

const SECONDS: u64 = 60;
const SEEDS: u64 = 2;
/// The first part of a run is left out of the delays: the receiver begins before it knows the network.
const SETTLING_MS: f64 = 2000.0;
/// A delay that is so far above the median is a disturbance.
const DISTURBED_MS: f64 = 20.0;
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/networks/table.txt");

const HEAD: &str = "\
# What the receiver makes of each network in a minute of virtual time, 10 ms frames of 32 kbit/s. Written by
#   UPDATE_SNAPSHOTS=1 cargo test --test networks
# delay: from mouth to ear without the encoder's look-ahead, after two seconds; path: frame and network alone;
# made up, stretched: of what was heard; recovery: the longest time more than 20 ms above the median delay;
# copies: frames of earlier packets in each packet (RFC 2198).

network        latency   copies seed  lost %  path ms   p50 ms   p95 ms  made up %  stretched %  recovery ms  kbit/s
";

/// One line of the table.
struct Case {
    profile: Profile,
    latency: Latency,
    copies: usize,
    seed: u64,
}

fn cases() -> Vec<Case> {
    let case =
        |profile, latency, copies| (1..=SEEDS).map(move |seed| Case { profile, latency, copies, seed });
    let plain = Profile::ALL.into_iter().flat_map(|profile| case(profile, Latency::Low, 0));
    let copied = [Profile::Bursts5, Profile::Loss10, Profile::WifiBusy];
    let copied = copied.into_iter().flat_map(|profile| case(profile, Latency::Low, 1));
    let others = [Latency::Ultra, Latency::Balanced, Latency::Robust];
    let others = others.into_iter().flat_map(|latency| case(Profile::WifiBusy, latency, 0));
    plain.chain(copied).chain(others).collect()
}

impl Case {
    fn call(&self) -> Call {
        let stream = StreamConfig { copies: self.copies, ..StreamConfig::default() };
        let receiver = ReceiverConfig { latency: self.latency, ..ReceiverConfig::default() };
        Call { stream, receiver, ..Call::over(self.profile.link(), self.seed, SECONDS) }
    }

    fn line(&self) -> String {
        let Made { outcome, path_ms, lost, kbits } = self.call().make();
        format!(
            "{:14} {:9} {:6} {:4} {:7.1} {:8.1} {:8.1} {:8.1} {:10.2} {:12.2} {:12.0} {:7.1}\n",
            self.profile,
            self.latency,
            self.copies,
            self.seed,
            lost,
            path_ms + 10.0,
            outcome.delay_ms(0.5, SETTLING_MS),
            outcome.delay_ms(0.95, SETTLING_MS),
            outcome.concealed_percent(),
            outcome.stretched_percent(),
            outcome.recovery_ms(DISTURBED_MS),
            kbits
        )
    }
}

fn table() -> String {
    let cases = cases();
    let halves = cases.split_at(cases.len() / 2);
    let lines = |cases: &[Case]| cases.iter().map(Case::line).collect::<String>();
    let (second, first) = thread::scope(|scope| {
        let first = scope.spawn(|| lines(halves.0));
        (lines(halves.1), first.join().expect("it ends"))
    });
    format!("{HEAD}{first}{second}")
}

/// Lines of one table and not of the other.
fn difference(expected: &str, found: &str) -> String {
    let mut text = String::new();
    for line in expected.lines().filter(|line| !found.lines().any(|other| other == *line)) {
        _ = writeln!(text, "- {line}");
    }
    for line in found.lines().filter(|line| !expected.lines().any(|other| other == *line)) {
        _ = writeln!(text, "+ {line}");
    }
    text
}

#[test]
fn what_the_receiver_makes_of_each_network_is_what_the_table_says() {
    let found = table();
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(Path::new(FILE), &found).expect("the table can be written");
        return;
    }
    let expected = fs::read_to_string(FILE).expect("the table stands beside this test");
    assert!(
        expected == found,
        "the table has changed; if that is meant, write it anew with UPDATE_SNAPSHOTS=1:\n{}",
        difference(&expected, &found)
    );
}
