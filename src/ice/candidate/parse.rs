//! Reading a candidate line (RFC 8839 §5.1, RFC 6544 §4.5).

use std::borrow::Cow;
use std::net::IpAddr;

use super::address::take_v4;
use super::error::cut;
use super::extension::{Known, Words};
use super::line::RelatedAddress;
use super::write;
use super::{
    Address, Candidate, CandidateError, CandidateKind, CandidateLine, Component, Priority, TcpType, Transport,
};

/// Longest candidate text accepted, in bytes. Browsers write 100 to 200; two names of 253 bytes and every
/// registered extension fit.
pub const MAX_CANDIDATE_BYTES: usize = 1024;

/// Most extension attributes kept on one candidate, those that have a typed place not counted. Browsers write four.
pub const MAX_EXTENSIONS: usize = 32;

/// The fewest bytes of an extension attribute: a name, a value, and a space in front of each.
const LEAST_EXTENSION_BYTES: usize = 4;

/// By how much writing makes a line longer at the most: `candidate:`, a related port and who connects where they were left
/// out, and the dots of two mapped addresses.
const MAX_GROWTH_BYTES: usize = 64;

/// Longest foundation (RFC 8839 §5.1).
const MAX_FOUNDATION_BYTES: usize = 32;

/// The characters of a foundation: `ice-char` (RFC 8839 §5.1), and what other peers put there.
const FOUNDATION_CHARACTERS: [bool; 256] = {
    let mut legal = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        legal[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'#');
        byte += 1;
    }
    legal
};

/// Digits of the greatest number in a line, a priority.
const MAX_DIGITS: usize = 10;

/// The port that active TCP candidates carry (RFC 6544 §4.5).
const DISCARD_PORT: u16 = 9;

pub(super) fn line(text: &str) -> Result<CandidateLine<'_>, CandidateError> {
    let body = body_of(text);
    if body.is_empty() || body.eq_ignore_ascii_case("end-of-candidates") {
        return Ok(CandidateLine::EndOfCandidates);
    }
    candidate(text).map(CandidateLine::Candidate)
}

pub(super) fn candidate(text: &str) -> Result<Candidate<'_>, CandidateError> {
    if text.len() > MAX_CANDIDATE_BYTES {
        return Err(CandidateError::TooLong { bytes: text.len() });
    }
    let body = body_of(text);
    let mut fields =
        Fields { words: Words::new(body), shift: body.as_ptr() as usize - text.as_ptr() as usize };
    fields.refuse_controls(body)?;

    let foundation = fields.foundation()?;
    let component = fields.component()?;
    let tcp = fields.transport_is_tcp()?;
    let priority =
        Priority::from_wire(fields.decimal("a priority, 0 to 4294967295", u64::from(u32::MAX))? as u32);
    let address = fields.address("an IP address or a domain name")?;
    let port = fields.decimal("a port, 0 to 65535", u64::from(u16::MAX))? as u16;
    if port == 0 && !tcp {
        return Err(fields.field("a UDP port, 1 to 65535", "0"));
    }
    let kind = fields.kind()?;

    let tail = fields.words.rest();
    let extras = fields.extras(tcp)?;
    let transport = match (tcp, extras.tcp_type) {
        (false, _) => Transport::Udp,
        (true, Some(tcp_type)) => Transport::Tcp(tcp_type),
        // Older agents leave it out: a port nobody can reach says active, any other passive.
        (true, None) if port == 0 || port == DISCARD_PORT => Transport::Tcp(TcpType::Active),
        (true, None) => Transport::Tcp(TcpType::Passive),
    };
    let related =
        extras.address.map(|address| RelatedAddress { address, port: extras.port.unwrap_or_default() });
    let candidate = Candidate {
        foundation: Cow::Borrowed(foundation),
        component,
        transport,
        priority,
        address,
        port,
        kind,
        related,
        tail: Cow::Borrowed(tail),
    };
    // What is read can be written, and read again.
    if text.len() > MAX_CANDIDATE_BYTES - MAX_GROWTH_BYTES {
        let bytes = write::line(&candidate).len();
        if bytes > MAX_CANDIDATE_BYTES {
            return Err(CandidateError::TooLong { bytes });
        }
    }
    Ok(candidate)
}

