//! STUN and TURN messages, candidates, gathering (RFC 8489, 8656, 8839, 8445).
//!
//! Everything here is sans-IO and imports no other room:
//!
//! - [`Candidate`]: one ICE candidate, as text (RFC 8839) and as numbers (RFC 8445);
//! - [`Credentials`]: the user fragment and password of one ICE session;
//! - [`stun`]: STUN and TURN messages, ChannelData;
//! - [`Reflexive`]: what STUN servers see us as;
//! - [`turn`]: an address lent by a relay;
//! - [`gather`]: all of these together, for one call;
//! - [`mdns`]: names that stand for addresses on the local link;
//! - [`Scope`]: what an address reaches.

pub mod candidate;
mod credentials;
pub mod fuzz;
pub mod gather;
pub mod mdns;
mod reflexive;
mod scope;
mod server;
pub mod stun;
mod transaction;
pub mod turn;

pub use candidate::{Candidate, CandidateError, CandidateKind, CandidateLine};
pub use credentials::{Credentials, CredentialsError};
pub use reflexive::{MAX_SERVERS, Reflexive, ReflexiveEvent};
pub use scope::Scope;
pub use server::{Carrier, ServerUri, ServerUriError, Service};
pub use transaction::TransactionIds;
