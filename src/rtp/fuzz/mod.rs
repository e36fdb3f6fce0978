//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.
//!
//! - [`red`], [`red_write`]: redundant payloads read and written;
//! - [`header_extension`]: the data of the header extensions that are ours;
//! - [`jitter_buffer`]: a stream that a script made against a renderer that counts;
//! - [`Scene`], [`Listener`]: that script, for whoever renders.

mod header_extension;
mod red_blocks;
mod scene;
mod slots;

pub use header_extension::header_extension;
pub use red_blocks::{red, red_write};
pub use scene::{Content, Listener, Scene, TAIL_FRAME, Tail};
pub use slots::jitter_buffer;
