//! Why a call was declined or ended, and why a connection was closed.

use serde::{Deserialize, Serialize};

/// Why a callee doesn't take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// It is in another call.
    Busy,
    /// Its user said no.
    Declined,
    /// The offer asks for something that it can't do.
    Unsupported,
    /// Something went wrong on its side.
    Error,
}

/// Why a peer ends a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangupReason {
    /// Its user hung up.
    Normal,
    /// Something went wrong on its side.
    Error,
    /// Nobody answered in time.
    Timeout,
    /// The media stopped and didn't come back.
    Lost,
}

/// Why a call is over, as a peer is told: the other peer's [`HangupReason`], or the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The other user hung up.
    Normal,
    /// Something went wrong on the other side.
    Error,
    /// Nobody answered in time.
    Timeout,
    /// The other side's media stopped and didn't come back.
    Lost,
    /// The other peer unregistered, or was away for longer than the grace period.
    PeerGone,
    /// Both called each other at once, and the other call survives.
    Glare,
    /// The server stops before the call was answered.
    Shutdown,
}

impl From<HangupReason> for EndReason {
    fn from(reason: HangupReason) -> Self {
        match reason {
            HangupReason::Normal => Self::Normal,
            HangupReason::Error => Self::Error,
            HangupReason::Timeout => Self::Timeout,
            HangupReason::Lost => Self::Lost,
        }
    }
}

macro_rules! displayed_as_on_the_wire {
    ($($reason:ty { $($variant:ident = $text:literal),* $(,)? })*) => {$(
        impl $reason {
            /// The reason as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $reason {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

displayed_as_on_the_wire! {
    DeclineReason { Busy = "busy", Declined = "declined", Unsupported = "unsupported", Error = "error" }
    HangupReason { Normal = "normal", Error = "error", Timeout = "timeout", Lost = "lost" }
    EndReason {
        Normal = "normal", Error = "error", Timeout = "timeout", Lost = "lost",
        PeerGone = "peer_gone", Glare = "glare", Shutdown = "shutdown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_print_as_they_stand_on_the_wire() {
        for reason in [EndReason::Normal, EndReason::PeerGone, EndReason::Glare, EndReason::Shutdown] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
        }
        for reason in [DeclineReason::Busy, DeclineReason::Unsupported] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
        }
    }

    #[test]
    fn a_peer_cannot_give_the_servers_reasons() {
        assert!(serde_json::from_str::<HangupReason>("\"peer_gone\"").is_err());
    }
}
