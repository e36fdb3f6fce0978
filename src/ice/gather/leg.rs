//! One way to one TURN server, and the address that it lends.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::config::Server;
use super::event::{Dial, Inbound, Origin, Outgoing, StreamId, Trouble, Way};
use crate::ice::stun::{Deframer, Frame};
use crate::ice::turn::{Client, Config, Event, Failure, Login, Received, RelayFamily, Wire};
use crate::ice::{Carrier, ServerUri, TransactionIds};

/// How long a stream may take to open, TLS included. Beyond it nobody waits for the call.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// The longest frame taken from a server: the longest datagram that a peer sends, and what stands around it.
const MAX_FRAME_BYTES: usize = 4096;

/// An allocation that was lost is asked for anew: at once, and then after this, doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// The doubling ends here.
const LAST_RETRY: Duration = Duration::from_secs(8);

/// How the server is reached.
#[derive(Debug)]
enum Line {
    Datagram {
        base: SocketAddr,
    },
    Stream {
        /// Of the stream last opened.
        id: Option<StreamId>,
        deframer: Deframer,
        from: Option<IpAddr>,
    },
}

#[derive(Debug)]
enum State {
    /// A stream that others have a head start before, until this; `None` when they made it needless.
    Parked {
        until: Option<Instant>,
    },
    /// `opening`: the stream is to be open by then.
    Live {
        client: Box<Client>,
        opening: Option<Instant>,
    },
    Failed {
        trouble: Trouble,
        retry_at: Option<Instant>,
    },
    Released,
}

/// What happened to a leg.
#[derive(Debug)]
pub(super) enum LegEvent {
    Open(Dial),
    Close(StreamId),
    /// An address was lent; `mapped` is ours as the server sees it.
    Lent {
        relayed: SocketAddr,
        mapped: Option<SocketAddr>,
    },
    Lost {
        relayed: SocketAddr,
    },
    Failed,
}

/// One way to one TURN server.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) server: ServerUri,
    pub(super) carrier: Carrier,
    address: SocketAddr,
    login: Login,
    line: Line,
    state: State,
    family: RelayFamily,
    begun: Instant,
    /// The addresses lent: one, or one of each family.
    relayed: Vec<SocketAddr>,
    /// Whether anything was ever lent; how often in a row it was lost since.
    losses: Option<u32>,
}

impl Leg {
    /// Over datagrams from `base`; it asks at once.
    pub(super) fn datagram(
        server: &Server,
        login: Login,
        address: SocketAddr,
        base: SocketAddr,
        ids: &mut TransactionIds,
        now: Instant,
    ) -> Self {
        let mut leg = Self::new(server, Carrier::Udp, login, address, Line::Datagram { base }, now);
        leg.state = leg.live(ids, now);
        leg
    }

    /// Over a stream, which is opened at `until`, or when [`begin`](Self::begin) is called.
    pub(super) fn stream(
        server: &Server,
        carrier: Carrier,
        login: Login,
        address: SocketAddr,
        from: Option<IpAddr>,
        until: Option<Instant>,
        now: Instant,
    ) -> Self {
        let line = Line::Stream { id: None, deframer: Deframer::new(MAX_FRAME_BYTES), from };
        let mut leg = Self::new(server, carrier, login, address, line, now);
        leg.state = State::Parked { until };
        leg
    }

    fn new(
        server: &Server,
        carrier: Carrier,
        login: Login,
        address: SocketAddr,
        line: Line,
        now: Instant,
    ) -> Self {
        Self {
            server: server.uri.clone(),
            carrier,
            address,
            login,
            line,
            state: State::Released,
            family: RelayFamily::Both,
            begun: now,
            relayed: Vec::new(),
            losses: None,
        }
    }

    fn live(&self, ids: &mut TransactionIds, now: Instant) -> State {
        let (wire, opening) = match self.line {
            Line::Datagram { .. } => (Wire::Datagram, None),
            Line::Stream { .. } => (Wire::Stream, Some(now + OPEN_LIMIT)),
        };
        let mut config = Config::new(self.address, wire, self.login.clone());
        config.family = self.family;
        State::Live { client: Box::new(Client::new(config, ids.split(), now)), opening }
    }

