//! The shell of the [`relay`](crate::relay): its sockets, its thread and its clock.
//!
//! ```text
//!  clients ──UDP──► listener ─┐                        ┌─► relay socket ──UDP──► peers
//!          ──TCP, TLS─► stream ┼─► relay::Relay ────────┤
//!          ◄──────────────────┘   (decides)            └── one socket for each allocation
//! ```
//!
//! One thread does it all: what needs a microsecond a packet gains nothing from being handed around. Datagrams come and
//! go in batches (`recvmmsg`, `sendmmsg`); those that leave one socket for one address are cut by the kernel out of one
//! message. A turn takes a bounded amount from each socket, so that no client keeps the others waiting.
//!
//! Where the system permits it and the owner wants it, the kernel passes on what is established (`kernel`), and the thread
//! sleeps meanwhile.
//!
//! Architecture invariant: nothing here decides what is relayed to whom. That is the core's.

mod batch;
mod config;
mod figures;
mod file_limit;
mod kernel;
mod listeners;
mod relay_sockets;
mod server;
mod shell;
mod stream;
mod streams;

pub use config::{KernelRelaying, RelayServerConfig, RelayServerError};
pub use figures::RelayFigures;
pub use kernel::KernelPathError;
pub use server::{RelayMeter, RelayServer};

/// The longest answer of the core.
const ANSWER_BYTES: usize = 512;
