//! The relay: what the shell calls, and what is due when.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::allocation::{Allocation, Stage};
use super::answer;
use super::bucket::Bucket;
use super::client::Client;
use super::config::Config;
use super::counters::Counters;
use super::nonce::Nonces;
use super::ports::{Ports, Wanted};
use super::table::{RelayId, Table};
use super::uptime::Uptime;
use crate::ice::stun::{ChannelData, ChannelNumber, Frame, Key, Message, WriteError};

/// How long a nonce is good: a client that refreshes every nine minutes meets one stale nonce each time, which costs a
/// round trip that nobody waits for.
const NONCE_LIFETIME_S: u32 = 600;

/// Ports that are tried for one allocation when the system has others on them.
const MAX_PORT_TRIES: u8 = 8;

/// The longest answer: two addresses, a realm, a nonce, a signature.
const ANSWER_BYTES: usize = 512;

/// What became of a packet from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'p> {
    /// Nothing is to be sent. (An Allocate request is answered when its socket is open.)
    Nothing,
    /// So many bytes at the front of the answer buffer go back to the client.
    Answer(usize),
    /// This data goes out of a relay socket.
    ToPeer {
        /// Which socket.
        relay: RelayId,
        /// To whom.
        peer: SocketAddr,
        /// What; a piece of the packet.
        data: &'p [u8],
    },
}

/// What the shell is asked to do with relay sockets, or told of what passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open a UDP socket on this port, then call [`Relay::handle_relay_opened`].
    Open {
        /// What to call it.
        relay: RelayId,
        /// The address peers will reach it at; the shell binds the local address that stands for it.
        public: IpAddr,
        /// Its port.
        port: u16,
    },
    /// Until then this channel of this client is that peer's, both ways: what fits it exactly the shell may relay without
    /// asking, within the allocation's bandwidth. Nothing takes it back but time, the same said again with another time,
    /// and [`Close`](Self::Close).
    Pass {
        /// Through which socket.
        relay: RelayId,
        /// Whose channel.
        client: Client,
        /// Its number.
        channel: ChannelNumber,
        /// To and from whom, in canonical form.
        peer: SocketAddr,
        /// Until channel, permission or allocation ends, whichever is first.
        until: Instant,
    },
    /// Close it; nothing passes any more.
    Close {
        /// Which.
        relay: RelayId,
    },
}

/// A STUN and TURN server without sockets.
///
/// Call order: give it each packet of a client ([`handle_client`](Self::handle_client)), each datagram of a peer
/// ([`handle_peer`](Self::handle_peer)), and the time at [`poll_timeout`](Self::poll_timeout)
/// ([`handle_timeout`](Self::handle_timeout)). After each, drain [`poll_action`](Self::poll_action) and report every
/// socket opened or not ([`handle_relay_opened`](Self::handle_relay_opened)).
///
/// ```
/// use handset::relay::{Client, Config, Logins, Outcome, Relay};
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::XorMappedAddress};
/// # use std::time::Instant;
/// # fn now() -> Instant { Instant::now() }
/// let config = Config::new("example.org", Logins::new(), [192, 0, 2, 1].into());
/// let mut relay = Relay::new(config, [7; 32], now(), 1_763_719_200);
/// let mut request = [0; 20];
/// let request = MessageWriter::new(&mut request, Class::Request, Method::BINDING, [1; 12].into())?.finish();
/// let client = Client { listener: 0, remote: ([198, 51, 100, 7], 4000).into() };
/// let mut answer = [0; 512];
/// let Outcome::Answer(length) = relay.handle_client(client, request, &mut answer, now()) else { panic!() };
/// let mapped: Option<XorMappedAddress> = Message::parse(&answer[..length])?.get()?;
/// assert_eq!(mapped, Some(XorMappedAddress(client.remote)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Relay {
    pub(super) config: Config,
    pub(super) table: Table,
    pub(super) ports: Ports,
    pub(super) nonces: Nonces,
    pub(super) counters: Counters,
    pub(super) unproven: Bucket,
    pub(super) actions: VecDeque<Action>,
    pub(super) draining: bool,
    pub(super) indications: u64,
    start: Instant,
    start_unix_s: u64,
}

