//! The `peer` command: arguments, signals, typed lines and what is shown. All of its work is done by
//! [`Peer`](crate::peer::Peer).

mod args;
mod command_line;
mod console;
#[cfg(feature = "device")]
mod devices;
mod doctor;
mod event_log;
mod happenings;
mod ice_args;
mod one_call;
mod typed;

pub use args::{AtEndArg, Cli, Command, DirectionArg, PeerArgs};
pub use command_line::run;
pub use ice_args::{IceArgs, IcePolicyArg};
