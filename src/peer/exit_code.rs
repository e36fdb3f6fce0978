//! How a call ended, as a number that a script can use.

use std::process::ExitCode;

/// The exit codes of the `peer` command. They are part of its interface and listed in its help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The call was made and ended properly, or there was nothing to do but to list.
    Done = 0,
    /// Something of ours broke.
    Internal = 1,
    /// The command line could not be understood.
    Usage = 2,
    /// The switchboard cannot be reached, or went away and did not come back.
    Unreachable = 3,
    /// The switchboard refused us: the id is in use, or not allowed.
    Refused = 4,
    /// Nobody of that name is there, or it is ourselves.
    Nobody = 5,
    /// The other side declined.
    Declined = 6,
    /// The other side is in another call.
    Busy = 7,
    /// It rang, and nobody answered.
    NoAnswer = 8,
    /// The call was cut: the other side is gone or no path is left.
    Lost = 9,
    /// No media: the session description was refused, or no path or encryption came about.
    NoMedia = 10,
    /// An audio device or file cannot be used.
    Audio = 11,
    /// A file of ours (events, trace, plot) cannot be written, or one to be replayed cannot be read.
    File = 12,
    /// Under load a deadline was missed, or a call was lost.
    Overload = 13,
}

impl Exit {
    /// Every code with what it means, for the help.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Done, "the call ended properly (either side hung up)"),
        (Self::Internal, "internal error"),
        (Self::Usage, "the command line could not be understood"),
        (Self::Unreachable, "the switchboard cannot be reached"),
        (Self::Refused, "the switchboard refused us (id in use, id not allowed)"),
        (Self::Nobody, "nobody of that name is registered"),
        (Self::Declined, "the other side declined"),
        (Self::Busy, "the other side is busy"),
        (Self::NoAnswer, "nobody answered"),
        (Self::Lost, "the call was cut: the other side is gone or no path is left"),
        (Self::NoMedia, "no media: bad session description, no path, or no encryption"),
        (Self::Audio, "an audio device or file cannot be used"),
        (Self::File, "a file cannot be written, or is not what it should be"),
        (Self::Overload, "under load a deadline was missed, or a call was lost"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_at_its_own_number() {
        for (number, (exit, meaning)) in Exit::ALL.iter().enumerate() {
            assert_eq!(*exit as usize, number);
            assert!(!meaning.is_empty());
        }
    }
}
