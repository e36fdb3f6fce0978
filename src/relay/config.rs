//! What a relay is told.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::login::Logins;
use super::policy::PeerPolicy;

/// How much a relay gives.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Allocations in all. Default 10,000.
    pub allocations: usize,
    /// Allocations for one user. Default 16: a peer with several interfaces and both transports, twice during a restart.
    pub allocations_per_user: usize,
    /// Payload of one allocation, both ways together, in bytes a second. Default 1 MB: a hundred times an Opus call.
    pub bytes_per_s: Option<u32>,
    /// Answers a second to those who have proven nothing: bounds what can be reflected off us. Default 20,000.
    pub unproven_answers_per_s: Option<u32>,
    /// The longest an allocation lives without a refresh. Default an hour.
    pub lifetime: Duration,
    /// The longest an allocation lives at all. Default a day.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations: 10_000,
            allocations_per_user: 16,
            bytes_per_s: Some(1_000_000),
            unproven_answers_per_s: Some(20_000),
            lifetime: Duration::from_secs(3600),
            age: Duration::from_secs(86_400),
        }
    }
}

/// What a relay is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The realm of its credentials, at most 128 bytes of ASCII: it is part of every challenge, so keep it short.
    pub realm: String,
    /// Who may have allocations.
    pub logins: Logins,
    /// The IPv4 address that peers reach relay sockets at, if there is one.
    pub public_v4: Option<IpAddr>,
    /// The IPv6 address, if there is one.
    pub public_v6: Option<IpAddr>,
    /// Ports to open relay sockets on; they should lie outside the system's own range of ephemeral ports.
    pub ports: RangeInclusive<u16>,
    /// Ports that the relay itself listens on, over UDP: nobody is relayed to them on our own addresses.
    pub listener_ports: Vec<u16>,
    /// Which peers may be sent to.
    pub policy: PeerPolicy,
    /// How much is given.
    pub limits: Limits,
    /// Whether challenges offer SHA-256 (RFC 8489 §9.2). It makes them longer, and with that what can be reflected off
    /// us; browsers do not use it.
    pub offer_sha256: bool,
}

impl Config {
    /// A relay for the internet on 49152 to 65535, with default limits.
    pub fn new(realm: &str, logins: Logins, public: IpAddr) -> Self {
        Self {
            realm: realm.to_owned(),
            logins,
            public_v4: Some(public).filter(IpAddr::is_ipv4),
            public_v6: Some(public).filter(IpAddr::is_ipv6),
            ports: 49_152..=65_535,
            listener_ports: Vec::new(),
            policy: PeerPolicy::default(),
            limits: Limits::default(),
            offer_sha256: false,
        }
    }
}
