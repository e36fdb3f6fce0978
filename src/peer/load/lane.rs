//! A thread's share of the calls, run by one event loop.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::args::LoadArgs;
use super::end::{End, Standing};
use super::punctuality::Punctuality;
use super::talk::Talk;
use crate::audio::device::{Input, Output, PacedOutput};
use crate::call::{AudioOffer, Call, CallConfig, Certificate, Direction, Entropy, LocalCandidate};
use crate::net::{EventLoop, Wake};
use crate::peer::engine::random;
use crate::peer::session::{Parts, Session};
use crate::peer::{Ends, PeerConfig, PeerError, Stats};
use crate::signaling::{CallId, ClientMessage, PeerId, ServerMessage};

/// Time between two calls that begin on one lane: setting one up takes some milliseconds of encryption.
const PACE: Duration = Duration::from_millis(25);

/// Ends whose moments come within this time share a turn: to sleep and be woken costs as much as a frame.
const GRAIN: Duration = Duration::from_millis(1);

/// A lane that has something to do for so long already was held up: a peer is by the system, this one by all the others too.
const HELD_UP: Duration = Duration::from_millis(5);

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What all lanes and their owner look at.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Ends between which media flows.
    pub(super) connected: AtomicU32,
    /// Ends whose call ended.
    pub(super) over: AtomicU32,
    /// 0 while calls are set up, 1 while is measured, 2 when it is over.
    pub(super) phase: AtomicU32,
}

pub(super) const MEASURING: u32 = 1;
pub(super) const OVER: u32 = 2;

/// What came of a lane.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Frames sent and sound rendered.
    pub(super) punctuality: Punctuality,
    /// Of each end, its latest second.
    pub(super) stats: Vec<Stats>,
}

pub(super) struct Lane {
    args: LoadArgs,
    voice: Arc<[f32]>,
    progress: Arc<Progress>,
    net: EventLoop,
    wake: Wake,
    certificate: Certificate,
    config: PeerConfig,
    /// Caller and callee in turn: the other end of a call has the same number but for the last bit.
    ends: Vec<End>,
    /// When each of them next has something to do. They are looked through at each turn, so they lie together.
    due: Vec<Option<Instant>>,
    by_address: HashMap<SocketAddr, usize>,
    /// Numbers of the calls to begin, the next one last.
    waiting: Vec<usize>,
    next_call: Instant,
    punctuality: Punctuality,
    is_measuring: bool,
}

impl Lane {
    /// A lane for the calls of these numbers.
    ///
    /// # Errors
    /// When the system gives no event loop.
    pub(super) fn new(
        args: &LoadArgs,
        calls: Vec<usize>,
        voice: Arc<[f32]>,
        certificate: Certificate,
        progress: Arc<Progress>,
    ) -> Result<Lane, PeerError> {
        let net =
            EventLoop::for_sockets(2 * calls.len()).map_err(|source| system("make an event loop", source))?;
        let mut config = PeerConfig::new(peer_id("load"));
        config.audio.frame = args.frame_ms;
        config.audio.dtx = args.dtx;
        config.audio.complexity = args.complexity;
        config.audio.mode = args.mode();
        config.policy.frame = Some(args.frame_ms);
        config.policy.bitrate = args.bitrate;
        Ok(Lane {
            punctuality: Punctuality::new(args.deadline()),
            args: args.clone(),
            voice,
            progress,
            wake: net.wake(),
            net,
            certificate,
            config,
            ends: Vec::with_capacity(2 * calls.len()),
            due: Vec::with_capacity(2 * calls.len()),
            by_address: HashMap::new(),
            waiting: calls.into_iter().rev().collect(),
            next_call: Instant::now(),
            is_measuring: false,
        })
    }

