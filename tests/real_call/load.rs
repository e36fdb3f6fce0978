//! Many calls in one process.

use std::process::Command;

use super::processes::among_others;

/// Every deadline met, or not: which of them is up to the machine.
const DONE: i32 = 0;
const OVERLOAD: i32 = 13;

fn load(words: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_peer")).arg("load").args(words).output().expect("it starts");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

/// The figure in the line that begins with `name`.
#[track_caller]
fn figure(said: &str, name: &str) -> f64 {
    let line = said.lines().find(|line| line.starts_with(name));
    let word = line.and_then(|line| line.split_whitespace().last());
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no figure {name:?} in\n{said}"))
}

#[test]
fn every_call_of_a_load_carries_sound_both_ways() {
    let _others = among_others();
    let (code, said) = load(&["--calls", "3", "--seconds", "2", "--threads", "2", "--deadline-ms", "1000"]);
    assert!([Some(DONE), Some(OVERLOAD)].contains(&code), "{code:?}: {said}");
    assert_eq!(figure(&said, "calls"), 3.0);
    assert_eq!(figure(&said, "ends without media"), 0.0, "{said}");
    // Six ends send 50 frames a second each, and render at least as often.
    assert!(figure(&said, "frames to send") > 300.0, "{said}");
    assert_eq!(code == Some(DONE), said.contains("no deadline missed"), "{said}");
    assert!(figure(&said, "from mouth to ear") > 20.0, "{said}");
}

#[test]
fn a_load_of_nothing_is_refused() {
    let (code, said) = load(&["--calls", "0"]);
    assert_eq!(code, Some(2), "{said}");
}
