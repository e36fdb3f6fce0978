//! Calls between real processes over real sockets on this machine: what a user and a script see.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]
#![expect(clippy::print_stderr, reason = "what was measured stands in the log of the tests")]

mod apart;
mod bad_input;
mod devices;
#[path = "../support/folder.rs"]
mod folder;
mod foreign_messages;
mod hidden;
mod load;
mod many_calls;
mod process_figures;
mod processes;
mod raw_client;
mod sound;
#[path = "../support/sound_server.rs"]
mod sound_server;
mod speech;
#[path = "../support/wav.rs"]
mod wav;
