//! `peer doctor`: what would keep a call from getting through, in sentences and an exit code.
//!
//! [`network`] asks the switchboard and every STUN and TURN server, each by itself; [`sound`] opens the microphone and
//! the speaker; [`findings`] says what the [`facts`] mean.

mod command;
mod facts;
mod findings;
mod network;
mod sound;

pub(super) use command::examine;