impl Relay {
    /// `secret` comes from the operating system's generator; `unix_s` is the time of day at `now`, by which
    /// short-lived credentials expire.
    pub fn new(config: Config, secret: [u8; 32], now: Instant, unix_s: u64) -> Self {
        let master = Key::from_bytes(&secret);
        Self {
            nonces: Nonces::new(derived(&master, 1), NONCE_LIFETIME_S),
            ports: Ports::new(config.ports.clone(), derived(&master, 2)),
            unproven: Bucket::new(config.limits.unproven_answers_per_s, Uptime::ZERO),
            table: Table::new(derived(&master, 3)),
            counters: Counters::default(),
            actions: VecDeque::new(),
            draining: false,
            indications: 0,
            start: now,
            start_unix_s: unix_s,
            config,
        }
    }

    /// Takes a datagram from a client. An answer is written to the front of `answer`, which should have 512 bytes.
    #[inline]
    pub fn handle_client<'p>(
        &mut self,
        client: Client,
        packet: &'p [u8],
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'p> {
        if ChannelData::is_likely(packet) {
            return match ChannelData::parse(packet) {
                Ok(frame) => self.on_channel_data(client, frame, now),
                Err(_) => self.foreign(),
            };
        }
        self.handle_bytes(client, packet, answer, now)
    }

    /// Takes one frame of a client's stream; otherwise as [`handle_client`](Self::handle_client).
    #[inline]
    pub fn handle_client_frame<'p>(
        &mut self,
        client: Client,
        frame: Frame<'p>,
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'p> {
        match frame {
            Frame::ChannelData(frame) => self.on_channel_data(client, frame, now),
            Frame::Message(bytes) => self.handle_bytes(client, bytes, answer, now),
        }
    }

    /// Whether a client has an allocation: a stream without one for long can be closed.
    pub fn has_allocation(&self, client: Client) -> bool {
        self.table.id_of(client).is_some()
    }

    fn handle_bytes<'p>(
        &mut self,
        client: Client,
        packet: &'p [u8],
        answer: &mut [u8],
        now: Instant,
    ) -> Outcome<'p> {
        let parsed = Message::parse(packet).ok().filter(|message| {
            // A fingerprint that is there and wrong means that this only looks like STUN.
            !message.has(crate::ice::stun::AttributeType::FINGERPRINT) || message.check_fingerprint().is_ok()
        });
        match parsed {
            Some(message) => self.on_message(client, &message, answer, now),
            None => self.foreign(),
        }
    }

    /// A relay socket is open, or could not be opened on this port. What is written to `answer` goes to the client.
    pub fn handle_relay_opened(
        &mut self,
        relay: RelayId,
        opened: bool,
        answer: &mut [u8],
        now: Instant,
    ) -> Option<(Client, usize)> {
        let client = self.client_of(relay)?;
        let allocation = self.table.get(relay)?;
        let Stage::Opening { tries, wanted } = allocation.stage else { return None };
        if opened {
            allocation.stage = Stage::Open;
            let lifetime = allocation.lifetime;
            self.counters.allocations += 1;
            let written = answer::allocated(allocation, client.remote, lifetime, answer);
            tracing::debug!(active = self.table.len(), "relay allocation made");
            return written.ok().map(|length| (client, length));
        }
        // The port is somebody else's.
        let busy = allocation.relayed.port();
        self.ports.rest(busy, now);
        if tries + 1 < MAX_PORT_TRIES
            && let Some(port) = self.ports.take(wanted)
        {
            let allocation = self.table.get(relay)?;
            allocation.stage = Stage::Opening { tries: tries + 1, wanted };
            allocation.relayed.set_port(port);
            let public = allocation.relayed.ip();
            if let Some(held) = allocation.token.take().and_then(|token| self.ports.redeem(&token, now)) {
                self.ports.release(held);
            }
            if wanted == Wanted::Pair {
                allocation.token = self.ports.reserve(port + 1, now);
            }
            self.actions.push_back(Action::Open { relay, public, port });
            return None;
        }
        self.counters.over_quota += 1;
        let allocation = self.table.remove(relay)?;
        answer::not_allocated(&allocation, answer).ok().map(|length| (client, length))
    }

    /// The shell relays for this allocation by itself as well, and of its bandwidth no more than this is left, in bytes.
    pub fn limit_reserve(&mut self, relay: RelayId, bytes: u64) {
        if let Some(record) = self.table.record(relay) {
            record.rate.limit(bytes);
        }
    }

    /// A client's stream was closed: what it had ends at once.
    pub fn handle_client_gone(&mut self, client: Client) {
        if let Some(id) = self.table.id_of(client) {
            self.end(id);
        }
    }

    /// Ends what has expired.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.table.next_expired(now) {
            self.end(id);
        }
        self.ports.expire(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): something may have expired by then.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.table.next_deadline(), self.ports.next_expiry()].into_iter().flatten().min()
    }

    /// What to do with relay sockets.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Gives no new allocations from now on; those there are live on until they end.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Who may have allocations; changes count from the next request on.
    pub fn logins_mut(&mut self) -> &mut super::Logins {
        &mut self.config.logins
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        Counters { active: self.table.len() as u64, ..self.counters }
    }

    /// Whether nothing is left of all that was; for tests and fuzzing.
    pub(super) fn is_empty_inside(&self) -> bool {
        self.table.is_empty_inside() && self.ports.is_all_free() && self.actions.is_empty()
    }

    /// The client that a relay socket belongs to.
    pub fn client_of(&mut self, relay: RelayId) -> Option<Client> {
        self.table.record(relay)?.client
    }
}

