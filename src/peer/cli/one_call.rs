//! `peer`, `peer call` and `peer answer`: from the first event to the exit code.

#![expect(clippy::print_stderr, reason = "a command line tells people what is wrong on stderr")]

use std::time::{Duration, Instant};

use crate::audio::device::SourceSpec;
use crate::peer::{Ends, Exit, Peer, PeerEvent, TimedEvent};
use crate::signaling::{DeclineReason, PeerId};

use super::args::PeerArgs;
use super::console::Console;
use super::event_log::EventLog;
use super::happenings::{Happening, Happenings, somebody_types};
use super::typed::{HELP, Typed};

/// How long a caller looks for the switchboard before giving up. Whoever answers waits for ever.
const REACH_LIMIT: Duration = Duration::from_secs(10);

/// How long an ending peer may take to say goodbye.
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// Which of the three it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manner {
    Interactive,
    Call { to: String },
    Answer { auto: bool, keep: bool },
}

/// Runs until the call, or the person, is done.
pub(super) fn converse(options: &PeerArgs, manner: Manner) -> Exit {
    Conversation::start(options, manner).map_or_else(
        |(exit, message)| {
            eprintln!("error: {message}");
            exit
        },
        Conversation::run,
    )
}

struct Conversation {
    manner: Manner,
    peer: Peer,
    happenings: Happenings,
    console: Console,
    log: EventLog,
    duration: Option<Duration>,
    /// When to hang up, or to give up.
    limit: Option<(Instant, Limit)>,
    ringing: bool,
    in_call: bool,
    muted: bool,
    held: bool,
    exit: Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Reach,
    Duration,
    Stop,
}

impl Conversation {
    fn start(options: &PeerArgs, manner: Manner) -> Result<Self, (Exit, String)> {
        let auto = matches!(manner, Manner::Answer { auto: true, .. });
        let config = options.config(auto)?;
        let to = match &manner {
            Manner::Call { to } => {
                Some(to.parse::<PeerId>().map_err(|error| (Exit::Usage, format!("call whom? {error}")))?)
            }
            _ => None,
        };
        let log = EventLog::open(options.events.as_deref()).map_err(|message| (Exit::File, message))?;
        let system = |error: std::io::Error| (Exit::Internal, format!("the system refused: {error}"));
        let happenings = Happenings::new().map_err(system)?;
        let typing = config.input != SourceSpec::Stdin
            && (somebody_types()
                || matches!(manner, Manner::Interactive | Manner::Answer { auto: false, .. }));
        let peer = Peer::start_with(config, Ends::default(), happenings.events())
            .map_err(|error| (error.exit(), error.to_string()))?;
        if typing {
            happenings.read_lines().map_err(system)?;
        }
        if let Some(to) = to {
            peer.call(to);
        }
        let reach =
            matches!(manner, Manner::Call { .. }).then(|| (Instant::now() + REACH_LIMIT, Limit::Reach));
        Ok(Self {
            manner,
            peer,
            happenings,
            console: Console::new(options.quiet),
            log,
            duration: options.duration.map(Duration::from_secs),
            limit: reach,
            ringing: false,
            in_call: false,
            muted: false,
            held: false,
            exit: Exit::Done,
        })
    }

    fn run(mut self) -> Exit {
        loop {
            match self.happenings.next(self.limit.map(|(at, _)| at)) {
                Happening::Event(event) => {
                    if self.on_event(&event) {
                        return self.exit;
                    }
                }
                Happening::Line(line) => self.on_line(&line),
                // A script that closes stdin goes on; a person's Ctrl-D means goodbye.
                Happening::NoMoreLines => {
                    if self.manner == Manner::Interactive {
                        self.stop();
                    }
                }
                Happening::Interrupted => self.stop(),
                Happening::TimeUp => {
                    if self.on_limit() {
                        return self.exit;
                    }
                }
            }
        }
    }

