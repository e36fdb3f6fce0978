//! Why a peer could not be started.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::audio;
use crate::call::CallError;
use crate::net::websocket::SignalError;

use super::Exit;

/// Why a peer could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// An audio end cannot be used.
    #[error("{end}: {source}")]
    Audio {
        /// `--input` or `--output`.
        end: &'static str,
        /// What is wrong with it.
        source: audio::Error,
    },
    /// The system refused something.
    #[error("could not {what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The trace cannot be written.
    #[error("--trace: cannot write {}: {source}", .path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The call could not be begun, or no certificate be made.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The certificates to trust for `turns:` cannot be read.
    #[error("--turn-ca: {path}: {found}")]
    TurnCa {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Nothing can be said to the switchboard: its address is none.
    #[error("--server: {0}")]
    Server(#[from] SignalError),
}

impl PeerError {
    /// The exit code that a command ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Audio { .. } => Exit::Audio,
            Self::Trace { .. } => Exit::File,
            Self::TurnCa { .. } => Exit::File,
            Self::System { .. } | Self::Call(_) => Exit::Internal,
            Self::Server(SignalError::Address { .. }) => Exit::Usage,
            Self::Server(_) => Exit::Internal,
        }
    }
}