    /// Sets its calls up, one after the other, and runs them until it is told that it is over.
    ///
    /// # Errors
    /// When a call cannot be made, or the event loop fails.
    pub(super) fn run(mut self) -> Result<Outcome, PeerError> {
        loop {
            let phase = self.progress.phase.load(Ordering::Relaxed);
            if phase == OVER {
                let stats = self.ends.iter().map(|end| end.stats().clone()).collect();
                return Ok(Outcome { punctuality: self.punctuality, stats });
            }
            self.is_measuring = phase == MEASURING;
            let turn = Instant::now();
            self.begin_calls()?;
            self.take_datagrams();
            let held_up = self.due.iter().flatten().any(|due| *due + HELD_UP < turn);
            if held_up {
                self.let_all_speak(turn)?;
            }
            let now = Instant::now();
            self.take_turns(now, if held_up { turn } else { now })?;
            let next_call = (!self.waiting.is_empty()).then_some(self.next_call);
            let due = self.due.iter().copied().flatten().chain(next_call).min();
            // Whoever owns the lane changes the phase without waking it.
            let due = due.unwrap_or_else(|| turn + PACE).max(turn + GRAIN);
            self.net.wait(Some(due)).map_err(|source| system("wait for sockets", source))?;
        }
    }

    fn begin_calls(&mut self) -> Result<(), PeerError> {
        let now = Instant::now();
        if now < self.next_call {
            return Ok(());
        }
        let Some(number) = self.waiting.pop() else { return Ok(()) };
        // Another place within a frame for each call: that all frames end at once is not what calls are like.
        let frame_us = (self.args.frame_ms.ms() * 1000.0) as u64;
        self.next_call = now + PACE + Duration::from_micros(number as u64 * 7_919 % frame_us);
        let id = CallId::from_random(random());
        let (mut call, address) =
            self.with_path(now, |config| Ok(Call::outgoing(config, id.clone(), peer_id("callee"), now)))?;
        call.end_of_local_candidates();
        let session = self.session(call, id, number, false, now)?;
        self.add(session, address, now);
        Ok(())
    }

    /// A call with a socket of its own.
    fn with_path(
        &mut self,
        now: Instant,
        make: impl FnOnce(CallConfig) -> Result<Call, PeerError>,
    ) -> Result<(Call, SocketAddr), PeerError> {
        let address = self.net.bind(LOOPBACK).map_err(|source| system("open a socket", source))?;
        let config = CallConfig {
            certificate: self.certificate.clone(),
            entropy: Entropy(random()),
            audio: AudioOffer {
                ptime_ms: self.args.frame_ms.ms().ceil() as u8,
                dtx: self.args.dtx,
                ..AudioOffer::default()
            },
            direction: Direction::Both,
            wall_clock: None,
        };
        let mut call = make(config)?;
        call.add_local_candidate(LocalCandidate::host(address), now)?;
        Ok((call, address))
    }

    fn session(
        &self,
        call: Call,
        id: CallId,
        number: usize,
        called: bool,
        now: Instant,
    ) -> Result<Session, PeerError> {
        let talk = Talk::new(self.voice.clone(), number, self.args.talk, called);
        let output = Output::Paced(PacedOutput::null(self.config.audio.channels));
        let mut ends = Ends::custom(Some(Input::Paced(Box::new(talk))), Some(output));
        let (config, wake) = (&self.config, &self.wake);
        let parts =
            Parts { id, peer: peer_id("other"), ends: &mut ends, config, wake, number: number as u32 };
        if called { Session::incoming(call, parts, now) } else { Session::outgoing(call, parts, now) }
    }

    fn add(&mut self, session: Session, address: SocketAddr, now: Instant) {
        self.by_address.insert(address, self.ends.len());
        self.ends.push(End::new(session, now));
        self.due.push(Some(now));
    }

    fn take_datagrams(&mut self) {
        let Self { net, ends, due, by_address, .. } = self;
        net.receive(|datagram| {
            if let Some(&end) = by_address.get(&datagram.destination) {
                ends[end].handle_datagram(&datagram);
                due[end] = Some(datagram.arrival);
            }
        });
    }

