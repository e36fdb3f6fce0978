//! Measuring a call from outside: what was sent, what was heard, and when.
//!
//! Two [`Recording`]s on one clock go in. [`align`] finds when each spoken stretch was heard, which is the
//! mouth-to-ear delay over time ([`DelayTrack`]); [`Similarity`] says how alike the two are, [`find_dropouts`] and
//! [`find_jumps`] what was lost, repeated or left out, [`Level`] how loud it is, and [`CallPlot`] draws it all as SVG. [`PlayoutPlot`]
//! draws what a receiver did: arrivals, target, delay and concealment over time; [`CurvePlot`] draws
//! one thing over another.
//!
//! ```
//! use handset::measure::{Recording, Search, Similarity, align};
//!
//! let mut seed = 1u32;
//! let noise = std::iter::repeat_with(|| {
//!     seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
//!     (seed >> 8) as f32 / 16_777_216.0 - 0.5
//! });
//! let spoken: Vec<f32> = noise.take(48_000).collect();
//! let mut arrived = vec![0.0; 1_440]; // 30 ms late
//! arrived.extend(&spoken);
//!
//! let sent = Recording::new(spoken, 48_000, 0.0);
//! let heard = Recording::new(arrived, 48_000, 0.0);
//! let track = align(&sent, &heard, &Search::default());
//! assert!((track.median_ms().unwrap() - 30.0).abs() < 0.1);
//! assert!(Similarity::of(&track).mean > 0.99);
//! ```
//!
//! Nothing here panics on any samples, finite or not, and nothing reads a clock or a file.

mod align;
mod band;
mod correlate;
mod curve_plot;
mod dropout;
mod level;
mod paper;
mod playout_plot;
mod plot;
mod recording;
mod similarity;

pub use align::{DelayTrack, Search, Window, align};
pub use curve_plot::{Curve, CurvePanel, CurvePlot};
pub use dropout::{Dropout, Jump, Place, find_dropouts, find_jumps};
pub use level::Level;
pub use playout_plot::{PlayoutMoment, PlayoutPlot};
pub use plot::{CallPlot, Mark};
pub use recording::Recording;
pub use similarity::Similarity;

#[cfg(test)]
mod voice;
