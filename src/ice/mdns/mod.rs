//! Names that stand for addresses on the local link: multicast DNS (RFC 6762) as far as ICE makes use of it
//! (draft-ietf-mmusic-mdns-ice-candidates-03).
//!
//! A side that does not want to say its private addresses sends names instead, each `UUID.local`. Whoever is on the
//! same link finds out what stands behind one; whoever is not, gets no answer, and could not have used the address.
//!
//! - [`HostName`]: such a name;
//! - [`Message`]: what is said on the link, no more of it than is needed here;
//! - [`Resolver`]: asks what stands behind the other side's names;
//! - [`Responder`]: answers for ours.
//!
//! Everything here is sans-IO: links are numbers that the owner of the sockets gives them.

pub mod fuzz;
mod host_name;
mod message;
mod resolver;
mod responder;

use std::net::{Ipv4Addr, Ipv6Addr};

pub use host_name::HostName;
pub use message::{Address, AddressType, MAX_MESSAGE_BYTES, Message, MessageError, Question};
pub use resolver::{MAX_NAMES_ASKED, MAX_QUERIES, Query, Resolved, Resolver};
pub use responder::{MAX_OWN_NAMES, Responder, Response};

/// Where everybody listens (RFC 6762 section 3).
pub const PORT: u16 = 5353;

/// The group over IPv4 (RFC 6762 section 3).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// The group over IPv6 (RFC 6762 section 3).
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