    /// Whether that was the last one.
    fn on_event(&mut self, timed: &TimedEvent) -> bool {
        self.log.write(timed);
        if !self.speaks_for_itself(&timed.event) {
            self.console.show(timed);
        }
        match &timed.event {
            PeerEvent::Registered { .. } if self.limit_is(Limit::Reach) => self.limit = None,
            // Whoever calls wants to know now; whoever waits for calls goes on trying.
            PeerEvent::SwitchboardLost { reason } if self.limit_is(Limit::Reach) => {
                self.console.complain(&format!("no switchboard: {reason}"), true);
                self.exit = Exit::Unreachable;
                self.stop();
            }
            PeerEvent::Incoming { .. } => self.ringing = true,
            PeerEvent::State { state, .. } => self.on_state(state),
            PeerEvent::Ended { exit, .. } => self.on_ended(*exit),
            PeerEvent::Error { exit: Some(exit), .. } => {
                self.exit = exit_of(*exit);
                self.end_unless_interactive();
            }
            PeerEvent::Stopped {} => return true,
            _ => {}
        }
        false
    }

    /// What ends the command is said as its error, and not as news before it.
    fn speaks_for_itself(&self, event: &PeerEvent) -> bool {
        matches!(event, PeerEvent::SwitchboardLost { .. }) && self.limit_is(Limit::Reach)
    }

    fn on_state(&mut self, state: &str) {
        self.in_call = state != "ended";
        self.ringing &= state == "ringing";
        if state == "connected"
            && let Some(duration) = self.duration
            && self.limit.is_none()
        {
            self.limit = Some((Instant::now() + duration, Limit::Duration));
        }
    }

    fn on_ended(&mut self, exit: u8) {
        (self.ringing, self.in_call, self.muted, self.held) = (false, false, false, false);
        if self.limit_is(Limit::Duration) {
            self.limit = None;
        }
        self.exit = exit_of(exit);
        match self.manner {
            Manner::Interactive | Manner::Answer { keep: true, .. } => self.exit = Exit::Done,
            Manner::Call { .. } | Manner::Answer { .. } => self.stop(),
        }
    }

    fn end_unless_interactive(&mut self) {
        if self.manner != Manner::Interactive || self.exit == Exit::Refused {
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.peer.shutdown();
        self.limit = Some((Instant::now() + STOP_LIMIT, Limit::Stop));
    }

    fn limit_is(&self, limit: Limit) -> bool {
        self.limit.is_some_and(|(_, current)| current == limit)
    }

    /// Whether there is nothing left to wait for.
    fn on_limit(&mut self) -> bool {
        match self.limit.take() {
            Some((_, Limit::Duration)) => self.peer.hang_up(),
            Some((_, Limit::Reach)) => {
                let text = format!("no switchboard answered within {} s", REACH_LIMIT.as_secs());
                self.console.complain(&text, true);
                self.exit = Exit::Unreachable;
                self.stop();
            }
            Some((_, Limit::Stop)) => return true,
            None => {}
        }
        false
    }

    fn on_line(&mut self, line: &str) {
        match Typed::parse(line) {
            Ok(typed) => self.on_typed(typed),
            Err(text) => self.console.complain(&text, false),
        }
    }

    fn on_typed(&mut self, typed: Typed) {
        match typed {
            Typed::Call(to) => self.peer.call(to),
            Typed::Answer => self.peer.answer(),
            Typed::Nothing if self.ringing => self.peer.answer(),
            Typed::Nothing => {}
            Typed::Decline => self.peer.decline(DeclineReason::Declined),
            Typed::Busy => self.peer.decline(DeclineReason::Busy),
            Typed::HangUp => self.peer.hang_up(),
            Typed::Mute(wish) if self.in_call => {
                self.muted = wish.unwrap_or(!self.muted);
                self.peer.mute(self.muted);
            }
            Typed::Hold(wish) if self.in_call => {
                self.held = wish.unwrap_or(!self.held);
                self.peer.hold(self.held);
            }
            Typed::Mute(_) | Typed::Hold(_) => self.console.complain("there is no call", false),
            Typed::Who => self.console.who(),
            Typed::Stats => self.console.figures(),
            Typed::Help => self.console.tell(HELP),
            Typed::Quit => self.stop(),
        }
    }
}

fn exit_of(code: u8) -> Exit {
    Exit::ALL.iter().map(|(exit, _)| *exit).find(|exit| *exit as u8 == code).unwrap_or(Exit::Internal)
}