/// The text without line end, `a=` and `candidate:`.
#[inline]
fn body_of(text: &str) -> &str {
    let text = text.trim_ascii();
    let text = strip_prefix(text, "a=").unwrap_or(text);
    strip_prefix(text, "candidate:").unwrap_or(text)
}

/// One to ten digits at the front of `text`, and how many they are.
#[inline]
fn take_decimal(text: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut taken) = (0_u64, 0);
    for byte in text.iter().take(MAX_DIGITS) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + u64::from(digit);
        taken += 1;
    }
    (taken > 0).then_some((value, taken))
}

#[inline]
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// `raddr`, `rport` and `tcptype`, wherever they stand after the kind; the first of each counts.
#[derive(Default)]
struct Extras<'a> {
    address: Option<Address<'a>>,
    port: Option<u16>,
    tcp_type: Option<TcpType>,
}

impl Extras<'_> {
    fn has_related(&self) -> bool {
        self.address.is_some() && self.port.is_some()
    }
}

struct Fields<'a> {
    words: Words<'a>,
    /// Bytes in front of the words, for columns.
    shift: usize,
}

impl<'a> Fields<'a> {
    /// One pass that leaves only printable ASCII, so that no line of ours can smuggle a line break.
    fn refuse_controls(&self, body: &str) -> Result<(), CandidateError> {
        let bad = |b: u8| !(b' '..=b'~').contains(&b) & (b != b'\t');
        // No early exit, so that the compiler turns it into vector code.
        if body.bytes().fold(false, |any, b| any | bad(b)) {
            let at = body.bytes().position(bad).unwrap_or_default();
            return Err(CandidateError::Control { column: self.shift + at + 1, byte: body.as_bytes()[at] });
        }
        Ok(())
    }

    #[inline]
    fn word(&mut self, expected: &'static str) -> Result<&'a str, CandidateError> {
        match self.words.next() {
            Some(word) => Ok(word),
            None => Err(CandidateError::Truncated { column: self.shift + self.words.offset() + 1, expected }),
        }
    }

    fn column(&self, word: &str) -> usize {
        (self.shift + self.words.offset() + 1).saturating_sub(word.len())
    }

    #[cold]
    fn field(&self, expected: &'static str, word: &str) -> CandidateError {
        CandidateError::Field { column: self.column(word), expected, found: cut(word) }
    }

    #[inline]
    fn foundation(&mut self) -> Result<&'a str, CandidateError> {
        const EXPECTED: &str = "a foundation of 1 to 32 letters, digits and +/-_=#";
        let word = self.word(EXPECTED)?;
        // No early exit, so that there is no branch for each byte.
        let legal = word.bytes().fold(true, |all, byte| all & FOUNDATION_CHARACTERS[usize::from(byte)]);
        if word.len() > MAX_FOUNDATION_BYTES || !legal {
            return Err(self.field(EXPECTED, word));
        }
        Ok(word)
    }

    #[inline]
    fn component(&mut self) -> Result<Component, CandidateError> {
        const EXPECTED: &str = "a component, 1 to 256";
        let number = self.decimal(EXPECTED, 256)?;
        Component::new(number as u16).ok_or_else(|| self.field(EXPECTED, "0"))
    }

    #[inline]
    fn transport_is_tcp(&mut self) -> Result<bool, CandidateError> {
        let read = self.words.next_as(|text| {
            let word: &[u8; 3] = text.first_chunk()?;
            match word.map(|byte| byte.to_ascii_lowercase()) {
                [b'u', b'd', b'p'] => Some((false, 3)),
                [b't', b'c', b'p'] => Some((true, 3)),
                _ => None,
            }
        });
        match read {
            Some(tcp) => Ok(tcp),
            None => self.word("a transport").and_then(|word| {
                Err(CandidateError::Transport { column: self.column(word), found: cut(word) })
            }),
        }
    }

