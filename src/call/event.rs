//! What a call tells its owner.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Direction, EndReason, State};
use crate::ice::CandidateKind;
use crate::ice::mdns::HostName;
use crate::rtp;

/// One thing that happened in a call, from [`Call::poll_event`](super::Call::poll_event).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CallEvent {
    /// The call went from one state to another.
    StateChanged {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// When.
        at: Instant,
    },
    /// Offer and answer are known on both sides; comes again when a re-offer changed something.
    Negotiated(Negotiated),
    /// The ICE agent's state.
    Ice(IceState),
    /// Media goes over this pair from now on.
    PairSelected(SelectedPair),
    /// The other side may send from this address: a relay of ours is to let it through.
    RemoteAddress(SocketAddr),
    /// DTLS is up and the SRTP keys are set.
    DtlsConnected(DtlsVersion),
    /// One packet of audio, as soon as it arrived: possibly out of order, never twice.
    Audio(rtp::Packet),
    /// Once a second.
    Stats(CallStats),
    /// The other side reported on what we send: about once a second, or as often as it likes to.
    Report(rtp::ReceiverReport),
    /// The other side saw that a queue fills, and what the path carries.
    Estimate(Estimate),
    /// The other side said what time it is there.
    SenderClock(rtp::SenderClock),
    /// The other side hides an address behind a multicast-DNS name; find it out and hand it to
    /// [`Call::resolve_host`](super::Call::resolve_host), or do not: the call goes on.
    UnresolvedHost {
        /// The name.
        name: HostName,
    },
    /// The last event.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Which way audio flows now, seen from here: our wish met by theirs, hold included.
    pub direction: Direction,
    /// RTP payload type of Opus.
    pub payload_type: u8,
    /// The packet length that the other side prefers to receive (ms).
    pub ptime_ms: u8,
    /// The longest packet that the other side takes (ms).
    pub max_ptime_ms: Option<u8>,
    /// The cap that the other side set on what we send (bit/s).
    pub max_bitrate_bps: Option<u32>,
    /// Whether the other side plays two channels.
    pub stereo: bool,
    /// Whether the other side wants silence left out.
    pub dtx: bool,
    /// Whether the other side makes use of in-band error correction.
    pub fec: bool,
    /// Whether the other side asked for constant bitrate.
    pub cbr: bool,
    /// Whether both sides know RED (RFC 2198).
    pub red: bool,
    /// Whether the other side makes use of deep redundancy (DRED).
    pub dred: bool,
    /// Whether both sides agreed on SRTP with tags of 4 bytes.
    pub short_tags: bool,
    /// Whether both sides agreed on RTP with headers of 3 bytes.
    pub short_headers: bool,
}

/// The ICE agent's state (RFC 8445 has no failure here: the call's own timers decide that).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceState {
    /// Nothing was tried yet.
    New,
    /// Checking pairs, none nominated.
    Checking,
    /// A pair is nominated, others are still being tried.
    Connected,
    /// A pair is nominated and nothing better is left to try.
    Completed,
    /// No pair works.
    Disconnected,
}

/// The pair of addresses that media uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectedPair {
    /// Our end; for a relayed pair the address on the relay.
    pub local: SocketAddr,
    /// Their end.
    pub remote: SocketAddr,
    /// How we came by `local`.
    pub local_kind: CandidateKind,
    /// How we came by `remote`.
    pub remote_kind: CandidateKind,
}

/// What the other side says that the path carries (REMB, draft-alvestrand-rmcat-remb).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// When it came.
    pub at: Instant,
    /// Bits a second of all that we send, headers of IPv4 and UDP included.
    pub ipv4_bps: f64,
}

/// Which DTLS was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsVersion {
    /// RFC 6347.
    V1_2,
    /// RFC 9147.
    V1_3,
}

/// Counters and last measurements, all since the call's start unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CallStats {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes sent.
    pub payload_bytes_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP payload bytes received.
    pub payload_bytes_received: u64,
    /// All bytes sent, as UDP payload.
    pub bytes_sent: u64,
    /// All bytes received, as UDP payload.
    pub bytes_received: u64,
    /// Round trip by the latest connectivity check on the pair in use.
    pub rtt: Option<Duration>,
    /// What the other side reports lost of ours, a fraction over its last report interval.
    pub remote_loss: Option<f32>,
    /// Interarrival jitter that the other side reports for ours.
    pub remote_jitter: Option<Duration>,
}
