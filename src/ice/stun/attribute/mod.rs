//! The attributes of STUN, ICE and TURN, each with its type.
//!
//! An attribute is read with [`Message::get`](super::Message::get) and written with
//! [`MessageWriter::push`](super::MessageWriter::push). Texts and lists borrow from the message. The three that
//! close a message are methods of the two instead: `check_integrity` and `integrity`, `check_integrity_sha256` and
//! `integrity_sha256`, `check_fingerprint` and `fingerprint`.
//!
//! Reserved bytes (RFFU) are written as zero and not looked at when read, as RFC 8489 and RFC 8656 have it.

mod additional_address_family;
mod address_error_code;
mod alternate_domain;
mod alternate_server;
mod channel_number;
mod data;
mod dont_fragment;
mod error_code;
mod even_port;
pub(super) mod fingerprint;
mod ice_controlled;
mod ice_controlling;
mod icmp;
mod lifetime;
mod mapped_address;
pub(super) mod message_integrity;
pub(super) mod message_integrity_sha256;
mod nonce;
mod password_algorithm;
mod password_algorithms;
mod priority;
mod realm;
mod requested_address_family;
mod requested_transport;
mod reservation_token;
mod socket_address;
mod software;
mod unknown_attributes;
mod use_candidate;
mod userhash;
mod username;
mod value;
mod xor_mapped_address;
mod xor_peer_address;
mod xor_relayed_address;

pub use additional_address_family::AdditionalAddressFamily;
pub use address_error_code::AddressErrorCode;
pub use alternate_domain::AlternateDomain;
pub use alternate_server::AlternateServer;
pub use data::Data;
pub use dont_fragment::DontFragment;
pub use error_code::ErrorCode;
pub use even_port::EvenPort;
pub use ice_controlled::IceControlled;
pub use ice_controlling::IceControlling;
pub use icmp::Icmp;
pub use lifetime::Lifetime;
pub use mapped_address::MappedAddress;
pub use nonce::{Nonce, SecurityFeatures};
pub use password_algorithm::PasswordAlgorithm;
pub use password_algorithms::PasswordAlgorithms;
pub use priority::Priority;
pub use realm::Realm;
pub use requested_address_family::{AddressFamily, RequestedAddressFamily};
pub use requested_transport::RequestedTransport;
pub use reservation_token::ReservationToken;
pub use software::Software;
pub use unknown_attributes::UnknownAttributes;
pub use use_candidate::UseCandidate;
pub use userhash::Userhash;
pub use username::Username;
pub use value::Attribute;
pub use xor_mapped_address::XorMappedAddress;
pub use xor_peer_address::XorPeerAddress;
pub use xor_relayed_address::XorRelayedAddress;

use super::{AttributeError, AttributeType};
use value::{fixed, text};
