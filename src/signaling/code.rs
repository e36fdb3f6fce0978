//! The codes of `error` messages and of WebSocket closes.

use std::fmt;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)*) => {
        /// What went wrong, as the `code` of an `error` message. On the wire: the name in snake case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

error_codes! {
    /// The frame isn't a JSON object with a `type`.
    Malformed = "malformed",
    /// There is no message of this `type`.
    UnknownType = "unknown_type",
    /// A field is missing, or holds something else than it should.
    BadField = "bad_field",
    /// The server speaks another version of the protocol.
    UnsupportedVersion = "unsupported_version",
    /// The connection must register before it can do this.
    NotRegistered = "not_registered",
    /// The connection is registered already.
    AlreadyRegistered = "already_registered",
    /// The id belongs to another peer, here or away for a moment.
    IdTaken = "id_taken",
    /// The server holds as many peers as it may.
    ServerFull = "server_full",
    /// The address registers too often.
    TooManyRegistrations = "too_many_registrations",
    /// No peer of this id is registered.
    UnknownPeer = "unknown_peer",
    /// A peer can't call itself.
    SelfCall = "self_call",
    /// A call of this id exists already.
    CallIdTaken = "call_id_taken",
    /// The two peers have a call already.
    AlreadyInCall = "already_in_call",
    /// The caller has too many calls.
    TooManyCalls = "too_many_calls",
    /// The callee has too many calls.
    CalleeBusy = "callee_busy",
    /// There is no such call, or not any more, or it isn't this peer's.
    UnknownCall = "unknown_call",
    /// The call is in a state where this can't be done.
    WrongState = "wrong_state",
    /// The other peer's update came first: answer it, then try again.
    UpdatePending = "update_pending",
    /// The session description is too long.
    SdpTooLarge = "sdp_too_large",
    /// The candidate is too long.
    CandidateTooLarge = "candidate_too_large",
    /// The peer sent too many candidates for this call.
    TooManyCandidates = "too_many_candidates",
    /// Messages come too fast; this one was dropped.
    RateLimited = "rate_limited",
}

impl ErrorCode {
    /// Whether the call named by the error doesn't exist after it: its `call` was refused, or it
    /// had ended before.
    pub fn ends_call(self) -> bool {
        matches!(
            self,
            Self::UnknownPeer
                | Self::SelfCall
                | Self::AlreadyInCall
                | Self::TooManyCalls
                | Self::CalleeBusy
                | Self::UnknownCall
                | Self::CallIdTaken
        )
    }

    /// Whether trying to register again the same way is of no use.
    pub fn is_final(self) -> bool {
        matches!(self, Self::UnsupportedVersion | Self::IdTaken)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! close_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal $text:literal,)*) => {
        /// Why the server closes a connection: the text of the WebSocket close frame.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseReason {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl CloseReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The reason as it stands in the close frame.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// The WebSocket close code that goes with it (RFC 6455 section 7.4).
            pub fn code(self) -> u16 {
                match self { $(Self::$variant => $code),* }
            }
        }
    };
}

close_reasons! {
    /// The peer unregistered.
    Unregistered = 1000 "unregistered",
    /// The server stops.
    Shutdown = 1001 "shutdown",
    /// The peer sent a binary frame; the protocol is JSON text.
    TextOnly = 1003 "text_only",
    /// A frame was larger than allowed.
    FrameTooLarge = 1009 "frame_too_large",
    /// The peer kept sending faster than allowed.
    RateLimited = 1008 "rate_limited",
    /// The connection didn't register in time.
    RegisterTimeout = 1008 "register_timeout",
    /// The address has too many connections.
    TooManyConnections = 1008 "too_many_connections",
    /// Nothing was heard from the peer, not even the answer to a ping.
    Idle = 1008 "idle",
    /// The peer doesn't read what is sent to it.
    SlowReceiver = 1008 "slow_receiver",
    /// The server holds as many connections as it may.
    ServerFull = 1013 "server_full",
    /// The same peer resumed its session on another connection.
    Replaced = 4001 "replaced",
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_print_as_they_stand_on_the_wire() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn close_reasons_fit_a_close_frame() {
        for reason in CloseReason::ALL {
            assert!(reason.as_str().len() <= 123, "RFC 6455 section 5.5: a control frame holds 125 bytes");
        }
    }
}
