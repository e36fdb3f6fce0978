//! How high an encoder codes.

/// The highest frequencies that an encoder spends bits on (RFC 6716 section 2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bandwidth {
    /// Up to 8 kHz.
    Wide,
    /// Up to 20 kHz.
    Full,
}