    /// The socket that it belongs to; `None` for a stream.
    pub(super) fn base(&self) -> Option<SocketAddr> {
        match self.line {
            Line::Datagram { base } => Some(base),
            Line::Stream { .. } => None,
        }
    }

    pub(super) fn origin(&self, now: Instant) -> Origin {
        let took = now.saturating_duration_since(self.begun);
        Origin { server: self.server.clone(), carrier: self.carrier, took }
    }

    /// The addresses lent.
    pub(super) fn relayed(&self) -> &[SocketAddr] {
        &self.relayed
    }

    /// Whether it may still lend an address in this round.
    pub(super) fn is_under_way(&self) -> bool {
        match &self.state {
            State::Parked { until } => until.is_some(),
            State::Live { .. } => self.relayed.is_empty(),
            State::Failed { .. } | State::Released => false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Failed { .. } | State::Released | State::Parked { .. })
    }

    /// Why it is of no use, if it is.
    pub(super) fn trouble(&self) -> Option<&Trouble> {
        match &self.state {
            State::Failed { trouble, .. } => Some(trouble),
            _ => None,
        }
    }

    /// Another leg lent an address in time: this one waits until it is needed.
    pub(super) fn stay_parked(&mut self) {
        if let State::Parked { until } = &mut self.state {
            *until = None;
        }
    }

    /// Whether it waits to be needed.
    pub(super) fn is_parked(&self) -> bool {
        matches!(self.state, State::Parked { until: None })
    }

