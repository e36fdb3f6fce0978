//! What an IP address reaches: which ones to gather, and which ones a relay must not send to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches (RFC 6890 and its registries).
///
/// Addresses that carry an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo) count as what they carry when
/// that is not global: otherwise `::ffff:127.0.0.1` or `64:ff9b::a00:1` would slip past a rule for IPv4.
///
/// ```
/// use handset::ice::Scope;
/// let scope = |ip: &str| Scope::of(ip.parse().unwrap());
/// assert_eq!(scope("192.0.1.7"), Scope::Global);
/// assert_eq!(scope("10.1.2.3"), Scope::Private);
/// assert_eq!(scope("::ffff:127.0.0.1"), Scope::Loopback);
/// assert_eq!(scope("64:ff9b::169.254.169.254"), Scope::LinkLocal);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The internet.
    Global,
    /// RFC 1918 and fc00::/7.
    Private,
    /// 100.64.0.0/10, behind a carrier's NAT (RFC 6598).
    CarrierNat,
    /// 169.254.0.0/16, where clouds keep their metadata service, and fe80::/10.
    LinkLocal,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 224.0.0.0/4, ff00::/8 and broadcast.
    Multicast,
    /// 0.0.0.0/8 and ::.
    Unspecified,
    /// Documentation, benchmarking, discard, reserved, former site-local: nobody's.
    Reserved,
}

impl Scope {
    /// The scope of an address.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => of_v6(ip),
        }
    }

    /// Whether an agent gathers this address: everything that a peer could conceivably reach, and loopback on request.
    pub fn is_gathered(self, with_loopback: bool) -> bool {
        match self {
            Self::Global | Self::Private | Self::CarrierNat | Self::Reserved => true,
            Self::Loopback => with_loopback,
            // The agent refuses IPv4 link-local, and fe80:: says nothing without its zone.
            Self::LinkLocal | Self::Multicast | Self::Unspecified => false,
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> Scope {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (0, ..) => Scope::Unspecified,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Scope::Private,
        (100, 64..=127, _) => Scope::CarrierNat,
        (127, ..) => Scope::Loopback,
        (169, 254, _) => Scope::LinkLocal,
        // 192.0.0.0/24 protocol assignments, 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 documentation,
        // 192.88.99.0/24 the former 6to4 relays, 198.18.0.0/15 benchmarking.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18 | 19, _) => {
            Scope::Reserved
        }
        (224..=239, ..) => Scope::Multicast,
        (240..=255, ..) if ip.is_broadcast() => Scope::Multicast,
        (240..=255, ..) => Scope::Reserved,
        _ => Scope::Global,
    }
}

fn of_v6(ip: Ipv6Addr) -> Scope {
    if ip.is_unspecified() {
        return Scope::Unspecified;
    }
    if ip.is_loopback() {
        return Scope::Loopback;
    }
    if let Some(inner) = carried_v4(ip) {
        return of_v4(inner);
    }
    match ip.segments() {
        [0xfe80..=0xfebf, ..] => Scope::LinkLocal,
        [0xfec0..=0xfeff, ..] => Scope::Reserved,
        [0xfc00..=0xfdff, ..] => Scope::Private,
        [0xff00..=0xffff, ..] => Scope::Multicast,
        // Documentation (RFC 3849, RFC 9637), discard (RFC 6666), the rest of 2001::/23, local-use NAT64 (RFC 8215).
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] | [0x0100, 0, 0, 0, ..] => Scope::Reserved,
        [0x2001, 0..=0x01ff, ..] | [0x0064, 0xff9b, 0x0001, ..] => Scope::Reserved,
        [0x2000..=0x3fff, ..] => Scope::Global,
        _ => Scope::Reserved,
    }
}

/// The IPv4 address inside: mapped (::ffff:0:0/96), translated (::ffff:0:0:0/96), compatible (::/96), NAT64
/// (64:ff9b::/96), 6to4 (2002::/16), Teredo (2001::/32, inverted).
fn carried_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => Some(join(high, low)),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(join(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(ip: &str) -> Scope {
        Scope::of(ip.parse().unwrap())
    }

    #[test]
    fn every_special_range_is_known_to_its_edges() {
        for (expected, addresses) in [
            (Scope::Unspecified, &["0.0.0.0", "0.255.255.255", "::", "::ffff:0.0.0.0"][..]),
            (Scope::Private, &["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.1"]),
            (
                Scope::Private,
                &["fc00::1", "fdff::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1"],
            ),
            (Scope::CarrierNat, &["100.64.0.0", "100.127.255.255", "::ffff:100.64.0.1"]),
            (Scope::Loopback, &["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::127.0.0.1"]),
            (Scope::Loopback, &["2002:7f00:1::", "64:ff9b::127.0.0.1", "2001::80ff:fffe"]),
            (Scope::LinkLocal, &["169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.169.254"]),
            (
                Scope::Multicast,
                &["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "::ffff:224.0.0.1"],
            ),
            (Scope::Reserved, &["192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255"]),
            (Scope::Reserved, &["240.0.0.1", "192.0.0.8", "2001:db8::1", "100::1", "fec0::1", "5f00::1"]),
            (
                Scope::Global,
                &["8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "2600::1"],
            ),
            (Scope::Global, &["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "223.255.255.255"]),
        ] {
            for address in addresses {
                assert_eq!(scope(address), expected, "{address}");
            }
        }
    }

    #[test]
    fn loopback_is_gathered_on_request_and_link_local_never() {
        assert!(scope("192.168.1.2").is_gathered(false) && scope("2600::1").is_gathered(false));
        assert!(!scope("127.0.0.1").is_gathered(false) && scope("127.0.0.1").is_gathered(true));
        assert!(!scope("169.254.1.1").is_gathered(true) && !scope("fe80::1").is_gathered(true));
    }
}
