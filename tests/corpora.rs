//! Public test inputs, where they lie beside the project (`../shared/corpora`, see its README) or where
//! `HANDSET_CORPORA` says: what several other parsers accept we accept, or say why not. The project's own seeds run everywhere, in
//! `fuzz_replay.rs`.

#![expect(clippy::print_stderr, reason = "what was skipped is said")]

use std::fs;
use std::path::{Path, PathBuf};

use handset::sdp::Description;
use handset::sdp::gate::{self, Kind};

/// Files that we refuse, with the reason in our error and in words. The first three no parser of
/// webrtc-sdp, ezk-sdp-types, str0m, rtc-sdp and sdp-types accepts either.
const REFUSED: [(&str, &str, &str); 4] = [
    ("unittest-3.sdp", "v=0 as the first line", "a media section alone, input for a parser of sections"),
    ("unittest-6.sdp", "v=0 as the first line", "the same"),
    ("unittest-7.sdp", "v=0 as the first line", "the same"),
    (
        "invalid.sdp",
        "a line type that RFC 8866 names",
        "has a line f=, and RFC 8866 section 5 wants the whole description ignored or refused",
    ),
];

/// The `.sdp` files of a folder of the corpora; none, with a remark, where there are no corpora.
fn descriptions(folder: &str) -> Vec<(String, Vec<u8>)> {
    let corpora = std::env::var_os("HANDSET_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"), PathBuf::from);
    let Ok(entries) = fs::read_dir(corpora.join(folder)) else {
        eprintln!("skipped: no corpora beside the project");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sdp"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, fs::read(&path).expect("a file of the corpora can be read"))
    };
    paths.into_iter().map(read).collect()
}

fn all() -> Vec<(String, Vec<u8>)> {
    ["libwebrtc/sdp-corpus", "sdp-transform"].into_iter().flat_map(descriptions).collect()
}

#[test]
fn every_description_is_read_or_refused_for_a_reason_listed() {
    for (name, bytes) in all() {
        match (Description::parse_bytes(&bytes), REFUSED.iter().find(|(refused, ..)| *refused == name)) {
            (Ok(_), None) => {}
            (Ok(_), Some(_)) => panic!("{name} is read now: take it off the list"),
            (Err(error), Some((_, expected, _))) => {
                assert!(error.to_string().contains(expected), "{name}: {error}");
            }
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn every_description_read_is_written_to_an_equal_one() {
    for (name, bytes) in all() {
        let Ok(description) = Description::parse_bytes(&bytes) else { continue };
        let text = description.to_string();
        let again = Description::parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(description, again, "{name}");
        assert_eq!(text, again.to_string(), "{name}");
    }
}

#[test]
fn the_gate_lets_the_calls_of_today_through_and_says_why_not_the_others() {
    let mut passed = 0;
    for (name, bytes) in all() {
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        for kind in [Kind::Offer, Kind::Answer] {
            match gate::check_remote(text, kind) {
                Ok(remote) => {
                    passed += 1;
                    assert_eq!(
                        gate::check_remote(&remote.sdp, kind).map(|r| r.sdp),
                        Ok(remote.sdp),
                        "{name}"
                    );
                }
                Err(error) => assert!(error.to_string().contains(": expected "), "{name}: {error}"),
            }
        }
    }
    eprintln!("{passed} of the corpora pass the gate");
}
