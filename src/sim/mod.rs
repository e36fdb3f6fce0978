//! Networks in virtual time: seeded links with delay, jitter, loss, reordering and stalls.
//!
//! Nothing here waits and nothing is random: the same seed gives the same network, packet by packet.
//!
//! - [`Link`]: one direction of a network. Datagrams of any type go in at a moment and come out at another, once,
//!   twice or never;
//! - [`Path`]: links one behind the other;
//! - [`Stream`]: the packets that a sender puts into them, with wraps, pauses and changes of its source;
//! - [`LinkConfig`]: what a link does to them; [`Jitter`] and [`Loss`] are its random parts;
//! - [`Profile`]: links with a name, after networks that people call over;
//! - [`SkewedClock`]: a clock that runs a little fast or slow;
//! - [`Random`]: the numbers behind it all.

mod clock;
mod config;
mod jitter;
mod link;
mod loss;
mod path;
mod profile;
mod random;
mod stream;
mod words;

pub use clock::SkewedClock;
pub use config::{Gap, LinkConfig, Rate, Reorder, RouteStep, Stalls};
pub use jitter::Jitter;
pub use link::{Link, LinkStats};
pub use loss::Loss;
pub use path::Path;
pub use profile::{NoSuchProfile, Profile};
pub use random::Random;
pub use stream::{Pauses, Sent, Stream, StreamConfig};
pub use words::NoSuchPart;
