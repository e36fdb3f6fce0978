//! Which interfaces the program stands at.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

/// Interfaces that the program is attached to at most: a machine with more has them for others' machines.
const MAX_INTERFACES: usize = 64;

/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK`: packets begin with an Ethernet header. What comes in by others is served by
/// the sockets.
const WITH_ETHERNET_HEADER: [&str; 2] = ["1", "772"];

/// Numbers of the interfaces at which packets to these addresses come in: those that have them, or all for the address
/// that stands for all, and loopback, by which this machine reaches itself.
pub(super) fn with_addresses(addresses: &[Ipv4Addr]) -> io::Result<Vec<u32>> {
    let is_any = addresses.iter().any(Ipv4Addr::is_unspecified);
    let is_meant =
        |ip: IpAddr| ip.is_loopback() || matches!(ip, IpAddr::V4(ip) if is_any || addresses.contains(&ip));
    let mut numbers: Vec<u32> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| is_meant(interface.ip()) && has_ethernet_header(&interface.name))
        .filter_map(|interface| interface.index)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(MAX_INTERFACES);
    Ok(numbers)
}

fn has_ethernet_header(name: &str) -> bool {
    // An alias is an address of the interface before the colon.
    let name = name.split(':').next().unwrap_or(name);
    std::fs::read_to_string(format!("/sys/class/net/{name}/type"))
        .is_ok_and(|kind| WITH_ETHERNET_HEADER.contains(&kind.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_always_among_them_and_alone_if_nothing_else_is_listened_on() {
        let loopback = with_addresses(&[Ipv4Addr::LOCALHOST]).expect("a list");
        assert_eq!(loopback, [1]);
        assert!(with_addresses(&[Ipv4Addr::UNSPECIFIED]).expect("a list").contains(&1));
    }
}
