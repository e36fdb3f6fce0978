//! Where a candidate is: an IP address, or a name that hides one.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Longest domain name (RFC 1035 §2.3.4, as text).
const MAX_NAME_BYTES: usize = 253;

/// The connection-address of a candidate.
///
/// Grammar (RFC 8839 §5.1, RFC 8866 §9): `IP4-address / IP6-address / FQDN`. A name has letters, digits, `-`, `_`,
/// and labels of 1 to 63 characters between dots, 253 in all. No zone (`%eth0`), no brackets, no port.
///
/// ```
/// use handset::ice::candidate::Address;
/// assert_eq!(Address::parse("192.0.2.1"), Some(Address::Ip([192, 0, 2, 1].into())));
/// assert!(matches!(Address::parse("0f3a.local"), Some(Address::Mdns(_))));
/// assert!(matches!(Address::parse("peer.example.org"), Some(Address::Name(_))));
/// assert_eq!(Address::parse("300.1.1.1"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address<'a> {
    /// An IPv4 or IPv6 address, without a zone.
    Ip(IpAddr),
    /// A name under `.local`, to be resolved by multicast DNS or skipped
    /// (draft-ietf-mmusic-mdns-ice-candidates).
    Mdns(Cow<'a, str>),
    /// Any other domain name, which RFC 8839 §5.1 lets an agent ignore.
    Name(Cow<'a, str>),
}

impl<'a> Address<'a> {
    /// Reads one word; `None` when it is neither an address nor a domain name of at most 253 bytes.
    #[inline]
    pub fn parse(word: &'a str) -> Option<Self> {
        if let Some((v4, taken)) = take_v4(word.as_bytes())
            && taken == word.len()
        {
            return Some(Self::Ip(IpAddr::V4(v4)));
        }
        if word.as_bytes().contains(&b':') {
            return word.parse().ok().map(|v6| Self::Ip(IpAddr::V6(v6)));
        }
        Self::parse_name(word)
    }

    fn parse_name(word: &'a str) -> Option<Self> {
        let bytes = word.as_bytes();
        let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if bytes.len() > MAX_NAME_BYTES || !bytes.iter().all(legal) {
            return None;
        }
        let relative = word.strip_suffix('.').unwrap_or(word);
        if relative.split('.').any(str::is_empty) {
            return None;
        }
        let last = relative.rsplit('.').next()?;
        // A top-level label is never numeric: this is a broken IPv4 address, which no resolver must see.
        if last.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let name = Cow::Borrowed(word);
        let is_local = last.eq_ignore_ascii_case("local") && relative.len() > last.len();
        Some(if is_local { Self::Mdns(name) } else { Self::Name(name) })
    }

    /// The IP address, unless this is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Mdns(_) | Self::Name(_) => None,
        }
    }

    /// The name, unless this is an IP address.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Ip(_) => None,
            Self::Mdns(name) | Self::Name(name) => Some(name),
        }
    }

    /// The same, owning its text.
    pub fn into_owned(self) -> Address<'static> {
        match self {
            Self::Ip(ip) => Address::Ip(ip),
            Self::Mdns(name) => Address::Mdns(Cow::Owned(name.into_owned())),
            Self::Name(name) => Address::Name(Cow::Owned(name.into_owned())),
        }
    }
}

impl From<IpAddr> for Address<'_> {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Mdns(name) | Self::Name(name) => f.write_str(name),
        }
    }
}

/// Dotted quads as `std` reads them, four decimals without leading zeros, from the front of `text`, and how many bytes they
/// take.
#[inline]
pub(super) fn take_v4(text: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0_u8; 4];
    let mut at = 0;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let (value, digits) = take_octet(text.get(at..)?)?;
        *octet = value;
        at += digits;
    }
    Some((Ipv4Addr::from(octets), at))
}

/// At most three digits, at most 255, no zero in front of others.
#[inline]
fn take_octet(text: &[u8]) -> Option<(u8, usize)> {
    let digit =
        |at: usize| text.get(at).map(|byte| u16::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let first = digit(0)?;
    let Some(second) = digit(1) else { return Some((first as u8, 1)) };
    let (value, digits) = match digit(2) {
        None => (first * 10 + second, 2),
        Some(third) => (first * 100 + second * 10 + third, 3),
    };
    (first != 0 && value <= 255).then_some((value as u8, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_quads_are_read_as_the_standard_library_reads_them() {
        let words = [
            "0.0.0.0",
            "255.255.255.255",
            "1.2.3.4",
            "256.1.1.1",
            "01.2.3.4",
            "1.02.3.4",
            "00.0.0.0",
            "1.2.3",
            "1.2.3.4.5",
            "1..2.3",
            ".1.2.3",
            "1.2.3.",
            "",
            "1.2.3.4a",
            "9999999999999.1.1.1",
            "0.0.0.00",
        ];
        for word in words {
            let whole = take_v4(word.as_bytes()).filter(|(_, taken)| *taken == word.len());
            assert_eq!(whole.map(|(v4, _)| v4), word.parse().ok(), "{word}");
        }
    }

    #[test]
    fn local_names_are_mdns_and_a_bare_local_is_not() {
        for name in ["a.local", "6b2ea6ae-3b1e-4b2c-b35e-5c9a9e6a5f0b.local", "A.LOCAL", "a.local."] {
            assert!(matches!(Address::parse(name), Some(Address::Mdns(_))), "{name}");
        }
        for name in ["local", "a.localhost", "local.example"] {
            assert!(matches!(Address::parse(name), Some(Address::Name(_))), "{name}");
        }
    }

    #[test]
    fn broken_addresses_are_not_taken_for_names() {
        for word in [
            "300.1.1.1",
            "1.2.3",
            "1",
            "::g",
            "fe80::1%eth0",
            "[::1]",
            "a b",
            "a/b",
            "",
            ".",
            "..",
            ".local",
            "a..local",
            "1.2.3.4:5",
        ] {
            assert_eq!(Address::parse(word), None, "{word}");
        }
        assert_eq!(Address::parse(&"a".repeat(254)), None);
    }

    #[test]
    fn ipv6_is_read_in_all_its_spellings() {
        for word in ["::", "::1", "2001:db8::8:800:200c:417a", "::ffff:192.0.2.1", "FE80::1"] {
            assert_eq!(Address::parse(word), Some(Address::Ip(word.parse().unwrap())));
        }
    }
}
