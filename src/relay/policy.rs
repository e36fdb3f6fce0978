//! Which peers a relay sends to.

use std::net::IpAddr;
use std::str::FromStr;

use crate::ice::Scope;

/// Networks and forbidden addresses in one policy. They are written by hand, so a long list is a mistake.
const MAX_NETWORKS: usize = 256;

/// A range of addresses in CIDR form.
///
/// ```
/// use handset::relay::Network;
/// let network: Network = "10.1.0.0/16".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(!network.contains("10.2.0.0".parse().unwrap()));
/// assert!("fd00::/8".parse::<Network>()?.contains("fd12::1".parse().unwrap()));
/// assert!("10.1.0.0/33".parse::<Network>().is_err());
/// # Ok::<(), handset::relay::NetworkError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected ADDRESS or ADDRESS/BITS, found {found:?}")]
pub struct NetworkError {
    found: String,
}

impl Network {
    /// Whether an address lies in it; those of the other family never do.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let differing = match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => (base.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V6(base), IpAddr::V6(ip)) => (base.to_bits() ^ ip.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= u32::from(self.prefix)
    }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        Self { base: ip, prefix: if ip.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NetworkError { found: text.chars().take(64).collect() };
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let whole = Self::from(base.parse::<IpAddr>().map_err(|_| wrong())?);
        let prefix = match prefix {
            Some(prefix) => prefix.parse::<u8>().ok().filter(|p| *p <= whole.prefix).ok_or_else(wrong)?,
            None => whole.prefix,
        };
        Ok(Self { prefix, ..whole })
    }
}

/// Which peers a relay sends to: the internet, and what was allowed by name.
///
/// Private networks, carrier NAT, link-local (where clouds keep their metadata), loopback, multicast and nobody's
/// addresses are refused, also when they come wrapped in IPv6.
///
/// ```
/// use handset::relay::PeerPolicy;
/// let mut policy = PeerPolicy::default();
/// assert!(policy.permits("8.8.8.8".parse().unwrap()));
/// assert!(!policy.permits("::ffff:169.254.169.254".parse().unwrap()));
/// policy.allow("192.168.0.0/16".parse().unwrap());
/// assert!(policy.permits("192.168.1.1".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct PeerPolicy {
    allowed: Vec<Network>,
    forbidden: Vec<Network>,
}

impl PeerPolicy {
    /// Allows a network whatever its scope; at most 256.
    pub fn allow(&mut self, network: Network) {
        if self.allowed.len() < MAX_NETWORKS {
            self.allowed.push(network);
        }
    }

    /// Forbids a network, even if it is allowed; at most 256.
    pub fn forbid(&mut self, network: Network) {
        if self.forbidden.len() < MAX_NETWORKS {
            self.forbidden.push(network);
        }
    }

    /// Whether datagrams may go to this address.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let is_global = Scope::of(ip) == Scope::Global && !is_within(&self.forbidden, ip);
        is_global || self.names(ip)
    }

    /// Whether this address lies in a network that was allowed by name, and is not forbidden.
    pub fn names(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        // Multicast and the unspecified address are no single peer, so that no list can allow them.
        let is_nobody = matches!(Scope::of(ip), Scope::Multicast | Scope::Unspecified);
        !is_nobody && is_within(&self.allowed, ip) && !is_within(&self.forbidden, ip)
    }
}

fn is_within(networks: &[Network], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allowed: &[&str], forbidden: &[&str]) -> PeerPolicy {
        let mut policy = PeerPolicy::default();
        allowed.iter().for_each(|network| policy.allow(network.parse().unwrap()));
        forbidden.iter().for_each(|network| policy.forbid(network.parse().unwrap()));
        policy
    }

    #[test]
    fn only_the_internet_is_permitted_by_default() {
        let policy = policy(&[], &[]);
        for ip in ["8.8.8.8", "2600::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert!(policy.permits(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2001:db8::1",
        ] {
            assert!(!policy.permits(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn forbidding_wins_over_allowing_and_over_scope() {
        let policy = policy(&["10.0.0.0/8", "8.8.0.0/16"], &["10.1.0.0/16", "8.8.8.8"]);
        assert!(policy.permits([10, 2, 0, 1].into()) && policy.permits([8, 8, 4, 4].into()));
        assert!(!policy.permits([10, 1, 0, 1].into()) && !policy.permits([8, 8, 8, 8].into()));
        assert!(!policy.permits("::ffff:8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn multicast_and_nowhere_cannot_be_allowed() {
        let policy = policy(&["0.0.0.0/0", "::/0"], &[]);
        assert!(policy.permits([127, 0, 0, 1].into()));
        assert!(!policy.permits([224, 0, 0, 1].into()) && !policy.permits([0, 0, 0, 0].into()));
        assert!(!policy.permits("ff02::1".parse().unwrap()) && !policy.permits("::".parse().unwrap()));
    }

    #[test]
    fn broken_networks_are_refused() {
        for text in
            ["", "/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/8/8"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
