//! What can go wrong with a call, said so that a person can act on it.

use thiserror::Error;

use crate::sdp;

/// Why a call could not be made, or a message for it was refused.
///
/// No variant carries addresses, credentials or a whole description: the text may be logged and shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The operating system's or the library's generator gave no certificate.
    #[error("could not make a DTLS certificate: {0}")]
    Certificate(String),
    /// The other side's description was refused.
    #[error("the other side's session description was refused: {0}")]
    Description(#[from] sdp::Error),
    /// The other side's description passed every check of ours, and the engine still cannot use it.
    #[error("the other side's session description cannot be used: {0}")]
    Engine(String),
    /// A candidate that does not parse; the call goes on without it.
    #[error("expected an ICE candidate, found {0}")]
    Candidate(String),
    /// The message names another call than this one: late, or misrouted.
    #[error("message for another call")]
    OtherCall,
    /// The message or request has no meaning in the call's present state.
    #[error("{what} has no meaning while the call is {state}")]
    OutOfOrder {
        /// What was asked for or received.
        what: &'static str,
        /// The state's name.
        state: &'static str,
    },
    /// The transport refused an operation: the call ends by it.
    #[error("the transport failed: {0}")]
    Transport(String),
}
