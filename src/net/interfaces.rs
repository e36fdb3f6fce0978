//! Which local addresses a call may use.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::ice::Scope;

/// Addresses that one call will use at most: each costs a socket and connectivity checks against every
/// candidate of the other side.
const MAX_ADDRESSES: usize = 16;

/// Bridges between this machine and machines inside it, by the names that their makers give them. Nobody outside
/// reaches us there, and those inside reach us at our other addresses too.
const INNER_BRIDGES: [&str; 10] =
    ["docker", "br-", "virbr", "vboxnet", "vmnet", "cni", "flannel", "lxcbr", "lxdbr", "podman"];

/// What to do with loopback addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// Leave them out: the other side is on another machine.
    Skip,
    /// Use them too: the other side may be on this machine.
    Include,
}

/// The addresses of the interfaces that are up, those most likely to work first: IPv4 before IPv6 where a NAT is
/// no matter, tunnels (VPNs) after plain interfaces, loopback last.
///
/// Left out are addresses that mean nothing to the other side (unspecified, multicast, link-local: RFC 3927, and fe80::
/// without its scope) and bridges to machines inside this one.
///
/// # Errors
/// When the system does not list its interfaces.
pub fn usable_addresses(loopback: Loopback) -> io::Result<Vec<IpAddr>> {
    let mut addresses = listed(loopback)?;
    if addresses.is_empty() {
        // A machine without a network can still call itself.
        addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    Ok(addresses)
}

/// The same, and none where there is none: for a network that may come back.
///
/// # Errors
/// When the system does not list its interfaces.
pub fn listed(loopback: Loopback) -> io::Result<Vec<IpAddr>> {
    let mut interfaces: Vec<(bool, IpAddr)> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(if_addrs::Interface::is_oper_up)
        .filter(|interface| !is_inner_bridge(&interface.name))
        .map(|interface| (interface.is_p2p(), interface.ip()))
        .filter(|(_, ip)| Scope::of(*ip).is_gathered(loopback == Loopback::Include))
        .collect();
    interfaces.sort_by_key(|(is_tunnel, ip)| (ip.is_loopback(), *is_tunnel, ip.is_ipv6()));
    let mut addresses: Vec<IpAddr> = interfaces.into_iter().map(|(_, ip)| ip).collect();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    Ok(addresses)
}

/// A network that an interface is on, in one family: what is said to a multicast group there is heard there alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Over IPv4, by an address of the interface.
    V4(Ipv4Addr),
    /// Over IPv6, by the interface's number.
    V6(u32),
}

/// The links of the usable addresses, or of those `only` where there are some.
///
/// # Errors
/// When the system does not list its interfaces.
pub fn links(loopback: Loopback, only: &[IpAddr]) -> io::Result<Vec<Link>> {
    let usable = if only.is_empty() { usable_addresses(loopback)? } else { only.to_vec() };
    let mut seen: Vec<(String, bool)> = Vec::new();
    let mut links = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        let network = (interface.name.clone(), interface.ip().is_ipv6());
        if !usable.contains(&interface.ip()) || seen.contains(&network) {
            continue;
        }
        seen.push(network);
        links.extend(match interface.ip() {
            IpAddr::V4(ip) => Some(Link::V4(ip)),
            IpAddr::V6(_) => interface.index.map(Link::V6),
        });
    }
    links.truncate(MAX_ADDRESSES);
    Ok(links)
}

fn is_inner_bridge(name: &str) -> bool {
    INNER_BRIDGES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_to_machines_inside_are_left_out() {
        for name in ["docker0", "br-0123456789ab", "virbr0", "podman1", "lxdbr0"] {
            assert!(is_inner_bridge(name), "{name}");
        }
        for name in ["eth0", "enp3s0", "wlan0", "wg0", "tun0", "br0", "lo", "en0"] {
            assert!(!is_inner_bridge(name), "{name}");
        }
    }

    #[test]
    fn there_is_always_an_address_to_call_from() {
        for loopback in [Loopback::Skip, Loopback::Include] {
            assert!(!usable_addresses(loopback).expect("the interfaces").is_empty());
        }
    }
}
