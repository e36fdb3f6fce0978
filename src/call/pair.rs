//! Two calls joined in virtual time: no socket, no thread, no clock.
//!
//! For tests, benches and fuzzing. A [`Pair`] carries datagrams and messages between two [`Call`]s with the
//! delays that its [`Network`] says, and moves time from one thing that is due to the next.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::{
    AudioFrame, AudioOffer, Call, CallConfig, CallError, CallEvent, Certificate, Direction, Entropy,
    LocalCandidate, State, Transmit,
};
use crate::rtp::PayloadFormat;
use crate::signaling::{CallId, ClientMessage, ErrorCode, PeerId, ServerMessage};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who calls: `alice`, at 10.0.0.1.
    Caller,
    /// Who is called: `bob`, at 10.0.0.2.
    Callee,
}

impl Party {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What happens to what is sent.
pub trait Network {
    /// How long a datagram travels, or `None` where it is lost. Its addresses may change on the way.
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration>;

    /// How long a message travels through the switchboard, or `None` where it is lost.
    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration>;
}

/// The same delay for everything, nothing lost.
#[derive(Debug, Clone, Copy)]
pub struct Steady {
    /// One way, for datagrams.
    pub delay: Duration,
    /// One way, for messages.
    pub signaling: Duration,
}

impl Steady {
    /// Half of `rtt` each way for datagrams and messages alike.
    pub fn rtt(rtt: Duration) -> Self {
        Self { delay: rtt / 2, signaling: rtt / 2 }
    }
}

impl Network for Steady {
    fn datagram(&mut self, _: Party, _: Instant, _: &mut Transmit) -> Option<Duration> {
        Some(self.delay)
    }

    fn message(&mut self, _: Party, _: Instant, _: &ServerMessage) -> Option<Duration> {
        Some(self.signaling)
    }
}

/// How the callee takes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Accepts at once.
    Auto,
    /// Rings, and leaves the rest to the test.
    Ring,
}

/// One end of a pair.
pub struct End {
    /// The call: the caller's from the beginning, the callee's once the offer has come.
    pub call: Option<Call>,
    /// Everything the call told, with its time since the pair began.
    pub events: Vec<(Duration, CallEvent)>,
    /// Every message the call sent.
    pub sent: Vec<ClientMessage>,
    /// Messages that the call refused.
    pub refused: Vec<CallError>,
    /// The addresses that the end listens on: its sockets', and those on relays that reach it.
    pub addresses: Vec<SocketAddr>,
    /// The candidates that its call begins with.
    pub candidates: Vec<LocalCandidate>,
    /// A dead end neither sends nor hears.
    pub dead: bool,
    config: CallConfig,
}

enum Parcel {
    Datagram { to: Party, datagram: Transmit },
    Message { to: Party, message: ServerMessage },
}

/// Two calls and what is between them.
pub struct Pair<N> {
    /// What is between them.
    pub network: N,
    /// How the callee takes the call.
    pub manner: Manner,
    ends: [End; 2],
    began: Instant,
    now: Instant,
    parcels: BTreeMap<(Instant, u64), Parcel>,
    parcels_sent: u64,
    /// Whose update the switchboard is waiting to see answered.
    updating: Option<Party>,
}

/// The configuration of an end in a pair: everything default, entropy that is of no use elsewhere.
pub fn config(certificate: &Certificate, seed: u8) -> CallConfig {
    CallConfig {
        certificate: certificate.clone(),
        entropy: Entropy([seed; 32]),
        audio: AudioOffer::default(),
        direction: Direction::Both,
        wall_clock: None,
    }
}

/// Address number `n` of a party.
pub fn address(party: Party, n: u8) -> SocketAddr {
    let ip = Ipv4Addr::new(10, 0, n, 1 + party.index() as u8);
    SocketAddr::from((ip, 5000))
}

/// The id that a party goes by.
pub fn peer_id(party: Party) -> PeerId {
    let name = if party == Party::Caller { "alice" } else { "bob" };
    name.parse().expect("a short word is an id")
}

/// The call's id.
pub fn call_id() -> CallId {
    CallId::from_random([7; 16])
}

impl<N: Network> Pair<N> {
    /// A pair with one address an end, where the caller has not yet started.
    pub fn new(network: N, caller: CallConfig, callee: CallConfig, began: Instant) -> Self {
        let end = |config, party| End {
            call: None,
            events: Vec::new(),
            sent: Vec::new(),
            refused: Vec::new(),
            addresses: vec![address(party, 0)],
            candidates: vec![LocalCandidate::host(address(party, 0))],
            dead: false,
            config,
        };
        Self {
            network,
            manner: Manner::Auto,
            ends: [end(caller, Party::Caller), end(callee, Party::Callee)],
            began,
            now: began,
            parcels: BTreeMap::new(),
            parcels_sent: 0,
            updating: None,
        }
    }

