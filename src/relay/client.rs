//! Who sent a packet: one side of a 5-tuple.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// A client as its 5-tuple shows it: the listener (local address and transport) that it came to, and where from.
///
/// The shell numbers its listeners; a TCP connection is told from others by its remote address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Which of the shell's listeners.
    pub listener: u16,
    /// The client's address and port.
    pub remote: SocketAddr,
}

impl Hash for Client {
    /// Two words instead of the ten pieces that a derived implementation would feed: this is done for every packet.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ip = match self.remote.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        state.write_u128(ip);
        state.write_u32(u32::from(self.listener) << 16 | u32::from(self.remote.port()));
    }
}

impl fmt::Debug for Client {
    /// Without the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client(listener {})", self.listener)
    }
}
