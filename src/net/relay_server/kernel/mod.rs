//! Relaying in the kernel: a program at the entrance of the network interfaces that passes on what the core has said may
//! pass, without waking this process.
//!
//! ```text
//!              core ──Action::Pass───► KernelPath ──► entries ─┐
//!                                                               ▼
//!  client ══ ChannelData ══► interface ══► program: is there an entry for exactly this? ── yes ══ UDP ══► peer
//!                                              └─ no: unchanged, to the sockets
//! ```
//!
//! The program ([`program`]) is written by an assembler of our own and attached to interfaces by links that end with this
//! process, however it ends. It knows nothing of TURN but how ChannelData begins: who may send what to whom until when is
//! in its entries, and those come from the core alone.
//!
//! Architecture invariant: the kernel relays only what the core said, until when the core said. Everything else goes up to
//! the sockets unchanged: other protocols, requests, indications, fragments, options, packets that are not whole or not
//! one, and all that is unknown, expired or uncertain. So a lost entry costs time, never a packet.

mod assembler;
mod entry;
mod interfaces;
mod maps;
mod meter;
mod path;
mod program;
mod routes;
mod sys;
#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "tests/kernel_relay runs them")]
pub(crate) mod tests;

pub(super) use meter::KernelMeter;
pub use path::KernelPathError;
pub(super) use path::{KernelPath, Passage};
