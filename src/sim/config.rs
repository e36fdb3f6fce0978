//! What a link does to datagrams.

use std::time::Duration;

use super::{Jitter, Loss};

/// One direction of a network. The default passes everything at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkConfig {
    /// Delay of every datagram.
    pub delay: Duration,
    /// What is added to it.
    pub jitter: Jitter,
    /// Whether datagrams may overtake one another when their delays say so. Real paths mostly keep the order: what
    /// delays one delays those behind it.
    pub overtaking: bool,
    /// What is lost. Every entry takes its share of what the one before left.
    pub loss: Vec<Loss>,
    /// Datagrams that take a detour.
    pub reorder: Option<Reorder>,
    /// Share of datagrams that arrive twice.
    pub duplicated: f64,
    /// A bottleneck.
    pub rate: Option<Rate>,
    /// Times at which the link holds everything.
    pub stalls: Option<Stalls>,
    /// Times at which it loses everything: hand-overs, dead spots.
    pub gaps: Vec<Gap>,
    /// Changes of the route, each for good.
    pub steps: Vec<RouteStep>,
}

/// Datagrams that take a detour and come later than those behind them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reorder {
    /// Share of them.
    pub share: f64,
    /// What the detour takes.
    pub extra: Duration,
}

/// A bottleneck that sends one datagram after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Its rate, in bits a second, of all that a datagram takes on the wire.
    pub bits_per_second: u64,
    /// The longest that a datagram waits; one that would wait longer is lost.
    pub queue: Duration,
}

/// Times at which everything is held, and comes in one burst afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stalls {
    /// The first one.
    pub first: Duration,
    /// From the beginning of one to the beginning of the next, on average.
    pub every: Duration,
    /// How long each holds.
    pub length: Duration,
    /// Share by which distance and length vary from one to the next, 0 to 1.
    pub spread: f64,
}

/// A time at which everything is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
}

/// A change of the route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouteStep {
    /// When it comes.
    pub at: Duration,
    /// What it adds to the delay, in milliseconds; the delay as a whole does not fall below zero.
    pub change_ms: f64,
}