/// What the parts of the machine share.
impl Relay {
    #[inline]
    pub(super) fn uptime(&self, now: Instant) -> Uptime {
        Uptime::between(self.start, now)
    }

    pub(super) fn unix_s(&self, now: Instant) -> u64 {
        self.start_unix_s.saturating_add(now.saturating_duration_since(self.start).as_secs())
    }

    /// Truncated: nonces compare it modulo 2^32.
    pub(super) fn nonce_time_s(&self, now: Instant) -> u32 {
        self.unix_s(now) as u32
    }

    pub(super) fn foreign(&mut self) -> Outcome<'static> {
        self.counters.foreign += 1;
        Outcome::Nothing
    }

    pub(super) fn open(&mut self, client: Client, allocation: Allocation, now: Instant) {
        let (public, port) = (allocation.relayed.ip(), allocation.relayed.port());
        let rate = Bucket::new(self.config.limits.bytes_per_s, self.uptime(now));
        let relay = self.table.insert(client, rate, allocation);
        self.actions.push_back(Action::Open { relay, public, port });
    }

    pub(super) fn end(&mut self, id: RelayId) {
        if let Some(allocation) = self.table.remove(id) {
            self.ports.release(allocation.relayed.port());
            self.counters.ended += 1;
            self.actions.push_back(Action::Close { relay: id });
        }
    }

    /// Says of an allocation's channels until when they pass: of those of which `concerns` is true.
    pub(super) fn announce(
        &mut self,
        id: RelayId,
        concerns: impl Fn(ChannelNumber, IpAddr) -> bool,
        now: Instant,
    ) {
        let Some(client) = self.client_of(id) else { return };
        let Some(allocation) = self.table.get(id) else { return };
        let passing = allocation.passing(now).filter(|(channel, peer, _)| concerns(*channel, peer.ip()));
        self.actions.extend(passing.map(|(channel, peer, until)| Action::Pass {
            relay: id,
            client,
            channel,
            peer,
            until,
        }));
    }

    /// When an allocation that is refreshed now ends: as asked, within the limits, and never beyond its age.
    pub(super) fn lifetime(&self, asked: Option<Duration>, born: Instant, now: Instant) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(600);
        let left = (born + self.config.limits.age).saturating_duration_since(now);
        asked.unwrap_or(DEFAULT).max(DEFAULT).min(self.config.limits.lifetime).min(left)
    }

    /// Writing can only fail for want of room in the shell's buffer.
    pub(super) fn written(result: Result<usize, WriteError>) -> Outcome<'static> {
        match result {
            Ok(length) => Outcome::Answer(length),
            Err(error) => {
                debug_assert!(false, "an answer needs {ANSWER_BYTES} bytes: {error}");
                Outcome::Nothing
            }
        }
    }
}

/// A secret of its own for each use of the one that the relay is made with.
fn derived<const BYTES: usize>(master: &Key, label: u8) -> [u8; BYTES] {
    let mut secret = [0; BYTES];
    for (part, bytes) in secret.chunks_mut(12).enumerate() {
        bytes.copy_from_slice(&master.derive(&[label, part as u8])[..bytes.len()]);
    }
    secret
}
