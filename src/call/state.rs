//! The states of a call, and the one table of transitions between them.
//!
//! [`State`] is what the owner sees; [`Step`] is everything that can move a call on. [`State::after`] is the
//! whole table: what is not in it changes nothing. A snapshot test prints every state against every step.

use crate::signaling::ErrorCode;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// We called; the other side has not been heard of yet.
    Dialing,
    /// The other side rings, or we are being called.
    Ringing,
    /// Accepted; looking for a path and agreeing on keys.
    Connecting,
    /// DTLS is up and media can flow.
    Connected,
    /// Connected, and silent by wish.
    Held(Hold),
    /// The path is lost and searched for; the hold, if any, is kept.
    Reconnecting(Option<Hold>),
    /// Over.
    Ended(EndReason),
}

/// Who put the call on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// This side.
    Us,
    /// The other side.
    Them,
    /// Both.
    Both,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This side.
    Us,
    /// The other side.
    Them,
}

/// Why a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Someone hung up, before or after it was answered.
    HungUp(Side),
    /// The callee is in another call.
    Busy(Side),
    /// The callee does not want to.
    Declined(Side),
    /// The callee cannot take this kind of call: nothing in common, or a description that was refused.
    Unsupported(Side),
    /// Nobody answered in time.
    NoAnswer,
    /// Accepted, but no path or no keys in time.
    NotConnected,
    /// The path was lost and not found again in time, or the other side gave up on it.
    Lost,
    /// The other side left the switchboard and did not come back.
    PeerGone,
    /// The switchboard refused the call.
    Refused(ErrorCode),
    /// Both called each other at once and the other call survives.
    Glare,
    /// The switchboard shuts down.
    Shutdown,
    /// Something broke, on the side named.
    Error(Side),
}

impl EndReason {
    /// One word for event lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::HungUp(_) => "hangup",
            Self::Busy(_) => "busy",
            Self::Declined(_) => "declined",
            Self::Unsupported(_) => "unsupported",
            Self::NoAnswer => "no_answer",
            Self::NotConnected => "not_connected",
            Self::Lost => "lost",
            Self::PeerGone => "peer_gone",
            Self::Refused(_) => "refused",
            Self::Glare => "glare",
            Self::Shutdown => "shutdown",
            Self::Error(_) => "error",
        }
    }

    /// A sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::HungUp(Side::Us) => "you hung up",
            Self::HungUp(Side::Them) => "the other side hung up",
            Self::Busy(Side::Us) => "refused: in another call",
            Self::Busy(Side::Them) => "the other side is busy",
            Self::Declined(Side::Us) => "you declined",
            Self::Declined(Side::Them) => "the other side declined",
            Self::Unsupported(Side::Us) => "refused: the offer cannot be used here",
            Self::Unsupported(Side::Them) => "the other side cannot take this kind of call",
            Self::NoAnswer => "nobody answered",
            Self::NotConnected => "accepted, but no path was found between the two sides",
            Self::Lost => "the path was lost and did not come back",
            Self::PeerGone => "the other side is gone",
            Self::Refused(ErrorCode::UnknownPeer) => "nobody of that name is registered",
            Self::Refused(ErrorCode::SelfCall) => "you cannot call yourself",
            Self::Refused(_) => "the switchboard refused the call",
            Self::Glare => "both sides called at once; the other call goes on",
            Self::Shutdown => "the switchboard is shutting down",
            Self::Error(Side::Us) => "the call broke on this side",
            Self::Error(Side::Them) => "the call broke on the other side",
        }
    }
}

/// What can move a call from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The other side rings.
    Rings,
    /// An answer was sent or received.
    Answered,
    /// ICE and DTLS are up, or the path is back.
    PathUp,
    /// Nothing was heard of the other side for too long.
    PathLost,
    /// Who holds has changed.
    HoldChanged(Option<Hold>),
    /// It is over.
    End(EndReason),
}

impl Hold {
    /// Who holds once `side` does (`on`) or no longer does.
    pub(super) fn with(hold: Option<Self>, side: Side, on: bool) -> Option<Self> {
        let held_by = |side| {
            matches!(
                (hold, side),
                (Some(Self::Both), _) | (Some(Self::Us), Side::Us) | (Some(Self::Them), Side::Them)
            )
        };
        let (us, them) = match side {
            Side::Us => (on, held_by(Side::Them)),
            Side::Them => (held_by(Side::Us), on),
        };
        match (us, them) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::Us),
            (false, true) => Some(Self::Them),
            (false, false) => None,
        }
    }

    /// Whether this side holds.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Us | Self::Both)
    }
}

impl State {
    /// The name in event lines, logs and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dialing => "dialing",
            Self::Ringing => "ringing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Held(_) => "held",
            Self::Reconnecting(_) => "reconnecting",
            Self::Ended(_) => "ended",
        }
    }

    /// Whether the call is over.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// Whether keys are agreed: connected, held or reconnecting.
    pub fn is_established(self) -> bool {
        matches!(self, Self::Connected | Self::Held(_) | Self::Reconnecting(_))
    }

    /// The state after `step`, or `None` where the step means nothing.
    pub fn after(self, step: Step) -> Option<Self> {
        use State::{Connected, Connecting, Dialing, Ended, Held, Reconnecting, Ringing};
        let next = match (self, step) {
            (Ended(_), _) => return None,
            (_, Step::End(reason)) => Ended(reason),

            (Dialing, Step::Rings) => Ringing,
            (Dialing | Ringing, Step::Answered) => Connecting,

            (Connecting, Step::PathUp) => Connected,
            (Reconnecting(None), Step::PathUp) => Connected,
            (Reconnecting(Some(hold)), Step::PathUp) => Held(hold),

            (Connected, Step::PathLost) => Reconnecting(None),
            (Held(hold), Step::PathLost) => Reconnecting(Some(hold)),

            (Connected | Held(_), Step::HoldChanged(None)) => Connected,
            (Connected | Held(_), Step::HoldChanged(Some(hold))) => Held(hold),
            (Reconnecting(_), Step::HoldChanged(hold)) => Reconnecting(hold),

            _ => return None,
        };
        (next != self).then_some(next)
    }
}