    #[inline]
    fn address(&mut self, expected: &'static str) -> Result<Address<'a>, CandidateError> {
        match self.words.next_as(take_v4) {
            Some(v4) => Ok(Address::Ip(IpAddr::V4(v4))),
            None => self.long_address(expected),
        }
    }

    fn long_address(&mut self, expected: &'static str) -> Result<Address<'a>, CandidateError> {
        let word = self.word(expected)?;
        Address::parse(word).ok_or_else(|| self.field(expected, word))
    }

    #[inline]
    fn kind(&mut self) -> Result<CandidateKind, CandidateError> {
        let typ = self.word("typ")?;
        if !typ.eq_ignore_ascii_case("typ") {
            return Err(self.field("typ", typ));
        }
        let word = self.word("host, srflx, prflx or relay")?;
        CandidateKind::from_word(word)
            .ok_or_else(|| CandidateError::Kind { column: self.column(word), found: cut(word) })
    }

    /// At most ten digits, at most `max`.
    #[inline]
    fn decimal(&mut self, expected: &'static str, max: u64) -> Result<u64, CandidateError> {
        match self.words.next_as(|text| take_decimal(text).filter(|(value, _)| *value <= max)) {
            Some(value) => Ok(value),
            None => Err(self.no_decimal(expected)),
        }
    }

    #[cold]
    fn no_decimal(&mut self, expected: &'static str) -> CandidateError {
        match self.word(expected) {
            Ok(word) => self.field(expected, word),
            Err(error) => error,
        }
    }

    #[inline]
    fn extras(&mut self, tcp: bool) -> Result<Extras<'a>, CandidateError> {
        let mut extras = Extras::default();
        let mut count = 0;
        while let Some(name) = self.words.next_bytes() {
            match Known::of(name) {
                Some(Known::RelatedAddress) => {
                    let address = self.address("an IP address or a domain name after raddr")?;
                    extras.address.get_or_insert(address);
                }
                Some(Known::RelatedPort) => {
                    let port = self.decimal("a port after rport", u64::from(u16::MAX))? as u16;
                    extras.port.get_or_insert(port);
                }
                Some(Known::TcpType) => {
                    const EXPECTED: &str = "active, passive or so after tcptype";
                    let word = self.word(EXPECTED)?;
                    let tcp_type = TcpType::from_word(word).ok_or_else(|| self.field(EXPECTED, word))?;
                    extras.tcp_type.get_or_insert(tcp_type);
                }
                None => {
                    self.words.next_bytes();
                    count += 1;
                    if count > MAX_EXTENSIONS {
                        return Err(CandidateError::TooManyExtensions);
                    }
                }
            }
            // The first of each counts, and who connects is not asked of UDP: nothing is left to be found, and in so
            // few bytes not too much of it.
            let uncounted = LEAST_EXTENSION_BYTES * (MAX_EXTENSIONS - count);
            if !tcp && extras.has_related() && self.words.rest().len() < uncounted {
                break;
            }
        }
        Ok(extras)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "candidate:842163049 1 udp 1677729535 203.0.113.5 61665 typ srflx raddr 192.168.1.7 \
                          rport 52389 generation 0 ufrag 7VqL network-id 1 network-cost 10";

    fn parse(text: &str) -> Candidate<'_> {
        Candidate::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn error(text: &str) -> String {
        Candidate::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn a_browsers_line_is_read_whole() {
        let c = parse(CHROME);
        assert_eq!(c.foundation(), "842163049");
        assert_eq!(c.component(), Component::RTP);
        assert_eq!(c.transport(), Transport::Udp);
        assert_eq!(c.priority().get(), 1_677_729_535);
        assert_eq!(c.socket_addr(), Some("203.0.113.5:61665".parse().unwrap()));
        assert_eq!(c.kind(), CandidateKind::ServerReflexive);
        let related = c.related().expect("raddr is there");
        assert_eq!((related.address.to_string().as_str(), related.port), ("192.168.1.7", 52389));
        assert_eq!(c.ufrag(), Some("7VqL"));
        assert_eq!(c.extension("Network-Cost"), Some("10"));
        assert_eq!(c.to_string(), CHROME);
    }

    #[test]
    fn prefixes_and_line_ends_make_no_difference() {
        let bare = CHROME.strip_prefix("candidate:").unwrap();
        for text in [
            format!("a={CHROME}"),
            format!("a={CHROME}\r\n"),
            bare.to_owned(),
            format!("a={bare}"),
            format!("  {CHROME} \n"),
            format!("A=Candidate:{bare}"),
        ] {
            assert_eq!(parse(&text), parse(CHROME), "{text}");
        }
    }

    #[test]
    fn extensions_stand_in_any_order_and_survive() {
        let c = parse("1 1 UDP 1 10.0.0.1 5 typ relay ufrag x rport 7 network-id 3 raddr ::1 generation 0");
        let related = c.related().unwrap();
        assert_eq!((related.address.ip(), related.port), (Some("::1".parse().unwrap()), 7));
        assert_eq!(
            c.to_string(),
            "candidate:1 1 udp 1 10.0.0.1 5 typ relay raddr ::1 rport 7 ufrag x network-id 3 generation 0"
        );
        assert_eq!(parse(&c.to_string()), c);
    }

    #[test]
    fn tcp_candidates_say_who_connects() {
        for (tail, expected) in [
            ("9 typ host tcptype active", TcpType::Active),
            ("1000 typ host tcptype passive generation 0", TcpType::Passive),
            ("1000 typ srflx raddr 10.0.0.1 rport 8999 tcptype SO", TcpType::SimultaneousOpen),
            ("9 typ host", TcpType::Active),
            ("0 typ host generation 0", TcpType::Active),
            ("1000 typ host", TcpType::Passive),
        ] {
            let text = format!("1 1 TCP 1 10.0.0.1 {tail}");
            assert_eq!(parse(&text).transport(), Transport::Tcp(expected), "{text}");
        }
        assert!(error("1 1 tcp 1 10.0.0.1 9 typ host tcptype both").contains("active, passive or so"));
    }

    #[test]
    fn mdns_names_are_told_from_addresses() {
        let c = parse("1 1 udp 1 6b2ea6ae-3b1e-4b2c-b35e-5c9a9e6a5f0b.local 5 typ host");
        assert_eq!(c.mdns_name(), Some("6b2ea6ae-3b1e-4b2c-b35e-5c9a9e6a5f0b.local"));
        assert_eq!(c.socket_addr(), None);
    }

    #[test]
    fn an_empty_line_ends_the_candidates() {
        for text in ["", "\r\n", "a=end-of-candidates", "end-of-candidates\r\n", "candidate:", "a=candidate:"]
        {
            assert_eq!(CandidateLine::parse(text), Ok(CandidateLine::EndOfCandidates), "{text:?}");
        }
        assert!(matches!(CandidateLine::parse(CHROME), Ok(CandidateLine::Candidate(_))));
    }

    #[test]
    fn every_missing_field_is_named() {
        let full = "1 1 udp 1 10.0.0.1 5 typ host";
        for (words, expected) in [
            (0, "foundation"),
            (1, "component"),
            (2, "transport"),
            (3, "priority"),
            (4, "address"),
            (5, "port"),
            (6, "typ"),
            (7, "host"),
        ] {
            let text: Vec<_> = full.split(' ').take(words).collect();
            let message = error(&text.join(" "));
            assert!(message.contains(expected) && message.contains("ends"), "{message}");
        }
    }

    #[test]
    fn every_bad_field_is_named_with_its_column() {
        for (text, expected) in [
            ("candidate:1\u{e9} 1 udp 1 10.0.0.1 5 typ host", "column 12: expected printable ASCII"),
            ("candidate:1 1 udp 1 10.0.0.1 5 typ host x a\0b", "column 44: expected printable ASCII"),
            ("1 1 udp 1 10.0.0.1 5 typ host x a\r\na=b", "printable ASCII, found byte 0x0d"),
            ("a:b 1 udp 1 10.0.0.1 5 typ host", "column 1: expected a foundation"),
            ("123456789012345678901234567890123 1 udp 1 10.0.0.1 5 typ host", "a foundation of 1 to 32"),
            ("1 0 udp 1 10.0.0.1 5 typ host", "column 3: expected a component, 1 to 256, found \"0\""),
            ("1 257 udp 1 10.0.0.1 5 typ host", "found \"257\""),
            ("1 -1 udp 1 10.0.0.1 5 typ host", "found \"-1\""),
            ("1 1 sctp 1 10.0.0.1 5 typ host", "column 5: expected transport udp or tcp"),
            ("1 1 udp 4294967296 10.0.0.1 5 typ host", "column 9: expected a priority"),
            ("1 1 udp 18446744073709551617 10.0.0.1 5 typ host", "expected a priority"),
            ("1 1 udp 1 10.0.0.256 5 typ host", "column 11: expected an IP address or a domain name"),
            ("1 1 udp 1 10.0.0.1 65536 typ host", "expected a port, 0 to 65535, found \"65536\""),
            ("1 1 udp 1 10.0.0.1 0 typ host", "expected a UDP port, 1 to 65535"),
            ("1 1 udp 1 10.0.0.1 5 type host", "column 22: expected typ"),
            ("1 1 udp 1 10.0.0.1 5 typ token", "column 26: expected typ host, srflx, prflx or relay"),
            ("1 1 udp 1 10.0.0.1 5 typ srflx raddr", "expected an IP address or a domain name after raddr"),
            ("1 1 udp 1 10.0.0.1 5 typ srflx raddr 1.2 rport 3", "after raddr, found \"1.2\""),
            ("1 1 udp 1 10.0.0.1 5 typ srflx rport 65536", "a port after rport"),
        ] {
            let message = error(text);
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn unknown_transports_and_kinds_are_ignorable_and_garbage_is_not() {
        assert!(Candidate::parse("1 1 tls 1 10.0.0.1 5 typ host").unwrap_err().is_ignorable());
        assert!(Candidate::parse("1 1 udp 1 10.0.0.1 5 typ dht").unwrap_err().is_ignorable());
        assert!(!Candidate::parse("hello").unwrap_err().is_ignorable());
    }

    #[test]
    fn size_and_extensions_are_bounded() {
        let long = format!("1 1 udp 1 10.0.0.1 5 typ host x {}", "y".repeat(MAX_CANDIDATE_BYTES));
        assert!(matches!(Candidate::parse(&long), Err(CandidateError::TooLong { .. })));
        let many = format!("1 1 udp 1 10.0.0.1 5 typ host{}", " a b".repeat(MAX_EXTENSIONS + 1));
        assert_eq!(Candidate::parse(&many), Err(CandidateError::TooManyExtensions));
        let just = format!("1 1 udp 1 10.0.0.1 5 typ host{}", " a b".repeat(MAX_EXTENSIONS));
        assert_eq!(parse(&just).extensions().count(), MAX_EXTENSIONS);
        for before in 0..MAX_EXTENSIONS {
            for after in 0..MAX_EXTENSIONS {
                let (before_it, after_it) = (" a b".repeat(before), " a b".repeat(after));
                let text =
                    format!("1 1 udp 1 10.0.0.1 5 typ srflx{before_it} raddr 10.0.0.2 rport 5{after_it}");
                let fits = before + after <= MAX_EXTENSIONS;
                assert_eq!(Candidate::parse(&text).is_ok(), fits, "{before} before, {after} after");
                assert!(
                    fits || Candidate::parse(&format!("{text} a")).is_err(),
                    "{before}, {after} and a name"
                );
            }
        }
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again_at_the_limits_too() {
        let head = "1 1 tcp 1 ::ffff:c0a8:1 7 typ srflx raddr ::ffff:c0a8:2";
        let full = format!("{head}{}", " a b".repeat(MAX_EXTENSIONS));
        assert_eq!(parse(&parse(&full).to_string()), parse(&full));
        let mut longest = 0;
        for length in 1..MAX_CANDIDATE_BYTES {
            let text = format!("{head} a {}", "b".repeat(length));
            if let Ok(candidate) = Candidate::parse(&text) {
                longest = candidate.to_string().len();
                assert_eq!(Candidate::parse(&candidate.to_string()), Ok(candidate), "{length}");
            }
        }
        assert_eq!(longest, MAX_CANDIDATE_BYTES);
    }
}
