//! Every seed and every input that once failed, through its fuzz target's body, as ordinary tests.
//!
//! Seeds stand in `fuzz/seeds/`, in a folder of the target's name or of the format that several targets
//! share; past failures in `fuzz/crashes/TARGET/`. A target belongs here as one line of [`TARGETS`].

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use handset::{ice, relay, rtp, sdp, signaling, trace};

/// A target's name, the folder of its seeds, and its body.
type Target = (&'static str, &'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("sdp_round_trip", "sdp", sdp::fuzz::round_trip),
    ("sdp_gate", "sdp", sdp::fuzz::gate),
    ("signaling_frames", "signaling_frames", signaling::fuzz::frames),
    ("signaling_registry", "signaling_registry", signaling::fuzz::registry),
    ("signaling_client", "signaling_client", signaling::fuzz::client),
    #[cfg(feature = "call")]
    ("sdp_call", "sdp", handset::call::fuzz::gate_then_engine),
    #[cfg(feature = "call")]
    ("call_whole", "call_whole", handset::call::fuzz::whole_call),
    ("candidate", "candidate", ice::fuzz::candidate),
    ("stun", "stun", ice::fuzz::stun),
    ("stun_write", "stun_write", ice::fuzz::stun_write),
    ("channel_data", "channel_data", ice::fuzz::channel_data),
    ("turn_client", "turn_client", ice::turn::fuzz::turn_client),
    ("mdns", "mdns", ice::mdns::fuzz::mdns),
    ("relay_packets", "relay_packets", relay::fuzz::packets),
    ("relay_model", "relay_model", relay::fuzz::model),
    ("rtp_extension", "rtp_extension", rtp::fuzz::header_extension),
    ("trace", "trace", trace::fuzz::trace),
    ("capture", "capture", trace::fuzz::capture),
    ("red", "red", rtp::fuzz::red),
    ("red_write", "red_write", rtp::fuzz::red_write),
    ("receiver_slots", "receiver", rtp::fuzz::jitter_buffer),
    #[cfg(feature = "audio")]
    ("receiver", "receiver", handset::audio::fuzz::receiver),
    #[cfg(feature = "audio")]
    ("controller", "controller", handset::audio::control::fuzz::controller),
];

/// Targets whose bodies need crates that only the fuzz workspace has, or a feature of this one:
/// `fuzz/src` replays theirs.
const ELSEWHERE: &[&str] = match (cfg!(feature = "call"), cfg!(feature = "audio")) {
    (true, true) => &["sdp_engine", "sdp_differential"],
    (true, false) => &["sdp_engine", "sdp_differential", "receiver", "controller"],
    (false, true) => &["sdp_engine", "sdp_differential", "sdp_call", "call_whole"],
    (false, false) => &["sdp_engine", "sdp_differential", "sdp_call", "call_whole", "receiver", "controller"],
};

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder, by name; none where there is no folder.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_target_stands_in_the_fuzz_workspace_and_here() {
    for path in inputs(&fuzz_folder().join("fuzz_targets")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let known = TARGETS.iter().any(|(target, ..)| *target == name) || ELSEWHERE.contains(&name.as_str());
        assert!(known, "{name} is replayed nowhere");
    }
}

#[test]
fn every_seed_and_every_past_crash_ends_well() {
    let mut failed = Vec::new();
    for (target, seeds, body) in TARGETS {
        let seeds = inputs(&fuzz_folder().join("seeds").join(seeds));
        assert!(!seeds.is_empty(), "{target} has seeds");
        for path in seeds.into_iter().chain(inputs(&fuzz_folder().join("crashes").join(target))) {
            let input = fs::read(&path).expect("a file of this folder can be read");
            if catch_unwind(AssertUnwindSafe(|| body(&input))).is_err() {
                failed.push(format!("{target}: {}", path.display()));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
