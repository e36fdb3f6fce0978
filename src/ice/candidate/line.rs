//! One candidate, its text and its canonical forms.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{
    Address, CandidateError, CandidateKind, Component, Extensions, Priority, Transport, parse, write,
};

/// What a trickled line can say (RFC 8838 §13, RFC 8839 §8.2).
///
/// ```
/// use handset::ice::CandidateLine;
/// assert_eq!(CandidateLine::parse(""), Ok(CandidateLine::EndOfCandidates));
/// assert_eq!(CandidateLine::parse("a=end-of-candidates"), Ok(CandidateLine::EndOfCandidates));
/// assert!(CandidateLine::parse("candidate:1 1 udp 1 192.0.2.1 9 typ host").is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateLine<'a> {
    /// One more candidate.
    Candidate(Candidate<'a>),
    /// There will be no more: `end-of-candidates`, or the empty string browsers send.
    EndOfCandidates,
}

impl<'a> CandidateLine<'a> {
    /// Reads a candidate or an end-of-candidates mark, with or without `a=` and `candidate:`.
    ///
    /// # Errors
    /// As [`Candidate::parse`].
    pub fn parse(text: &'a str) -> Result<Self, CandidateError> {
        parse::line(text)
    }
}

impl fmt::Display for CandidateLine<'_> {
    /// Without `a=`; end-of-candidates as the empty string that browsers expect.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate(candidate) => candidate.fmt(f),
            Self::EndOfCandidates => Ok(()),
        }
    }
}

/// The base, mapped or relayed-from address of a candidate: `raddr` and `rport`, for diagnosis only.
///
/// Grammar (RFC 8839 §5.1): `"raddr" SP connection-address SP "rport" SP port`.
///
/// ```
/// use handset::ice::Candidate;
/// let c = Candidate::parse("1 1 udp 1 192.0.2.1 9 typ srflx raddr 0.0.0.0 rport 0")?;
/// assert_eq!(c.related().map(|related| related.port), Some(0));
/// # Ok::<(), handset::ice::CandidateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelatedAddress<'a> {
    /// `raddr`; often hidden as `0.0.0.0` or `::`.
    pub address: Address<'a>,
    /// `rport`; 0 when it was hidden or absent.
    pub port: u16,
}

impl From<SocketAddr> for RelatedAddress<'_> {
    fn from(addr: SocketAddr) -> Self {
        Self { address: addr.ip().into(), port: addr.port() }
    }
}

/// An agent cannot use this candidate before its name is resolved.
///
/// RFC 8839 §5.1 lets names stand for addresses; no name is looked up here.
///
/// ```
/// use handset::ice::{Candidate, candidate::NeedsResolution};
/// let c = Candidate::parse("1 1 udp 1 peer.example.org 9 typ host")?;
/// assert_eq!(c.agent_line(), Err(NeedsResolution::Name));
/// # Ok::<(), handset::ice::CandidateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NeedsResolution {
    /// A `.local` name: ask multicast DNS, or skip it without delaying the call.
    #[error("candidate hides its address behind an mDNS name")]
    Mdns,
    /// Another domain name; skipping it is within RFC 8839 §5.1.
    #[error("candidate has a domain name for an address")]
    Name,
}

/// One ICE candidate (RFC 8839 §5.1).
///
/// Two are equal when all fields are and their extensions come in the same order; where `raddr`, `rport` and
/// `tcptype` stood on the line makes no difference. [`Display`](fmt::Display) writes `candidate:` and the
/// grammar's order; what it writes parses to an equal candidate.
///
/// ```
/// use handset::ice::{Candidate, CandidateKind};
///
/// let line = "a=candidate:1 1 UDP 2122260223 192.0.2.7 50000 typ host ufrag 3fXa network-id 1\r\n";
/// let candidate = Candidate::parse(line)?;
/// assert_eq!(candidate.kind(), CandidateKind::Host);
/// assert_eq!(candidate.socket_addr(), Some(([192, 0, 2, 7], 50000).into()));
/// assert_eq!(candidate.ufrag(), Some("3fXa"));
/// # Ok::<(), handset::ice::CandidateError>(())
/// ```
#[derive(Debug, Clone, Eq)]
pub struct Candidate<'a> {
    pub(super) foundation: Cow<'a, str>,
    pub(super) component: Component,
    pub(super) transport: Transport,
    pub(super) priority: Priority,
    pub(super) address: Address<'a>,
    pub(super) port: u16,
    pub(super) kind: CandidateKind,
    pub(super) related: Option<RelatedAddress<'a>>,
    /// Everything after the kind as it came; the typed attributes in it are skipped on the way out.
    pub(super) tail: Cow<'a, str>,
}

