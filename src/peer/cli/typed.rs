//! What a person can type while the peer runs.

use crate::signaling::PeerId;

/// Longest line that is read; a longer one is no command.
pub(super) const MAX_LINE_BYTES: usize = 256;

/// One line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    Call(PeerId),
    Answer,
    Decline,
    Busy,
    HangUp,
    Mute(Option<bool>),
    Hold(Option<bool>),
    Who,
    Stats,
    Help,
    Quit,
    Nothing,
}

/// What `help` prints.
pub(super) const HELP: &str = "\
call ID      call somebody            (c)
accept       take the call            (a, or just Enter while it rings)
decline      refuse the call          (d)
busy         refuse it as busy        (b)
hangup       end the call             (h)
mute/unmute  microphone off/on        (m toggles)
hold/resume  both ways off/on         (o toggles)
who          who is online            (w)
stats        all figures of the call  (s)
quit         hang up and leave        (q)";

impl Typed {
    /// Understands a line.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if line.len() > MAX_LINE_BYTES {
            return Err(format!("expected a command of at most {MAX_LINE_BYTES} bytes; try help"));
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let typed = match word {
            "call" | "c" => {
                let id = rest.parse().map_err(|error| format!("call whom? {error}"))?;
                return Ok(Self::Call(id));
            }
            "accept" | "answer" | "a" | "y" => Self::Answer,
            "decline" | "d" | "n" => Self::Decline,
            "busy" | "b" => Self::Busy,
            "hangup" | "h" => Self::HangUp,
            "mute" => Self::Mute(Some(true)),
            "unmute" => Self::Mute(Some(false)),
            "m" => Self::Mute(None),
            "hold" => Self::Hold(Some(true)),
            "resume" => Self::Hold(Some(false)),
            "o" => Self::Hold(None),
            "who" | "w" => Self::Who,
            "stats" | "s" => Self::Stats,
            "help" | "?" => Self::Help,
            "quit" | "exit" | "q" => Self::Quit,
            "" => Self::Nothing,
            _ => return Err(format!("no such command: {word:?}; try help")),
        };
        if rest.is_empty() { Ok(typed) } else { Err(format!("{word} takes nothing after it; try help")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_may_be_spelled_out_or_short() {
        for (line, typed) in [
            ("call bob", Typed::Call("bob".parse().expect("an id"))),
            ("  c   bob ", Typed::Call("bob".parse().expect("an id"))),
            ("a", Typed::Answer),
            ("mute", Typed::Mute(Some(true))),
            ("m", Typed::Mute(None)),
            ("", Typed::Nothing),
            ("q", Typed::Quit),
        ] {
            assert_eq!(Typed::parse(line), Ok(typed), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_said_so() {
        for line in ["cal bob", "call", "call b@d id", "quit now", &"x".repeat(1000)] {
            assert!(Typed::parse(line).is_err(), "{line:?}");
        }
    }
}
