//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.
//!
//! Each takes any bytes and ends without a panic; what they assert holds for every input.

mod model;
mod packets;
mod world;

pub use model::model;
pub use packets::packets;
