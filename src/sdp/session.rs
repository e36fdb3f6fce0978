//! The lines that describe a session: `o=`, `c=`, `b=`, `t=`.

use std::net::IpAddr;

use super::words::{Fields, number, push_number};

/// Who made the description: `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <address>`
/// (RFC 8866 section 5.2).
///
/// The id and the version are digits of any length there, and stay text; [`Origin::version_number`]
/// reads the version where it fits 64 bits, as JSEP makes it (RFC 9429 section 5.2.1).
///
/// ```
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// assert_eq!((description.origin().session_id, description.origin().version_number()), ("42", Some(7)));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user's login, `-` for none.
    pub username: &'a str,
    /// Names the session together with the other fields; digits.
    pub session_id: &'a str,
    /// Grows by one with each changed description; digits.
    pub version: &'a str,
    /// `IN` in every use known.
    pub net_type: &'a str,
    /// `IP4` or `IP6`.
    pub address_type: &'a str,
    /// The maker's address; WebRTC peers write `0.0.0.0` or `127.0.0.1`.
    pub address: &'a str,
}

impl<'a> Origin<'a> {
    /// The version as a number, when it fits.
    pub fn version_number(&self) -> Option<u64> {
        number(self.version)
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, (&'static str, &'a str)> {
        let mut fields = Fields::new(value);
        let mut next = |what| fields.next().ok_or((what, ""));
        let origin = Origin {
            username: next("a user name")?,
            session_id: next("a session id")?,
            version: next("a session version")?,
            net_type: next("a network type")?,
            address_type: next("an address type")?,
            address: next("an address")?,
        };
        for digits in [origin.session_id, origin.version] {
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(("digits alone in the session id and version", digits));
            }
        }
        match fields.next() {
            None => Ok(origin),
            Some(extra) => Err(("six fields in the origin", extra)),
        }
    }

    pub(crate) fn write_to(&self, out: &mut String) {
        out.push_str("o=");
        out.push_str(self.username);
        for field in [self.session_id, self.version, self.net_type, self.address_type, self.address] {
            out.push(' ');
            out.push_str(field);
        }
        out.push_str("\r\n");
    }
}

/// Where media goes when ICE is not used: `c=<nettype> <addrtype> <address>` (RFC 8866 section 5.7).
///
/// WebRTC peers write a dummy here (RFC 9429 section 5.2.1).
///
/// ```
/// use handset::sdp::Line;
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// let found = description.session_lines().iter().find_map(|line| match line {
///     Line::Connection(it) => Some(*it),
///     _ => None,
/// });
/// assert_eq!(found.unwrap().ip(), Some("192.0.2.1".parse().unwrap()));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<'a> {
    /// `IN` in every use known.
    pub net_type: &'a str,
    /// `IP4` or `IP6`.
    pub address_type: &'a str,
    /// An address, a host name, or a multicast address with `/ttl` and `/count`.
    pub address: &'a str,
}

impl<'a> Connection<'a> {
    /// The address as a plain unicast one, when it is that.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, (&'static str, &'a str)> {
        let mut fields = Fields::new(value);
        let mut next = |what| fields.next().ok_or((what, ""));
        let connection = Connection {
            net_type: next("a network type")?,
            address_type: next("an address type")?,
            address: next("an address")?,
        };
        match fields.next() {
            None => Ok(connection),
            Some(extra) => Err(("three fields in the connection", extra)),
        }
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        out.push_str(self.net_type);
        out.push(' ');
        out.push_str(self.address_type);
        out.push(' ');
        out.push_str(self.address);
    }
}

/// A proposed rate: `b=<bwtype>:<bandwidth>` (RFC 8866 section 5.8).
///
/// ```
/// use handset::sdp::Line;
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// let found = description.session_lines().iter().find_map(|line| match line {
///     Line::Bandwidth(it) => Some(*it),
///     _ => None,
/// });
/// assert_eq!((found.unwrap().kind, found.unwrap().value), ("AS", 64));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth<'a> {
    /// `CT` and `AS` count kilobits a second, `TIAS` bits a second without transport headers (RFC 3890).
    pub kind: &'a str,
    /// The rate, in the unit of `kind`.
    pub value: u64,
}

impl<'a> Bandwidth<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, (&'static str, &'a str)> {
        let (kind, rate) = value.split_once(':').ok_or(("a bandwidth as type:number", value))?;
        let value = number(super::words::trim(rate)).ok_or(("a bandwidth in digits", rate))?;
        if kind.is_empty() {
            return Err(("a bandwidth type", ""));
        }
        Ok(Bandwidth { kind, value })
    }

    pub(crate) fn write_to(&self, out: &mut String) {
        out.push_str("b=");
        out.push_str(self.kind);
        out.push(':');
        push_number(out, self.value);
        out.push_str("\r\n");
    }
}

/// When a session runs: `t=<start> <stop>` in seconds since 1900, 0 for unbounded (RFC 8866 section
/// 5.9). WebRTC peers write `0 0`.
///
/// ```
/// use handset::sdp::Line;
/// let text = "v=0\r\no=- 42 7 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\nm=audio 9/2 UDP/TLS/RTP/SAVPF 111 0\r\n";
/// let description = handset::sdp::Description::parse(text)?;
/// let found = description.session_lines().iter().find_map(|line| match line {
///     Line::Timing(it) => Some(*it),
///     _ => None,
/// });
/// assert_eq!((found.unwrap().start, found.unwrap().stop), (0, 0));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Start, in NTP seconds.
    pub start: u64,
    /// End, in NTP seconds.
    pub stop: u64,
}

impl Timing {
    pub(crate) fn parse(value: &str) -> Result<Self, (&'static str, &str)> {
        let mut fields = Fields::new(value);
        let mut next = |what| {
            let field = fields.next().unwrap_or("");
            number(field).ok_or((what, field))
        };
        let timing = Timing { start: next("a start time in digits")?, stop: next("a stop time in digits")? };
        match fields.next() {
            None => Ok(timing),
            Some(extra) => Err(("two times", extra)),
        }
    }

    pub(crate) fn write_to(&self, out: &mut String) {
        out.push_str("t=");
        push_number(out, self.start);
        out.push(' ');
        push_number(out, self.stop);
        out.push_str("\r\n");
    }
}
