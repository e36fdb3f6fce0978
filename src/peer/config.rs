//! Everything that is chosen about a peer before it starts.

use std::net::IpAddr;
use std::time::Duration;

use crate::audio::SenderConfig;
use crate::audio::control::Policy;
use crate::audio::device::{SinkSpec, SourceSpec};
use crate::call::Direction;
use crate::signaling::PeerId;

use super::{IceOptions, TraceSpec};

/// Where a peer looks for its switchboard unless told otherwise.
pub const DEFAULT_SERVER: &str = "ws://127.0.0.1:8080/ws";

/// Chosen before the peer starts; see [`Peer::builder`](super::Peer::builder).
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// The name that others call.
    pub id: PeerId,
    /// The switchboard, `ws://` or `wss://`.
    pub server: String,
    /// Where our voice comes from.
    pub input: SourceSpec,
    /// Where theirs goes.
    pub output: SinkSpec,
    /// Which way audio flows.
    pub direction: Direction,
    /// How our voice is coded to begin with; what the other side asked for may narrow it, and what `policy` leaves
    /// open follows the network.
    pub audio: SenderConfig,
    /// What is wanted of the sender, and what of it is fixed.
    pub policy: Policy,
    /// What happens when the input is a file or a pipe and ends.
    pub at_end: AtEnd,
    /// Whether calls are taken without asking.
    pub auto_answer: bool,
    /// How long the other side may ring before we give up.
    pub ring_limit: Duration,
    /// The local addresses to use; empty: all usable ones.
    pub bind: Vec<IpAddr>,
    /// Where what each call goes through is written down.
    pub trace: Option<TraceSpec>,
    /// How paths are found.
    pub ice: IceOptions,
    /// Whether packets of voice may be authenticated by 4 bytes, see [`AudioOffer`](crate::call::AudioOffer).
    pub short_tags: bool,
    /// Whether most packets of voice may have headers of 3 bytes, if the other side takes that.
    pub short_headers: bool,
}

/// How long the other side may ring unless told otherwise: about ten rings.
pub(super) const DEFAULT_RING_LIMIT: Duration = Duration::from_secs(45);

impl PeerConfig {
    /// A peer with microphone and speaker, speaking and listening, at the switchboard of this machine.
    pub fn new(id: PeerId) -> Self {
        Self {
            id,
            server: DEFAULT_SERVER.into(),
            input: SourceSpec::Default,
            output: SinkSpec::Default,
            direction: Direction::Both,
            audio: SenderConfig::default(),
            policy: Policy::default(),
            at_end: AtEnd::Silence,
            auto_answer: false,
            ring_limit: DEFAULT_RING_LIMIT,
            bind: Vec::new(),
            trace: None,
            ice: IceOptions::default(),
            short_tags: true,
            short_headers: true,
        }
    }
}

/// What happens when an input that can end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// Go on in silence until somebody hangs up.
    Silence,
    /// Hang up once what was said has had time to arrive.
    HangUp,
}