    /// Sends every frame that is complete and takes in what comes of it, before anybody listens: that this lane was held up is
    /// no reason to make up what it has yet to send, which takes many times what decoding does.
    fn let_all_speak(&mut self, turn: Instant) -> Result<(), PeerError> {
        for end in &mut self.ends {
            let now = Instant::now();
            let Some(due) = end.speech_due().filter(|due| *due <= now) else { continue };
            if self.is_measuring {
                self.punctuality.add(now - due);
            }
            end.speak(now);
            send_all(&self.net, end);
        }
        self.net.wait(Some(turn)).map_err(|source| system("look at sockets", source))?;
        self.take_datagrams();
        Ok(())
    }

    /// Gives a turn to every end that was sent something or has something due. All of them have the same moment: what
    /// is sent from `now` on is taken in afterwards, and nobody listens to what is due after `heard`, by when all spoke.
    fn take_turns(&mut self, now: Instant, heard: Instant) -> Result<(), PeerError> {
        for end in 0..self.ends.len() {
            if self.due[end].is_some_and(|due| due <= now) {
                self.take_turn(end, now, heard)?;
            }
        }
        Ok(())
    }

    fn take_turn(&mut self, number: usize, now: Instant, heard: Instant) -> Result<(), PeerError> {
        let end = &mut self.ends[number];
        if self.is_measuring {
            let done = Instant::now();
            let spoken = end.speech_due().filter(|due| *due <= now);
            let rendered = end.playout_due().filter(|due| *due <= heard);
            [spoken, rendered].into_iter().flatten().for_each(|due| self.punctuality.add(done - due));
        }
        end.turn(now, heard);
        send_all(&self.net, end);
        let messages: Vec<_> = std::iter::from_fn(|| end.poll_message()).collect();
        match end.settle() {
            Some(Standing::Connected) => _ = self.progress.connected.fetch_add(1, Ordering::Relaxed),
            Some(Standing::Over) => _ = self.progress.over.fetch_add(1, Ordering::Relaxed),
            Some(Standing::Waiting) | None => {}
        }
        self.due[number] = end.due();
        messages.into_iter().try_for_each(|message| self.pass_on(number, message, now))
    }

    /// What a switchboard would do.
    fn pass_on(&mut self, from: usize, message: ClientMessage, now: Instant) -> Result<(), PeerError> {
        let message = match message {
            ClientMessage::Call { call, sdp, .. } => return self.ring(call, sdp.as_str(), now),
            ClientMessage::Accept { call, sdp } => ServerMessage::Accept { call, sdp },
            ClientMessage::Candidate(candidate) => ServerMessage::Candidate(candidate),
            _ => return Ok(()),
        };
        if let Some(end) = self.ends.get_mut(from ^ 1) {
            end.handle_message(&message, now);
            self.due[from ^ 1] = Some(now);
        }
        Ok(())
    }

    /// The other end of the call that was begun last.
    fn ring(&mut self, id: CallId, offer: &str, now: Instant) -> Result<(), PeerError> {
        let (mut call, address) = self.with_path(now, |config| {
            Call::incoming(config, id.clone(), peer_id("caller"), offer, now).map_err(PeerError::Call)
        })?;
        call.end_of_local_candidates();
        let number = self.ends.len() / 2;
        let session = self.session(call, id, number, true, now)?;
        self.add(session, address, now);
        if let Some(end) = self.ends.last_mut() {
            end.accept(now);
        }
        Ok(())
    }
}

fn send_all(net: &EventLoop, end: &mut End) {
    while let Some(transmit) = end.poll_transmit() {
        // A full socket drops the datagram, as the network would.
        drop(net.send(transmit.source, transmit.destination, &transmit.payload));
    }
}

fn peer_id(name: &str) -> PeerId {
    name.parse().expect("letters alone")
}

fn system(what: &'static str, source: io::Error) -> PeerError {
    PeerError::System { what, source }
}
