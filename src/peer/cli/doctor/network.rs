//! Asks the switchboard and every server, each by itself, so that none hides another.

use std::time::{Duration, Instant};

use super::facts::{MappingFact, NetworkFacts, RelayFact};
use crate::ice::gather::{
    GatherEvent, Gathered, Gatherer, IcePolicy, Server, StreamAction, StreamId, Trouble, Way,
};
use crate::ice::{CandidateKind, Carrier, ServerUri, Service, TransactionIds};
use crate::net::interfaces::{self, Loopback};
use crate::net::websocket::SignalThread;
use crate::net::{EventLoop, StreamEvent, TlsTarget, Wake};
use crate::peer::engine::random;
use crate::peer::servers::{Servers, Usable};
use crate::peer::{PeerConfig, PeerError};
use crate::signaling::{ClientConfig, ClientEvent};

/// How long the switchboard may take.
const REGISTER_LIMIT: Duration = Duration::from_secs(6);

/// How long names and servers may take: beyond it nobody waits for a call.
const SERVERS_LIMIT: Duration = Duration::from_secs(10);

/// One server, asked by a gatherer of its own.
struct Question {
    server: ServerUri,
    gatherer: Gatherer,
    streams: Vec<StreamId>,
    done: bool,
}

impl Question {
    /// Notes what the gatherer has learnt.
    fn learn(&mut self, facts: &mut NetworkFacts) {
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                GatherEvent::Mapped { base, server, mapped, took } => {
                    facts.mappings.push(MappingFact { base, server, mapped, took });
                }
                GatherEvent::Found(Gathered { kind: CandidateKind::Relayed, address, origin, .. }) => {
                    let Some(origin) = origin else { continue };
                    // One interface is enough to know.
                    if !facts.relays.iter().any(|relay| relay.server == origin.server) {
                        let result = Ok((address, origin.took));
                        let (server, carrier) = (origin.server, origin.carrier);
                        facts.relays.push(RelayFact { server, carrier, result });
                    }
                }
                GatherEvent::Found(_) | GatherEvent::Lost { .. } => {}
                GatherEvent::Failed { server, trouble } => fail(&server, &trouble, facts),
                GatherEvent::Complete => self.done = true,
            }
        }
    }

    fn on_stream(&mut self, number: u32, told: &Told) {
        let now = Instant::now();
        let Some(id) = self.streams.iter().copied().find(|id| id.get() == number) else { return };
        match told {
            Told::Open => self.gatherer.handle_stream_open(now, id),
            Told::Data(bytes) => self.gatherer.handle_stream(now, id, bytes, |_| {}),
            Told::Closed(why) => self.gatherer.handle_stream_closed(now, id, why),
        }
    }
}

fn fail(server: &ServerUri, trouble: &Trouble, facts: &mut NetworkFacts) {
    match server.service() {
        Service::Stun => facts.silent.push((server.clone(), trouble.to_string())),
        Service::Turn(carrier) => {
            let result = Err(trouble.to_string());
            facts.relays.push(RelayFact { server: server.clone(), carrier, result });
        }
    }
}

/// Finds out everything about the network.
///
/// # Errors
/// When the system gives no event loop, or `--turn-ca` or `--server` cannot be used.
pub(super) fn examine(config: &PeerConfig) -> Result<NetworkFacts, PeerError> {
    let mut net =
        EventLoop::new().map_err(|source| PeerError::System { what: "make the event loop", source })?;
    let mut servers = Servers::new(&config.ice, net.wake())?;
    let mut facts = NetworkFacts::default();
    let is_local = register(config, &mut servers, net.wake(), &mut facts)?;
    let loopback = if is_local { Loopback::Include } else { Loopback::Skip };
    let addresses = match config.bind.is_empty() {
        true => interfaces::usable_addresses(loopback)
            .map_err(|source| PeerError::System { what: "list the interfaces", source })?,
        false => config.bind.clone(),
    };
    facts.hosts = addresses.into_iter().filter_map(|ip| net.bind(ip).ok()).collect();
    let usable = resolve(&mut servers, &mut net)?;
    ask_all(usable, &servers, &mut net, &mut facts)?;
    Ok(facts)
}

/// Registers and leaves again; says whether the switchboard is on this machine.
fn register(
    config: &PeerConfig,
    servers: &mut Servers,
    wake: Wake,
    facts: &mut NetworkFacts,
) -> Result<bool, PeerError> {
    let started = Instant::now();
    let client = ClientConfig::new(config.id.clone());
    let mut signal = SignalThread::start(&config.server, client, u64::from_ne_bytes(random()), wake)?;
    let result = loop {
        let left = (started + REGISTER_LIMIT).saturating_duration_since(Instant::now());
        match signal.wait_event(left) {
            Some(ClientEvent::Registered(registered)) => {
                drop(servers.set_given(&registered.ice_servers));
                break Ok(started.elapsed());
            }
            Some(ClientEvent::Lost { reason, .. }) => break Err(reason),
            Some(ClientEvent::Fatal { message, .. }) => break Err(message),
            Some(ClientEvent::Message(_) | ClientEvent::Stopped) => {}
            None => break Err(format!("no answer within {} s", REGISTER_LIMIT.as_secs())),
        }
    };
    facts.switchboard = Some(result);
    let is_local = signal.is_loopback();
    signal.stop();
    Ok(is_local)
}