    /// Places the call, with every address of the caller in its offer.
    ///
    /// # Panics
    /// The call cannot be started: a fault of this crate.
    pub fn call(&mut self) {
        let now = self.now;
        let end = &mut self.ends[Party::Caller.index()];
        let mut call = Call::outgoing(end.config.clone(), call_id(), peer_id(Party::Callee), now);
        add_candidates(&mut call, &end.candidates, now);
        call.start(now).expect("a fresh call starts");
        end.call = Some(call);
        self.collect();
    }

    /// One end.
    pub fn end(&mut self, party: Party) -> &mut End {
        &mut self.ends[party.index()]
    }

    /// One end's call. Call [`collect`](Self::collect) after a change, or let time pass.
    ///
    /// # Panics
    /// There is none yet.
    pub fn of(&mut self, party: Party) -> &mut Call {
        self.end(party).call.as_mut().expect("the call exists")
    }

    /// One end's state; `None` before its call exists.
    pub fn state(&self, party: Party) -> Option<State> {
        self.ends[party.index()].call.as_ref().map(Call::state)
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Time since the pair began.
    pub fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    /// Lets time pass until `done`; says whether that came within `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.collect();
            if done(self) {
                return true;
            }
            match self.next_due() {
                Some(at) if at <= end => self.step(at),
                _ => {
                    self.now = end;
                    return false;
                }
            }
        }
    }

    /// Lets `duration` pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(duration, |_| false);
    }

    /// Lets time pass until both are in this state; says whether that came within `limit`.
    pub fn run_until_both(&mut self, limit: Duration, state: &str) -> bool {
        let is = |s: Option<State>| s.is_some_and(|s| s.name() == state);
        self.run_until(limit, |p| is(p.state(Party::Caller)) && is(p.state(Party::Callee)))
    }

    /// Both sides talk for `duration`: a frame of `payload` every 10 ms each way.
    pub fn talk_for(&mut self, duration: Duration, payload: &[u8]) {
        self.talk_in(PayloadFormat::Opus, duration, payload);
    }

    /// Sends packets of this format as [`Pair::talk_for`] does.
    pub fn talk_in(&mut self, format: PayloadFormat, duration: Duration, payload: &[u8]) {
        let first = (self.elapsed().as_millis() / 10) as u64;
        for frame in 0..(duration.as_millis() / 10) as u64 {
            for party in [Party::Caller, Party::Callee] {
                let now = self.now;
                if self.end(party).dead {
                    continue;
                }
                if let Some(call) = self.end(party).call.as_mut() {
                    let timestamp = (first + frame) * 480;
                    let starts_talk = frame == 0;
                    let frame = AudioFrame {
                        payload,
                        format,
                        timestamp,
                        captured_at: now,
                        level_dbov: -30,
                        starts_talk,
                    };
                    call.send_audio(frame, now);
                }
            }
            self.run_for(Duration::from_millis(10));
        }
    }

    /// Gives an end these candidates to begin with; it listens on their addresses and bases.
    pub fn set_candidates(&mut self, party: Party, candidates: Vec<LocalCandidate>) {
        let end = self.end(party);
        end.addresses = candidates.iter().flat_map(|c| [c.address, c.base]).collect();
        end.candidates = candidates;
    }

    /// Delivers a message to one end now, whoever it is from.
    pub fn inject_message(&mut self, to: Party, message: ServerMessage) {
        self.post(Duration::ZERO, Parcel::Message { to, message });
    }

    /// Delivers a datagram to one end now, whoever it is from.
    pub fn inject_datagram(&mut self, to: Party, source: SocketAddr, payload: &[u8]) {
        let destination = self.ends[to.index()].addresses[0];
        let datagram = Transmit { source, destination, payload: payload.to_vec() };
        self.post(Duration::ZERO, Parcel::Datagram { to, datagram });
    }

    /// When something is next due.
    fn next_due(&self) -> Option<Instant> {
        let parcel = self.parcels.keys().next().map(|(at, _)| *at);
        let timers = self.ends.iter().filter(|e| !e.dead).filter_map(|e| e.call.as_ref()?.poll_timeout());
        timers.chain(parcel).min().map(|at| at.max(self.now))
    }

    /// Everything due at `at`.
    fn step(&mut self, at: Instant) {
        self.now = at;
        while let Some(entry) = self.parcels.first_entry()
            && entry.key().0 <= at
        {
            let parcel = entry.remove();
            self.deliver(parcel);
        }
        for end in self.ends.iter_mut().filter(|e| !e.dead) {
            if let Some(call) = &mut end.call
                && call.poll_timeout().is_some_and(|due| due <= at)
            {
                call.handle_timeout(at);
            }
        }
    }

    fn deliver(&mut self, parcel: Parcel) {
        let now = self.now;
        match parcel {
            Parcel::Datagram { to, datagram } => {
                let end = &mut self.ends[to.index()];
                // An end hears only what is sent to an address of its own.
                if end.dead || !end.addresses.contains(&datagram.destination) {
                    return;
                }
                if let Some(call) = &mut end.call {
                    call.handle_datagram(now, datagram.source, datagram.destination, &datagram.payload);
                }
            }
            Parcel::Message { to, message } => {
                if self.ends[to.index()].dead {
                    return;
                }
                match (&message, &self.ends[to.index()].call) {
                    (ServerMessage::Call { sdp, .. }, None) => {
                        let sdp = sdp.clone();
                        self.ring(to, &sdp);
                    }
                    (_, Some(_)) => {
                        let end = self.end(to);
                        let refused = end.call.as_mut().and_then(|c| c.handle_message(&message, now).err());
                        end.refused.extend(refused);
                    }
                    (_, None) => {}
                }
            }
        }
        self.collect();
    }

    fn ring(&mut self, to: Party, offer: &str) {
        let (now, manner) = (self.now, self.manner);
        let end = self.end(to);
        match Call::incoming(end.config.clone(), call_id(), peer_id(to.other()), offer, now) {
            Ok(mut call) => {
                add_candidates(&mut call, &end.candidates, now);
                match manner {
                    Manner::Auto => end.refused.extend(call.accept(now).err()),
                    Manner::Ring => call.ring(),
                }
                end.call = Some(call);
            }
            Err(error) => end.refused.push(error),
        }
    }

    /// Takes everything that both calls have to say and puts it on its way.
    pub fn collect(&mut self) {
        for party in [Party::Caller, Party::Callee] {
            let at = self.elapsed();
            while let Some(datagram) = self.ends[party.index()].call.as_mut().and_then(Call::poll_transmit) {
                self.send_datagram(party, datagram);
            }
            while let Some(message) = self.ends[party.index()].call.as_mut().and_then(Call::poll_message) {
                self.send_message(party, message);
            }
            let end = self.end(party);
            while let Some(event) = end.call.as_mut().and_then(Call::poll_event) {
                end.events.push((at, event));
            }
        }
    }

    fn send_datagram(&mut self, from: Party, mut datagram: Transmit) {
        let end = &self.ends[from.index()];
        if end.dead || !end.addresses.contains(&datagram.source) {
            return;
        }
        if let Some(delay) = self.network.datagram(from, self.now, &mut datagram) {
            self.post(delay, Parcel::Datagram { to: from.other(), datagram });
        }
    }

    fn send_message(&mut self, from: Party, message: ClientMessage) {
        if self.ends[from.index()].dead {
            return;
        }
        self.end(from).sent.push(message.clone());
        let to = from.other();
        match message {
            ClientMessage::Update { ref call, .. } if self.updating == Some(to) => {
                let refusal = ServerMessage::Error {
                    code: ErrorCode::UpdatePending,
                    message: String::new(),
                    call: Some(call.clone()),
                };
                self.post_message(to, from, refusal);
            }
            _ => {
                match message {
                    ClientMessage::Update { .. } => self.updating = Some(from),
                    ClientMessage::Updated { .. } => self.updating = None,
                    _ => {}
                }
                if let Some(message) = carried(message, from) {
                    self.post_message(from, to, message);
                }
            }
        }
    }

    fn post_message(&mut self, from: Party, to: Party, message: ServerMessage) {
        if let Some(delay) = self.network.message(from, self.now, &message) {
            self.post(delay, Parcel::Message { to, message });
        }
    }

    fn post(&mut self, delay: Duration, parcel: Parcel) {
        self.parcels_sent += 1;
        self.parcels.insert((self.now + delay, self.parcels_sent), parcel);
    }
}

fn add_candidates(call: &mut Call, candidates: &[LocalCandidate], now: Instant) {
    for candidate in candidates {
        call.add_local_candidate(*candidate, now).expect("a private address can be a candidate");
    }
}

/// What the switchboard makes of a message.
fn carried(message: ClientMessage, from: Party) -> Option<ServerMessage> {
    Some(match message {
        ClientMessage::Call { call, sdp, .. } => ServerMessage::Call { call, from: peer_id(from), sdp },
        ClientMessage::Ringing { call } => ServerMessage::Ringing { call },
        ClientMessage::Accept { call, sdp } => ServerMessage::Accept { call, sdp },
        ClientMessage::Decline { call, reason } => ServerMessage::Decline { call, reason },
        ClientMessage::Candidate(candidate) => ServerMessage::Candidate(candidate),
        ClientMessage::Update { call, sdp } => ServerMessage::Update { call, sdp },
        ClientMessage::Updated { call, sdp } => ServerMessage::Updated { call, sdp },
        ClientMessage::Hangup { call, reason } => ServerMessage::Hangup { call, reason: reason.into() },
        ClientMessage::Register(_) | ClientMessage::Unregister => return None,
    })
}