    /// Whether it waits for others' head start to end.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Parked { until: Some(_) })
    }

    /// Starts a leg that waits or failed, now or after a head start of others.
    pub(super) fn begin(
        &mut self,
        head_start: Option<Instant>,
        ids: &mut TransactionIds,
        next: &mut u32,
        now: Instant,
    ) -> Vec<LegEvent> {
        if matches!(self.state, State::Live { .. } | State::Released) {
            return Vec::new();
        }
        if let (Some(until), Line::Stream { .. }) = (head_start, &self.line) {
            self.state = State::Parked { until: Some(until) };
            return Vec::new();
        }
        self.begun = now;
        self.state = self.live(ids, now);
        self.dial(next).into_iter().collect()
    }

    fn dial(&mut self, next: &mut u32) -> Option<LegEvent> {
        let Line::Stream { id, deframer, from } = &mut self.line else { return None };
        *deframer = Deframer::new(MAX_FRAME_BYTES);
        *next += 1;
        let fresh = StreamId(*next);
        *id = Some(fresh);
        let tls_name = (self.carrier == Carrier::Tls).then(|| self.server.host().to_owned());
        Some(LegEvent::Open(Dial { id: fresh, server: self.address, from: *from, tls_name }))
    }

    /// Gives a stream in use up and opens another.
    pub(super) fn redial(&mut self, ids: &mut TransactionIds, next: &mut u32, now: Instant) -> Vec<LegEvent> {
        if !self.carrier.is_stream() || !matches!(self.state, State::Live { .. }) {
            return Vec::new();
        }
        let mut events = self.hang_up();
        let lost = std::mem::take(&mut self.relayed).into_iter();
        events.extend(lost.map(|relayed| LegEvent::Lost { relayed }));
        self.begun = now;
        self.state = self.live(ids, now);
        events.extend(self.dial(next));
        events
    }

    /// Uses other credentials from the next start on.
    pub(super) fn set_login(&mut self, login: Login) {
        self.login = login;
    }

    pub(super) fn is_stream(&self, stream: StreamId) -> bool {
        matches!(self.line, Line::Stream { id: Some(id), .. } if id == stream)
    }

    pub(super) fn handle_stream_open(&mut self, now: Instant) {
        if let State::Live { client, opening } = &mut self.state {
            *opening = None;
            client.handle_connected(now);
        }
    }

    pub(super) fn handle_stream_closed(&mut self, why: &str, now: Instant) -> Vec<LegEvent> {
        if let Line::Stream { id, .. } = &mut self.line {
            *id = None;
        }
        if let State::Live { client, opening } = &mut self.state {
            if opening.is_some() || self.relayed.is_empty() {
                return self.fail(Trouble::Stream(why.to_owned()), now);
            }
            client.handle_disconnected();
        }
        Vec::new()
    }

    /// Whether a datagram comes from its server.
    pub(super) fn is_between(&self, source: SocketAddr, destination: SocketAddr) -> bool {
        let (Line::Datagram { base }, State::Live { client, .. }) = (&self.line, &self.state) else {
            return false;
        };
        *base == destination && client.server() == source
    }

    /// Takes a datagram from its server; [`Inbound::Direct`] when it is nothing of TURN's.
    pub(super) fn handle_datagram<'p>(&mut self, packet: &'p [u8], now: Instant) -> Inbound<'p> {
        let State::Live { client, .. } = &mut self.state else { return Inbound::Direct };
        inbound(client.handle_packet(packet, now), &self.relayed)
    }

    /// Takes what came on its stream; hands every packet of a peer to `take`. Gives `false` when the stream cannot be
    /// read on.
    pub(super) fn handle_stream(
        &mut self,
        mut bytes: &[u8],
        now: Instant,
        take: &mut dyn FnMut(Inbound<'_>),
    ) -> bool {
        let (Line::Stream { deframer, .. }, State::Live { client, .. }) = (&mut self.line, &mut self.state)
        else {
            return true;
        };
        loop {
            let taken = deframer.push(bytes);
            bytes = &bytes[taken..];
            loop {
                let received = match deframer.next_frame() {
                    Ok(Some(Frame::Message(message))) => client.handle_packet(message, now),
                    Ok(Some(Frame::ChannelData(frame))) => client.handle_channel_data(frame),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::debug!(%error, "a TURN stream cannot be read on");
                        return false;
                    }
                };
                let inbound = inbound(received, &self.relayed);
                if let Inbound::Relayed { .. } = inbound {
                    take(inbound);
                }
            }
            if bytes.is_empty() {
                return true;
            }
        }
    }

    pub(super) fn handle_timeout(
        &mut self,
        ids: &mut TransactionIds,
        next: &mut u32,
        now: Instant,
    ) -> Vec<LegEvent> {
        match &mut self.state {
            State::Parked { until: Some(at) } if *at <= now => self.begin(None, ids, next, now),
            State::Live { opening: Some(limit), .. } if *limit <= now => {
                let mut events = self.hang_up();
                events.extend(self.fail(Trouble::Stream("it does not answer".to_owned()), now));
                events
            }
            State::Live { client, opening: None } => {
                client.handle_timeout(now);
                Vec::new()
            }
            State::Failed { retry_at: Some(at), .. } if *at <= now => self.begin(None, ids, next, now),
            _ => Vec::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Parked { until } => *until,
            State::Live { opening: Some(limit), .. } => Some(*limit),
            State::Live { client, opening: None } => client.poll_timeout(),
            State::Failed { retry_at, .. } => *retry_at,
            State::Released => None,
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Outgoing<'_>> {
        let State::Live { client, opening: None } = &mut self.state else { return None };
        let way = way_to(&self.line, client.server())?;
        client.poll_transmit().map(|transmit| Outgoing { way, bytes: transmit.bytes })
    }

    /// Wraps data for a peer into `frame` and says how it leaves.
    pub(super) fn wrap(
        &mut self,
        peer: SocketAddr,
        data: &[u8],
        frame: &mut [u8],
        now: Instant,
    ) -> Option<(Way, usize)> {
        let State::Live { client, opening: None } = &mut self.state else { return None };
        let bytes = client.wrap(peer, data, frame, now)?;
        Some((way_to(&self.line, client.server())?, bytes))
    }

    /// Lets this address send to us.
    pub(super) fn permit(&mut self, peer: IpAddr, now: Instant) {
        if let State::Live { client, .. } = &mut self.state {
            client.permit(peer, now);
        }
    }

    /// Asks the server whether it still knows what it lent.
    pub(super) fn refresh(&mut self, now: Instant) {
        if let State::Live { client, .. } = &mut self.state {
            client.refresh(now);
        }
    }

    /// Gives back what was lent.
    pub(super) fn release(&mut self, now: Instant) -> Vec<LegEvent> {
        self.relayed.clear();
        match &mut self.state {
            State::Live { client, opening: None } if !client.is_ended() => {
                client.release(now);
                Vec::new()
            }
            _ => {
                self.state = State::Released;
                self.hang_up()
            }
        }
    }

    /// Ends it without a word: its interface is gone.
    pub(super) fn abandon(&mut self) -> Vec<SocketAddr> {
        self.state = State::Released;
        std::mem::take(&mut self.relayed)
    }

    /// Takes up what the client has to tell.
    pub(super) fn collect(
        &mut self,
        ids: &mut TransactionIds,
        next: &mut u32,
        now: Instant,
    ) -> Vec<LegEvent> {
        let mut told = Vec::new();
        while let State::Live { client, .. } = &mut self.state
            && let Some(event) = client.poll_event()
        {
            match event {
                Event::Allocated { relayed, second, mapped, .. } => {
                    self.losses.get_or_insert(0);
                    self.relayed = [Some(relayed), second].into_iter().flatten().collect();
                    let lent = self.relayed.iter().enumerate();
                    told.extend(lent.map(|(at, relayed)| LegEvent::Lent {
                        relayed: *relayed,
                        mapped: mapped.filter(|_| at == 0),
                    }));
                }
                Event::ChannelBound { .. } | Event::PeerRefused { .. } => {}
                Event::Redirected { server } => {
                    self.address = server;
                    told.extend(self.hang_up());
                    if let State::Live { opening, .. } = &mut self.state
                        && matches!(self.line, Line::Stream { .. })
                    {
                        *opening = Some(now + OPEN_LIMIT);
                    }
                    told.extend(self.dial(next));
                }
                Event::Failed(failure) => told.extend(self.on_failure(failure, ids, next, now)),
                Event::Released => {
                    self.state = State::Released;
                    told.extend(self.hang_up());
                }
            }
        }
        told
    }

    fn on_failure(
        &mut self,
        failure: Failure,
        ids: &mut TransactionIds,
        next: &mut u32,
        now: Instant,
    ) -> Vec<LegEvent> {
        let other_family = match (&failure, self.family) {
            // RFC 8656 §19: the family cannot be had. A server that knows but one says so to whoever asks for both.
            (Failure::Refused { code: 440, .. }, RelayFamily::Both) => Some(RelayFamily::V6),
            (Failure::Refused { code: 400 | 420, .. }, RelayFamily::Both) => Some(RelayFamily::V4),
            _ => None,
        };
        let mut events = self.hang_up();
        if let Some(family) = other_family {
            self.family = family;
            self.state = self.live(ids, now);
            events.extend(self.dial(next));
            return events;
        }
        events.extend(self.fail(Trouble::Turn(failure), now));
        events
    }

    fn fail(&mut self, trouble: Trouble, now: Instant) -> Vec<LegEvent> {
        let retry_at = match &mut self.losses {
            Some(losses) if !trouble.is_of_credentials() => {
                let wait = match *losses {
                    0 => Duration::ZERO,
                    n => (FIRST_RETRY * 2_u32.saturating_pow(n - 1)).min(LAST_RETRY),
                };
                *losses += 1;
                Some(now + wait)
            }
            _ => None,
        };
        let lost = std::mem::take(&mut self.relayed);
        self.state = State::Failed { trouble, retry_at };
        let lost = lost.into_iter().map(|relayed| LegEvent::Lost { relayed });
        lost.chain([LegEvent::Failed]).collect()
    }

    /// Closes the stream, if there is one.
    fn hang_up(&mut self) -> Vec<LegEvent> {
        match &mut self.line {
            Line::Stream { id, .. } => id.take().map(LegEvent::Close).into_iter().collect(),
            Line::Datagram { .. } => Vec::new(),
        }
    }
}

fn way_to(line: &Line, server: SocketAddr) -> Option<Way> {
    match line {
        Line::Datagram { base } => Some(Way::Datagram { source: *base, destination: server }),
        Line::Stream { id, .. } => id.map(Way::Stream),
    }
}

/// Data of a peer came to the relayed address of its own family.
fn inbound<'p>(received: Received<'p>, relayed: &[SocketAddr]) -> Inbound<'p> {
    match received {
        Received::Data { peer, data } => {
            match relayed.iter().find(|relayed| relayed.is_ipv4() == peer.is_ipv4()) {
                Some(destination) => Inbound::Relayed { source: peer, destination: *destination, data },
                None => Inbound::Taken,
            }
        }
        Received::Control => Inbound::Taken,
        Received::Foreign => Inbound::Direct,
    }
}