impl<'a> Candidate<'a> {
    /// Reads one candidate, with or without `a=` and `candidate:`; see the [module](super) for the grammar.
    ///
    /// # Errors
    /// [`CandidateError`] names the column, what was expected and what stands there.
    #[inline]
    pub fn parse(text: &'a str) -> Result<Self, CandidateError> {
        parse::candidate(text)
    }

    /// A candidate of our own, for component 1, with the priority of RFC 8445 §5.1.2.1.
    ///
    /// `foundation` comes from [`Foundations`](super::Foundations); `local_preference` is 65535 for the best
    /// local address and lower for others. `related` is the base of a reflexive candidate, the mapped address of
    /// a relayed one; hide it as `0.0.0.0:0` where private addresses must not leak.
    ///
    /// ```
    /// use handset::ice::{Candidate, CandidateKind, candidate::Transport};
    /// let addr = ([192, 0, 2, 7], 50000).into();
    /// let c = Candidate::local(CandidateKind::Host, Transport::Udp, addr, 1, 65535, None);
    /// assert_eq!(c.to_string(), "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host");
    /// ```
    pub fn local(
        kind: CandidateKind,
        transport: Transport,
        address: SocketAddr,
        foundation: u32,
        local_preference: u16,
        related: Option<SocketAddr>,
    ) -> Candidate<'static> {
        Candidate {
            foundation: Cow::Owned(foundation.to_string()),
            component: Component::RTP,
            transport,
            priority: Priority::new(kind, local_preference, Component::RTP),
            address: address.ip().into(),
            port: address.port(),
            kind,
            related: related.map(RelatedAddress::from),
            tail: Cow::Borrowed(""),
        }
    }

    /// Groups candidates whose checks share their fate (RFC 8445 §5.1.1.3): 1 to 32 ice-chars.
    pub fn foundation(&self) -> &str {
        &self.foundation
    }

    /// RTP or RTCP.
    pub fn component(&self) -> Component {
        self.component
    }

    /// UDP, or TCP with its role.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Larger is tried first.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Address or name, without the port.
    pub fn address(&self) -> &Address<'a> {
        &self.address
    }

    /// The port; 0 only for active TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How the address was learnt.
    pub fn kind(&self) -> CandidateKind {
        self.kind
    }

    /// `raddr` and `rport`.
    pub fn related(&self) -> Option<&RelatedAddress<'a>> {
        self.related.as_ref()
    }

    /// Address and port, unless the address is a name.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.address.ip().map(|ip| SocketAddr::new(ip, self.port))
    }

    /// The `.local` name behind which the address hides.
    pub fn mdns_name(&self) -> Option<&str> {
        match &self.address {
            Address::Mdns(name) => Some(name),
            Address::Ip(_) | Address::Name(_) => None,
        }
    }

    /// The extension attributes in the order they came.
    pub fn extensions(&self) -> Extensions<'_> {
        Extensions::new(&self.tail)
    }

    /// The first extension of this name, any case.
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The user fragment of the ICE generation this belongs to (`ufrag`, RFC 8838 §13).
    pub fn ufrag(&self) -> Option<&str> {
        self.extension("ufrag")
    }

    /// The same with another foundation: one from [`Foundations`](super::Foundations).
    pub fn with_foundation(mut self, foundation: u32) -> Self {
        self.foundation = Cow::Owned(foundation.to_string());
        self
    }

    /// The same with an address in place of its name.
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.address = Address::Ip(ip);
        self
    }

    /// The same with a `.local` name in place of its address, and `raddr` hidden, so that no private address
    /// leaves in it. `name` must be a domain name under `.local`; `None` otherwise.
    pub fn with_mdns_name(mut self, name: &'a str) -> Option<Self> {
        let address = Address::parse(name)?;
        if !matches!(address, Address::Mdns(_)) {
            return None;
        }
        self.address = address;
        self.related = None;
        Some(self)
    }

    /// The same, owning its text.
    pub fn into_owned(self) -> Candidate<'static> {
        Candidate {
            foundation: Cow::Owned(self.foundation.into_owned()),
            component: self.component,
            transport: self.transport,
            priority: self.priority,
            address: self.address.into_owned(),
            port: self.port,
            kind: self.kind,
            related: self.related.map(|r| RelatedAddress { address: r.address.into_owned(), port: r.port }),
            tail: Cow::Owned(self.tail.into_owned()),
        }
    }

    /// The `candidate:` line for an ICE agent with a strict parser: lower-case transport, single spaces, an
    /// address (never a name), `raddr`/`rport` both or neither and first, then `tcptype`, then `ufrag`, and no
    /// extension besides.
    ///
    /// ```
    /// use handset::ice::{Candidate, candidate::NeedsResolution};
    /// let c = Candidate::parse("1 1 UDP 7 192.0.2.1 5 typ srflx ufrag ab network-id 1 rport 9 raddr 10.0.0.1")?;
    /// assert_eq!(
    ///     c.agent_line().as_deref(),
    ///     Ok("candidate:1 1 udp 7 192.0.2.1 5 typ srflx raddr 10.0.0.1 rport 9 ufrag ab"),
    /// );
    /// let hidden = Candidate::parse("1 1 udp 7 0a1b.local 5 typ host")?;
    /// assert_eq!(hidden.agent_line(), Err(NeedsResolution::Mdns));
    /// assert!(hidden.with_ip([192, 0, 2, 9].into()).agent_line().is_ok());
    /// # Ok::<(), handset::ice::CandidateError>(())
    /// ```
    ///
    /// # Errors
    /// [`NeedsResolution`] when the address is a name.
    pub fn agent_line(&self) -> Result<String, NeedsResolution> {
        match self.address {
            Address::Ip(_) => {}
            Address::Mdns(_) => return Err(NeedsResolution::Mdns),
            Address::Name(_) => return Err(NeedsResolution::Name),
        }
        Ok(write::agent_line(self))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.foundation == other.foundation
            && self.component == other.component
            && self.transport == other.transport
            && self.priority == other.priority
            && self.address == other.address
            && self.port == other.port
            && self.kind == other.kind
            && self.related == other.related
            && self.extensions().eq(other.extensions())
    }
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write::line(self))
    }
}

