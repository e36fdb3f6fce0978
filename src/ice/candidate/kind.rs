//! What a candidate is and what it speaks.

use std::fmt;

/// How a candidate's address was learnt (RFC 8445 §5.1.1), the `typ` of its line.
///
/// ```
/// use handset::ice::CandidateKind;
/// assert_eq!(CandidateKind::ServerReflexive.as_str(), "srflx");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CandidateKind {
    /// An address of a local interface (`host`).
    Host,
    /// An address a STUN server saw (`srflx`).
    ServerReflexive,
    /// An address the peer saw in a check (`prflx`).
    PeerReflexive,
    /// An address on a TURN server (`relay`).
    Relayed,
}

impl CandidateKind {
    /// The keyword after `typ`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    #[inline]
    pub(super) fn from_word(word: &str) -> Option<Self> {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        match word.len() {
            4 if is("host") => Some(Self::Host),
            5 if is("srflx") => Some(Self::ServerReflexive),
            5 if is("relay") => Some(Self::Relayed),
            5 if is("prflx") => Some(Self::PeerReflexive),
            _ => None,
        }
    }
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who opens the connection of a TCP candidate (RFC 6544 §4.5).
///
/// Grammar: `"tcptype" SP ("active" / "passive" / "so")`; any letter case is read.
///
/// ```
/// use handset::ice::{Candidate, candidate::{TcpType, Transport}};
/// let c = Candidate::parse("candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active")?;
/// assert_eq!(c.transport(), Transport::Tcp(TcpType::Active));
/// # Ok::<(), handset::ice::CandidateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TcpType {
    /// Connects out, accepts nothing; its port is the discard port 9.
    Active,
    /// Waits for connections.
    Passive,
    /// Both sides connect at once.
    SimultaneousOpen,
}

impl TcpType {
    /// The value of the `tcptype` extension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    #[inline]
    pub(super) fn from_word(word: &str) -> Option<Self> {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        match word.len() {
            6 if is("active") => Some(Self::Active),
            7 if is("passive") => Some(Self::Passive),
            2 if is("so") => Some(Self::SimultaneousOpen),
            _ => None,
        }
    }
}

impl fmt::Display for TcpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The transport protocol of a candidate.
///
/// Other tokens are legal in the grammar, and RFC 8839 §5.1 has an agent ignore such candidates: parsing reports
/// [`CandidateError::Transport`](super::CandidateError::Transport).
///
/// ```
/// use handset::ice::{Candidate, candidate::Transport};
/// let c = Candidate::parse("candidate:1 1 UDP 1 192.0.2.1 9 typ host")?;
/// assert_eq!(c.transport(), Transport::Udp);
/// # Ok::<(), handset::ice::CandidateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP, framed by RFC 4571.
    Tcp(TcpType),
}

impl Transport {
    /// The lower-case token that every agent understands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp(_) => "tcp",
        }
    }

    /// Whether this is UDP.
    pub const fn is_udp(self) -> bool {
        matches!(self, Self::Udp)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
