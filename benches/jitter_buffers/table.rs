//! Every network and receiver, a line for each.

use std::env;

use handset::audio::Latency;

use crate::arrivals::{Call, Redundancy};
use crate::contest::{Contestant, Row};
use crate::{neteq, networks, setting, voice};

pub(crate) fn run() {
    let seeds: u64 = setting("SEEDS", 3);
    let only = env::var("RECEIVERS").unwrap_or_default();
    let in_device = setting("SINK", String::new()) == "device";
    let speech = voice::load(env::var("SPEECH").ok().as_deref(), setting("SECONDS", 30.0));
    let call = Call::encode(&speech, setting("FRAME_MS", 10.0), setting("REDUNDANCY", Redundancy::None));
    println!(
        "{:14} {:16} {:>7} {:>7} {:>8} {:>8} {:>8}",
        "network", "receiver", "delay", "p95", "made up", "stretch", "recover"
    );
    for network in networks() {
        let ours = Latency::ALL.map(Contestant::Handset);
        for contestant in ours.into_iter().chain([Contestant::NetEq(neteq::Settings::default())]) {
            let name = contestant.name();
            if !only.is_empty() && !only.split(',').any(|w| name.contains(w)) {
                continue;
            }
            let rows: Vec<Row> = (1..=seeds)
                .map(|seed| {
                    let trace = call.over(network, seed);
                    let outcome = contestant.run(&call, &trace, in_device);
                    if let Ok(folder) = env::var("WAVS") {
                        let file = format!("{folder}/{network}-{}-{seed}.wav", name.replace(' ', "-"));
                        voice::save(&file, &outcome.samples);
                    }
                    Row::of(&outcome, trace.path_ms)
                })
                .collect();
            let mean = Row::mean(&rows);
            println!(
                "{network:14} {name:16} {:7.1} {:7.1} {:8.2} {:8.2} {:8.0}",
                mean.delay_ms, mean.p95_ms, mean.concealed, mean.stretched, mean.recovery_ms
            );
        }
    }
}