/// Waits until every name is resolved, or for long enough.
fn resolve(servers: &mut Servers, net: &mut EventLoop) -> Result<Vec<Usable>, PeerError> {
    let limit = Instant::now() + SERVERS_LIMIT;
    while !servers.are_resolved() && Instant::now() < limit {
        wait(net, limit)?;
        drop(servers.poll());
    }
    Ok(servers.usable())
}

fn wait(net: &mut EventLoop, limit: Instant) -> Result<(), PeerError> {
    net.wait(Some(limit)).map_err(|source| PeerError::System { what: "wait for the network", source })
}

/// TURN servers over UDP answer STUN too: each is one more to see us.
fn as_stun(server: &Server) -> Option<Server> {
    if server.uri.service() != Service::Turn(Carrier::Udp) {
        return None;
    }
    let host = server.uri.host();
    let text = match host.contains(':') {
        true => format!("stun:[{host}]:{}", server.uri.port()),
        false => format!("stun:{host}:{}", server.uri.port()),
    };
    let uri = text.parse().ok()?;
    Some(Server { uri, addresses: server.addresses.clone(), login: None })
}

fn ask_all(
    usable: Vec<Usable>,
    servers: &Servers,
    net: &mut EventLoop,
    facts: &mut NetworkFacts,
) -> Result<(), PeerError> {
    let mut questions: Vec<Question> = Vec::new();
    for server in usable {
        match server {
            Ok(server) => {
                let stun = as_stun(&server)
                    .filter(|stun| !questions.iter().any(|question| question.server == stun.uri));
                if !questions.iter().any(|question| question.server == server.uri) {
                    questions.push(ask(server, facts));
                }
                questions.extend(stun.map(|stun| ask(stun, facts)));
            }
            Err((uri, trouble)) => fail(&uri, &trouble, facts),
        }
    }
    let limit = Instant::now() + SERVERS_LIMIT;
    while questions.iter().any(|question| !question.done) && Instant::now() < limit {
        turn(&mut questions, servers, net, facts);
        if questions.iter().any(|question| !question.done) {
            let due = questions.iter().filter_map(|question| question.gatherer.poll_timeout()).min();
            wait(net, due.map_or(limit, |due| due.min(limit)))?;
        }
    }
    for question in &mut questions {
        if !question.done {
            fail(&question.server, &Trouble::Silent, facts);
        }
        question.gatherer.release(Instant::now());
    }
    turn(&mut questions, servers, net, facts);
    Ok(())
}

fn ask(server: Server, facts: &NetworkFacts) -> Question {
    let now = Instant::now();
    let policy = match server.uri.service() {
        Service::Stun => IcePolicy::All,
        Service::Turn(_) => IcePolicy::Relay,
    };
    let mut gatherer = Gatherer::new(policy, TransactionIds::from_seed(random()));
    let uri = server.uri.clone();
    for host in &facts.hosts {
        gatherer.add_host(*host, now);
    }
    gatherer.add_server(server, now);
    gatherer.end_of_servers();
    Question { server: uri, gatherer, streams: Vec::new(), done: false }
}

/// Takes what came, lets time pass, puts out what is to be asked, notes what was learnt.
fn turn(questions: &mut [Question], servers: &Servers, net: &mut EventLoop, facts: &mut NetworkFacts) {
    net.receive(|datagram| {
        for question in questions.iter_mut() {
            let gatherer = &mut question.gatherer;
            gatherer.handle_datagram(
                datagram.arrival,
                datagram.source,
                datagram.destination,
                datagram.payload,
            );
        }
    });
    for (number, question) in questions.iter_mut().enumerate() {
        question.gatherer.handle_timeout(Instant::now());
        put_out(number, question, servers, net);
        question.learn(facts);
    }
    let mut told = Vec::new();
    net.receive_streams(|key, event| told.push((key, Told::of(&event))));
    for (key, event) in told {
        if let Some(question) = questions.get_mut((key >> 32) as usize) {
            question.on_stream(key as u32, &event);
        }
    }
    for (number, question) in questions.iter_mut().enumerate() {
        put_out(number, question, servers, net);
        question.learn(facts);
    }
}

/// What happened to a stream, kept.
enum Told {
    Open,
    Data(Vec<u8>),
    Closed(String),
}

impl Told {
    fn of(event: &StreamEvent<'_>) -> Self {
        match event {
            StreamEvent::Open => Self::Open,
            StreamEvent::Data(bytes) => Self::Data(bytes.to_vec()),
            StreamEvent::Closed(why) => Self::Closed(why.clone()),
        }
    }
}

fn put_out(number: usize, question: &mut Question, servers: &Servers, net: &mut EventLoop) {
    let key = |id: StreamId| (number as u64) << 32 | u64::from(id.get());
    while let Some(action) = question.gatherer.poll_stream() {
        match action {
            StreamAction::Open(dial) => {
                let tls = dial.tls_name.zip(servers.tls());
                let tls = tls.map(|(name, config)| TlsTarget { name, config });
                net.open_stream(key(dial.id), dial.server, dial.from, tls);
                question.streams.push(dial.id);
            }
            StreamAction::Close(id) => net.close_stream(key(id)),
        }
    }
    while let Some(outgoing) = question.gatherer.poll_transmit() {
        match outgoing.way {
            Way::Datagram { source, destination } => drop(net.send(source, destination, outgoing.bytes)),
            Way::Stream(id) => drop(net.send_stream(key(id), outgoing.bytes)),
        }
    }
}
