//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.
//!
//! - [`header_extension`]: the data of the header extensions that are ours.

mod header_extension;

pub use header_extension::header_extension;
