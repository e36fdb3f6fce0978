//! `audiopus` on a current libopus: the same symbols, from `opusic-sys`.
#![no_std]
pub use opusic_sys::*;
