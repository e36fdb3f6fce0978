//! Which descriptions of a folder each peer accepts: `cargo run --example accepts -- FOLDER...`.

use std::path::Path;
use std::{env, fs};

use handset::sdp::Description;
use handset_bench_peers::sdp as peers;

/// Peers have to agree by this many before a refusal of ours needs a reason.
const QUORUM: usize = 2;

fn main() -> std::io::Result<()> {
    println!("ours|str0m|webrtc|ezk|rtc|sdp-types");
    let (mut files, mut unlike) = (0, 0);
    for folder in env::args().skip(1) {
        let mut paths: Vec<_> = fs::read_dir(&folder)?.filter_map(Result::ok).map(|e| e.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "sdp")) {
            files += 1;
            unlike += usize::from(report(path)?);
        }
    }
    println!("{files} files, {unlike} that {QUORUM} peers accept and we refuse");
    Ok(())
}

/// Prints one line; whether our refusal needs a reason.
fn report(path: &Path) -> std::io::Result<bool> {
    let bytes = fs::read(path)?;
    let ours = Description::parse_bytes(&bytes);
    let text = String::from_utf8_lossy(&bytes);
    let theirs = [
        peers::str0m(&text).is_some(),
        peers::webrtc(&text).is_some(),
        peers::ezk(&text).is_some(),
        peers::rtc(&text).is_some(),
        sdp_types::Session::parse(&bytes).is_ok(),
    ];
    let votes = theirs.iter().filter(|yes| **yes).count();
    let needs_reason = ours.is_err() && votes >= QUORUM;
    let sign = |yes: bool| if yes { "+" } else { "-" };
    let votes: String = theirs.iter().map(|yes| sign(*yes)).collect();
    let why = ours.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let flag = if needs_reason { "!" } else { " " };
    println!("{flag}{} {votes} {} {why}", sign(ours.is_ok()), path.display());
    Ok(needs_reason)
}
