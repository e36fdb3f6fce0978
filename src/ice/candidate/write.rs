//! Writing a candidate line (RFC 8839 §5.1, RFC 6544 §4.5).

use std::fmt::Write as _;
use std::net::IpAddr;

use super::line::RelatedAddress;
use super::{Address, Candidate, Transport};

/// Room for any line without long names: it is then written without growing.
const USUAL_BYTES: usize = 192;

/// The whole line.
pub(super) fn line(candidate: &Candidate<'_>) -> String {
    let mut out = head(candidate);
    if let Some(related) = candidate.related() {
        push_related(&mut out, related);
    }
    // RFC 6544 §4.5 puts it straight after raddr and rport.
    push_tcp_type(&mut out, candidate.transport());
    for (name, value) in candidate.extensions() {
        push_word(&mut out, name);
        push_word(&mut out, value);
    }
    out
}

/// The line for an agent that knows addresses and no names, and no extensions but the user fragment.
pub(super) fn agent_line(candidate: &Candidate<'_>) -> String {
    let mut out = head(candidate);
    if let Some(related @ RelatedAddress { address: Address::Ip(_), .. }) = candidate.related() {
        push_related(&mut out, related);
    }
    push_tcp_type(&mut out, candidate.transport());
    if let Some(ufrag) = candidate.ufrag().filter(|ufrag| !ufrag.is_empty()) {
        out.push_str(" ufrag ");
        out.push_str(ufrag);
    }
    out
}

/// Up to the kind.
fn head(candidate: &Candidate<'_>) -> String {
    let mut out = String::with_capacity(USUAL_BYTES);
    out.push_str("candidate:");
    out.push_str(candidate.foundation());
    out.push(' ');
    push_number(&mut out, candidate.component().get().into());
    push_word(&mut out, candidate.transport().as_str());
    out.push(' ');
    push_number(&mut out, candidate.priority().get());
    out.push(' ');
    push_address(&mut out, candidate.address());
    out.push(' ');
    push_number(&mut out, candidate.port().into());
    out.push_str(" typ ");
    out.push_str(candidate.kind().as_str());
    out
}

fn push_word(out: &mut String, word: &str) {
    out.push(' ');
    out.push_str(word);
}

fn push_related(out: &mut String, related: &RelatedAddress<'_>) {
    out.push_str(" raddr ");
    push_address(out, &related.address);
    out.push_str(" rport ");
    push_number(out, related.port.into());
}

fn push_tcp_type(out: &mut String, transport: Transport) {
    if let Transport::Tcp(tcp_type) = transport {
        out.push_str(" tcptype ");
        out.push_str(tcp_type.as_str());
    }
}

fn push_address(out: &mut String, address: &Address<'_>) {
    match address {
        Address::Ip(IpAddr::V4(v4)) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push('.');
                }
                push_number(out, octet.into());
            }
        }
        Address::Ip(IpAddr::V6(v6)) => {
            // Writing to a string does not fail.
            let _ = write!(out, "{v6}");
        }
        Address::Mdns(name) | Address::Name(name) => out.push_str(name),
    }
}

/// Decimal digits, which the formatting machinery takes several times as long for.
fn push_number(out: &mut String, mut value: u32) {
    /// Digits of the largest `u32`.
    const DIGITS_MAX: usize = 10;
    let mut digits = [0u8; DIGITS_MAX];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    // Each is an ASCII digit, so this never yields the empty string.
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_written_as_the_standard_library_writes_them() {
        for value in [0, 7, 10, 255, 65_535, 1_677_729_535, u32::MAX] {
            let mut out = String::new();
            push_number(&mut out, value);
            assert_eq!(out, value.to_string());
        }
        for text in ["0.0.0.0", "192.0.2.10", "255.255.255.255", "::", "2001:db8::1", "::ffff:192.0.2.1"] {
            let ip: IpAddr = text.parse().unwrap();
            let mut out = String::new();
            push_address(&mut out, &Address::Ip(ip));
            assert_eq!(out, ip.to_string());
        }
    }
}
