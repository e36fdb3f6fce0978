//! The command: runs the examinations and says what was found.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the findings are the command's output")]

use super::findings::{self, Finding, Verdict};
use super::{network, sound};
use crate::peer::Exit;
use crate::peer::cli::PeerArgs;

/// Examines network and sound, and prints a sentence for each finding.
pub(in crate::peer::cli) fn examine(options: &PeerArgs) -> Exit {
    let config = match options.config(false) {
        Ok(config) => config,
        Err((exit, message)) => {
            eprintln!("error: {message}");
            return exit;
        }
    };
    let mut found = match network::examine(&config) {
        Ok(facts) => findings::of_network(&facts),
        Err(error) => {
            eprintln!("error: {error}");
            return error.exit();
        }
    };
    found.iter().for_each(show);
    let of_sound = findings::of_sound(&sound::microphone(&config.input), &sound::speaker(&config.output));
    of_sound.iter().for_each(show);
    found.extend(of_sound);
    findings::exit(&found)
}

fn show(finding: &Finding) {
    let mark = match finding.verdict {
        Verdict::Good => "ok  ",
        Verdict::Note => "note",
        Verdict::Bad(_) => "BAD ",
    };
    println!("{mark}  {}", finding.sentence);
}
