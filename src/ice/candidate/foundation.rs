//! Foundations: which candidates share their fate (RFC 8445 §5.1.1.3).

use std::net::IpAddr;

use super::{CandidateKind, Transport};

/// Distinct foundations one agent can number: interfaces x kinds x servers x transports stay far below.
const MAX_FOUNDATIONS: usize = 1024;

/// Hands out foundations: equal for candidates of the same kind, base address, server address and transport,
/// different otherwise.
///
/// They are numbered in order of appearance instead of hashed, so that nothing of a private address can be
/// read back from them.
///
/// ```
/// use handset::ice::{CandidateKind, candidate::{Foundations, Transport}};
/// let mut foundations = Foundations::new();
/// let base = [192, 168, 1, 2].into();
/// let host = foundations.number(CandidateKind::Host, base, None, Transport::Udp);
/// let stun = foundations.number(CandidateKind::ServerReflexive, base, Some([192, 0, 2, 1].into()), Transport::Udp);
/// assert_ne!(host, stun);
/// assert_eq!(host, foundations.number(CandidateKind::Host, base, None, Transport::Udp));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Foundations {
    seen: Vec<(CandidateKind, IpAddr, Option<IpAddr>, Transport)>,
}

impl Foundations {
    /// Nothing numbered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The foundation of a candidate, from 1 up; write it in decimal.
    ///
    /// `base` is the local address it is sent from, `server` the STUN or TURN server it was learnt from.
    /// Beyond 1024 distinct ones all further share a number, which costs checks their order and nothing else.
    pub fn number(
        &mut self,
        kind: CandidateKind,
        base: IpAddr,
        server: Option<IpAddr>,
        transport: Transport,
    ) -> u32 {
        let key = (kind, base, server, transport);
        let at = self.seen.iter().position(|seen| *seen == key).unwrap_or_else(|| {
            if self.seen.len() < MAX_FOUNDATIONS {
                self.seen.push(key);
                self.seen.len() - 1
            } else {
                MAX_FOUNDATIONS
            }
        });
        u32::try_from(at + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_do_not_matter_but_kind_base_server_and_transport_do() {
        let mut f = Foundations::new();
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = f.number(CandidateKind::Host, a, None, Transport::Udp);
        let others = [
            f.number(CandidateKind::Relayed, a, None, Transport::Udp),
            f.number(CandidateKind::Host, b, None, Transport::Udp),
            f.number(CandidateKind::Host, a, Some(b), Transport::Udp),
            f.number(CandidateKind::Host, a, None, Transport::Tcp(super::super::TcpType::Passive)),
        ];
        assert_eq!((first, others), (1, [2, 3, 4, 5]));
        assert_eq!(f.number(CandidateKind::Host, a, None, Transport::Udp), 1);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut f = Foundations::new();
        for n in 0..5000_u32 {
            f.number(CandidateKind::Host, IpAddr::from(n.to_be_bytes()), None, Transport::Udp);
        }
        assert_eq!(f.seen.len(), MAX_FOUNDATIONS);
    }
}
