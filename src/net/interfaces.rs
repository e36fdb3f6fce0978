//! Which local addresses a call may use.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// Addresses that one call will use at most: each costs a socket and connectivity checks against every
/// candidate of the other side.
const MAX_ADDRESSES: usize = 16;

/// What to do with loopback addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// Leave them out: the other side is on another machine.
    Skip,
    /// Use them too: the other side may be on this machine.
    Include,
}

/// The addresses of the interfaces that are up, those most likely to work first.
///
/// Left out are the unspecified and multicast addresses, IPv4 link-local (RFC 3927: of no use beyond a cable)
/// and IPv6 link-local, which mean nothing to the other side without a scope.
///
/// # Errors
/// When the system does not list its interfaces.
pub fn usable_addresses(loopback: Loopback) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(if_addrs::Interface::is_oper_up)
        .map(|interface| interface.ip())
        .filter(|ip| is_usable(*ip) && (loopback == Loopback::Include || !ip.is_loopback()))
        .collect();
    addresses.sort_by_key(|ip| (ip.is_loopback(), ip.is_ipv6()));
    addresses.dedup();
    if addresses.is_empty() {
        // A machine without a network can still call itself.
        addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    addresses.truncate(MAX_ADDRESSES);
    Ok(addresses)
}

fn is_usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_link_local() || v4.is_multicast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_multicast_addresses_are_left_out() {
        for (address, usable) in [
            ("192.0.2.7", true),
            ("127.0.0.1", true),
            ("2001:db8::1", true),
            ("fd00::2", true),
            ("169.254.3.4", false),
            ("fe80::1", false),
            ("224.0.0.1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_usable(address.parse().expect("an address")), usable, "{address}");
        }
    }

    #[test]
    fn there_is_always_an_address_to_call_from() {
        for loopback in [Loopback::Skip, Loopback::Include] {
            assert!(!usable_addresses(loopback).expect("the interfaces").is_empty());
        }
    }
}
