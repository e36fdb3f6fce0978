//! Priorities of candidates and pairs (RFC 8445 §5.1.2, §6.1.2.3).

use std::fmt;

use super::CandidateKind;

/// The component of a data stream: 1 for RTP (and for everything under rtcp-mux), 2 for RTCP; 1 to 256.
///
/// RFC 8445 §13; grammar (RFC 8839 §5.1): `1*3DIGIT`.
///
/// ```
/// use handset::ice::candidate::Component;
/// assert_eq!(Component::RTP.get(), 1);
/// assert!(Component::new(0).is_none());
/// assert!(Component::new(257).is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Component(u16);

impl Component {
    /// RTP, and everything else when RTCP is multiplexed.
    pub const RTP: Self = Self(1);
    /// RTCP on a port of its own.
    pub const RTCP: Self = Self(2);

    /// `None` outside 1 to 256.
    #[inline]
    pub const fn new(id: u16) -> Option<Self> {
        if id >= 1 && id <= 256 { Some(Self(id)) } else { None }
    }

    /// The number, 1 to 256.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A candidate's priority: larger is tried first.
///
/// RFC 8445 makes it 1 to 2^31-1; a received one may be any `u32`, as deployed agents write such.
///
/// Grammar (RFC 8839 §5.1): `1*10DIGIT`.
///
/// ```
/// use handset::ice::{CandidateKind, candidate::{Component, Priority}};
/// let host = Priority::new(CandidateKind::Host, 65535, Component::RTP);
/// assert!(host > Priority::new(CandidateKind::Relayed, 65535, Component::RTP));
/// assert_eq!(host.to_string(), "2130706431");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(u32);

impl Priority {
    /// The formula of RFC 8445 §5.1.2.1 with the type preferences it recommends (§5.1.2.2):
    /// 126 host, 110 peer-reflexive, 100 server-reflexive, 0 relayed.
    ///
    /// `local_preference` tells addresses of one kind apart: 65535 when there is one only.
    ///
    /// ```
    /// use handset::ice::{CandidateKind, candidate::{Component, Priority}};
    /// let host = Priority::new(CandidateKind::Host, 65535, Component::RTP);
    /// assert_eq!(host.get(), 2_130_706_431);
    /// assert!(host > Priority::new(CandidateKind::Relayed, 65535, Component::RTP));
    /// ```
    pub const fn new(kind: CandidateKind, local_preference: u16, component: Component) -> Self {
        let type_preference: u32 = match kind {
            CandidateKind::Host => 126,
            CandidateKind::PeerReflexive => 110,
            CandidateKind::ServerReflexive => 100,
            CandidateKind::Relayed => 0,
        };
        let component = component.get() as u32;
        Self((type_preference << 24) + ((local_preference as u32) << 8) + (256 - component))
    }

    /// As it stood on the line.
    pub const fn from_wire(value: u32) -> Self {
        Self(value)
    }

    /// The number on the line.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The priority of the pair of the controlling agent's candidate with the controlled agent's
    /// (RFC 8445 §6.1.2.3).
    ///
    /// ```
    /// use handset::ice::candidate::Priority;
    /// let (g, d) = (Priority::from_wire(2), Priority::from_wire(1));
    /// assert_eq!(Priority::of_pair(g, d), (1 << 32) + 2 * 2 + 1);
    /// assert_eq!(Priority::of_pair(d, g), (1 << 32) + 2 * 2);
    /// ```
    pub fn of_pair(controlling: Self, controlled: Self) -> u64 {
        let (g, d) = (u64::from(controlling.0), u64::from(controlled.0));
        // 2 * u32::MAX + 1 + (u32::MAX << 32) overflows for g = u32::MAX alone; legal priorities never do.
        (g.min(d) << 32).saturating_add(2 * g.max(d)).saturating_add(u64::from(g > d))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_rank_host_peer_reflexive_server_reflexive_relayed() {
        let of = |kind| Priority::new(kind, 65535, Component::RTP);
        assert!(of(CandidateKind::Host) > of(CandidateKind::PeerReflexive));
        assert!(of(CandidateKind::PeerReflexive) > of(CandidateKind::ServerReflexive));
        assert!(of(CandidateKind::ServerReflexive) > of(CandidateKind::Relayed));
    }

    #[test]
    fn the_largest_priorities_make_a_pair_without_overflow() {
        let max = Priority::from_wire(u32::MAX);
        assert_eq!(Priority::of_pair(max, max), u64::MAX);
    }

    #[test]
    fn the_component_breaks_ties_downwards() {
        let of = |component| Priority::new(CandidateKind::Host, 65535, component);
        assert_eq!(of(Component::RTP).get() - of(Component::RTCP).get(), 1);
    }
}
