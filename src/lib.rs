//! Native, low-latency voice calls over WebRTC.
//!
//! The rooms, from the inside out (see `ARCHITECTURE.md` for threads, queues and invariants):
//!
//! - pure, no I/O, always built: [`sdp`], [`ice`], [`rtp`], [`signaling`], [`relay`], [`sim`], [`trace`],
//!   [`measure`];
//! - sans-IO machines over the codecs: [`call`] (feature `call`), [`audio`] (feature `audio`);
//! - the edge, where sockets, threads and clocks live: [`net`], [`peer`], [`switchboard`].
//!
//! Every machine speaks one grammar: `handle_*` takes what happened, `poll_*` gives what must be done,
//! and time is an argument.

pub mod ice;
pub mod measure;
pub mod relay;
pub mod rtp;
pub mod sdp;
pub mod signaling;
pub mod sim;
pub mod trace;

#[cfg(feature = "audio")]
pub mod audio;
#[cfg(feature = "call")]
pub mod call;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "peer")]
pub mod peer;
#[cfg(feature = "switchboard")]
pub mod switchboard;