impl FromStr for Candidate<'static> {
    type Err = CandidateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Candidate::parse(text).map(Candidate::into_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_as_related_address_is_not_shown_to_the_agent() {
        let c =
            Candidate::parse("1 1 udp 7 192.0.2.1 5 typ srflx raddr x.local rport 9 generation 0").unwrap();
        assert_eq!(c.agent_line().unwrap(), "candidate:1 1 udp 7 192.0.2.1 5 typ srflx");
        assert_eq!(
            c.to_string(),
            "candidate:1 1 udp 7 192.0.2.1 5 typ srflx raddr x.local rport 9 generation 0"
        );
    }

    #[test]
    fn hiding_behind_a_name_hides_the_related_address_too() {
        let base = SocketAddr::from(([10, 0, 0, 9], 5000));
        let c = Candidate::local(CandidateKind::Host, Transport::Udp, base, 1, 65535, Some(base));
        let hidden = c.clone().with_mdns_name("a1.local").unwrap().to_string();
        assert_eq!(hidden, "candidate:1 1 udp 2130706431 a1.local 5000 typ host");
        assert_eq!(c.with_mdns_name("10.0.0.1"), None);
    }

    #[test]
    fn an_owned_copy_is_equal() {
        let c = Candidate::parse("1 2 tcp 7 x.local 9 typ host tcptype active a b").unwrap();
        assert_eq!(c.clone().into_owned(), c);
        assert_eq!("1 2 tcp 7 x.local 9 typ host tcptype active a b".parse::<Candidate<'_>>().unwrap(), c);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_written_and_read_back_equal(text in "[ -~]{0,120}") {
            if let Ok(c) = Candidate::parse(&text) {
                let line = c.to_string();
                prop_assert_eq!(Candidate::parse(&line).unwrap(), c);
            }
        }

        #[test]
        fn made_up_lines_round_trip(
            foundation in "[A-Za-z0-9+/]{1,32}",
            component in 1_u16..=256,
            transport in "(udp|UDP|tcp|TCP)",
            priority: u32,
            address in "([0-9a-f]{1,8}\\.local|10\\.0\\.0\\.1|2001:db8::1|host\\.example)",
            port in 1_u16..,
            kind in "(host|srflx|prflx|relay)",
            tail in "( (raddr 10\\.0\\.0\\.2|rport 9|tcptype so|generation 0|ufrag [a-z]{4}|x [!-~]{1,9})){0,6}",
        ) {
            let text = format!("{foundation} {component} {transport} {priority} {address} {port} typ {kind}{tail}");
            let c = Candidate::parse(&text).unwrap();
            let line = c.to_string();
            let again = Candidate::parse(&line).unwrap();
            prop_assert_eq!(&again, &c);
            prop_assert_eq!(again.to_string(), line);
        }
    }
}
