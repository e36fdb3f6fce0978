//! Why a demo did not come to its end.

use std::io;
use std::path::PathBuf;

use crate::peer::Exit;

/// What went wrong, in a sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    #[error(
        "expected the program `{program}` beside this one, but found nothing at {path}; `make build` builds both"
    )]
    NoProgram { program: &'static str, path: PathBuf },
    #[error("{what} could not be started: {source}")]
    Start { what: &'static str, source: io::Error },
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} cannot be used as WAV: {source}")]
    Wav { path: PathBuf, source: hound::Error },
    #[error("{path} holds no sound: expected at least a second of speech")]
    NoSpeech { path: PathBuf },
    #[error("{who} ended before the call was over{}", last_words(.said))]
    Ended { who: &'static str, exit: Exit, said: String },
    #[error("waited {seconds} s in vain until {what}")]
    TooLate { what: &'static str, seconds: u64 },
    #[error("the call was made, but {who} heard nothing of what was said")]
    Unheard { who: &'static str },
    #[error("interrupted")]
    Interrupted,
}

/// The last words of a program, if there were any.
fn last_words(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("; it said: {words}") }
}

impl DemoError {
    /// The same as an exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NoProgram { .. } | Self::Start { .. } | Self::System(_) | Self::Interrupted => {
                Exit::Internal
            }
            Self::File { .. } => Exit::File,
            Self::Wav { .. } | Self::NoSpeech { .. } => Exit::Audio,
            // A program that ends early and content has still failed the demo.
            Self::Ended { exit: Exit::Done, .. } => Exit::Lost,
            Self::Ended { exit, .. } => *exit,
            Self::TooLate { .. } | Self::Unheard { .. } => Exit::NoMedia,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_a_peer_becomes_that_of_the_demo() {
        let ended = |exit| DemoError::Ended { who: "bob", exit, said: String::new() }.exit();
        assert_eq!(ended(Exit::Audio), Exit::Audio);
        assert_eq!(ended(Exit::Done), Exit::Lost, "nothing failed, and yet there was no call");
    }

    #[test]
    fn last_words_are_passed_on() {
        let error = DemoError::Ended { who: "bob", exit: Exit::Audio, said: "no such device".into() };
        assert_eq!(error.to_string(), "bob ended before the call was over; it said: no such device");
    }
}
