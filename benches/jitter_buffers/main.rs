//! Our receiver beside NetEq's published algorithm: the same packets, arriving at the same moments, through the same
//! Opus decoder, in virtual time.
//!
//! - `cargo bench --bench jitter_buffers` prints one line per network and receiver: delay from mouth to ear above the
//!   path's own, share of samples made up and stretched, all as means over the seeds.
//! - `cargo bench --bench jitter_buffers -- pareto` runs both at many settings and says on what share of the traces
//!   ours has the lower delay at no more concealment and the lower concealment at no more delay (`or even`: or where
//!   nothing tells the two apart, as on a quiet network behind the same ticks); `PLOT=FILE.svg` draws the curves.
//! - `cargo bench --bench jitter_buffers -- hour` runs our receiver for an hour over each network, between clocks
//!   that agree and between clocks 300 ppm apart, and says what drift adds.
//!
//! Environment: `SEEDS` (default 3, of `pareto` 14), `FIRST_SEED` (of `pareto`, default 1), `SECONDS` (default 30), `NETWORKS` (names, comma-separated),
//! `FRAME_MS` (default 10), `BITRATE` (default `32k`), `BANDWIDTH` (`wide` for what ends at 8 kHz, as `peer` codes it; else libopus
//! chooses), `REDUNDANCY` (`none`, `fec`, `red`, `red2`, `parity2` to `parity8`), `TOLD_PERCENT` (the loss that FEC is measured out for, default 15),
//! `RECEIVERS` (parts of names), `SPEECH` (a 48 kHz mono WAV instead of the synthetic voice), `WAVS` (a folder for what was heard), `SINK` (`paced`, the default: ours
//! takes sound as it is ready, as `peer` does for files and pipes; `device`: ours is pulled by the same clock as NetEq),
//! `HICCUPS_MS` (arrivals are held up for 8 ms to so many each 1 to 4 s; default 0, none).

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

mod arrivals;
mod contest;
mod hour;
mod neteq;
mod pareto;
mod table;
mod voice;
mod workers;

use std::env;
use std::str::FromStr;

use handset::sim::Profile;

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The networks that were asked for.
fn networks() -> impl Iterator<Item = Profile> {
    let wanted = env::var("NETWORKS").unwrap_or_default();
    Profile::ALL.into_iter().filter(move |p| wanted.is_empty() || wanted.split(',').any(|w| w == p.name()))
}

fn main() {
    match env::args().nth(1).as_deref() {
        Some("pareto") => pareto::run(),
        Some("hour") => hour::run(),
        _ => table::run(),
    }
}
