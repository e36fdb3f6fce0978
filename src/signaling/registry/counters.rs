//! What the registry counts, for metrics.

use std::collections::BTreeMap;

use super::super::code::{CloseReason, ErrorCode};
use super::super::reason::EndReason;

/// Events since the start.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Connections taken.
    pub connections: u64,
    /// Messages received, refused ones included.
    pub messages: u64,
    /// Sessions begun.
    pub registrations: u64,
    /// Sessions that went on over a new connection.
    pub resumptions: u64,
    /// Calls begun.
    pub calls: u64,
    /// Calls answered.
    pub answered: u64,
    /// Calls declined by the callee.
    pub declined: u64,
    /// Calls ended, by what the peers were told.
    pub ended: BTreeMap<&'static str, u64>,
    /// Errors sent, by code.
    pub errors: BTreeMap<&'static str, u64>,
    /// Connections closed by the server, by reason.
    pub closes: BTreeMap<&'static str, u64>,
}

impl Counters {
    pub(super) fn count_error(&mut self, code: ErrorCode) {
        *self.errors.entry(code.as_str()).or_default() += 1;
    }

    pub(super) fn count_close(&mut self, reason: CloseReason) {
        *self.closes.entry(reason.as_str()).or_default() += 1;
    }

    pub(super) fn count_end(&mut self, reason: EndReason) {
        *self.ended.entry(reason.as_str()).or_default() += 1;
    }
}

/// What there is at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Open connections.
    pub connections: usize,
    /// Peers registered and connected.
    pub online: usize,
    /// Peers that lost their connection and may resume.
    pub away: usize,
    /// Calls that wait for their answer.
    pub pending_calls: usize,
    /// Calls answered.
    pub live_calls: usize,
}
