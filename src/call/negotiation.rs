//! Offers and answers: the first, and those of a call under way (hold, ICE restart).
//!
//! The switchboard lets one `update` through at a time and refuses the other with `update_pending`; so an update
//! that arrives while ours is out means that ours has lost: it is rolled back, and made again once the refusal is here,
//! which would otherwise be taken for one of the new update.

use std::mem;
use std::time::{Duration, Instant};

use super::description::{self, Dress};
use super::state::{Hold, Side, Step};
use super::transport::PendingOffer;
use super::{AudioOffer, Call, CallError, CallEvent, Direction, EndReason, Negotiated};
use crate::ice::Credentials;
use crate::sdp;
use crate::sdp::gate::{Kind, Remote};
use crate::signaling::{ClientMessage, DeclineReason, HangupReason};

/// An update that has not been answered for this long is taken for lost and made again; long enough for a
/// switchboard to be restarted under us.
const UPDATE_LIMIT: Duration = Duration::from_secs(10);

/// Where the exchange of descriptions stands.
pub(super) struct Negotiation {
    stage: Stage,
    /// The credentials in use.
    credentials: Credentials,
    /// How often credentials were made; the index of the next.
    generations: u32,
    /// The version of our last description.
    version: u64,
    /// Our last description: what an update begins from. It repeats the names and refused sections of the other
    /// side's first offer, which str0m does not know.
    local: String,
    /// Their last description in force.
    remote: Option<Box<Remote>>,
    /// What the other side's first description said: less than that is a hold.
    their_wish: Option<Direction>,
    wanted: Wanted,
    last: Option<Negotiated>,
}

enum Stage {
    /// Ours to offer, not done yet.
    Fresh,
    /// Our first offer is out.
    Offered(PendingOffer),
    /// Their first offer waits for our accept.
    Invited(Box<Remote>),
    /// Nothing is under way.
    Stable,
    /// An update of ours is out.
    Updating { update: Update, since: Instant },
    /// An update of theirs came while ours was out; the refusal of ours is on its way.
    Overtaken { since: Instant },
}

/// What an update of ours changes.
enum Update {
    /// Text alone: str0m need not know.
    Direction,
    /// ICE, with these new credentials.
    Restart(PendingOffer, Credentials),
}

/// What the next update must say.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    direction: bool,
    restart: bool,
}

impl Negotiation {
    pub(super) fn new(credentials: Credentials, invited: Option<Remote>) -> Self {
        Self {
            stage: invited.map_or(Stage::Fresh, |remote| Stage::Invited(Box::new(remote))),
            credentials,
            generations: 1,
            version: 0,
            local: String::new(),
            remote: None,
            their_wish: None,
            wanted: Wanted::default(),
            last: None,
        }
    }

    /// Whether a description of ours is out, so that later candidates must be trickled.
    pub(super) fn is_local_sent(&self) -> bool {
        !matches!(self.stage, Stage::Fresh | Stage::Invited(_))
    }

    /// Whether their description is in force, so that candidates can be used.
    pub(super) fn is_remote_known(&self) -> bool {
        matches!(self.stage, Stage::Stable | Stage::Updating { .. } | Stage::Overtaken { .. })
    }

    pub(super) fn want_restart(&mut self) {
        self.wanted.restart = true;
    }

    /// When an update, or its refusal, counts as lost.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Updating { since, .. } | Stage::Overtaken { since } => Some(*since + UPDATE_LIMIT),
            _ => None,
        }
    }

    /// Gives up on an update of ours, going on in `stage`; what it wanted is wanted still.
    fn roll_back(&mut self, stage: Stage) {
        if let Stage::Updating { update, .. } = &self.stage {
            match update {
                Update::Direction => self.wanted.direction = true,
                Update::Restart(..) => self.wanted.restart = true,
            }
            self.stage = stage;
        }
    }
}

impl Call {
    /// Makes and sends the first offer.
    pub(super) fn send_offer(&mut self) -> Result<(), CallError> {
        if !matches!(self.negotiation.stage, Stage::Fresh) {
            return Err(self.out_of_order("start"));
        }
        let (text, pending) =
            self.transport.offer().ok_or_else(|| CallError::Transport("it made no offer".into()))?;
        let version = self.next_version();
        let text = description::truthful_offer(&text, &self.config.audio, version)?;
        self.negotiation.stage = Stage::Offered(pending);
        let credentials = self.negotiation.credentials.clone();
        let sdp = self.dress(&text, &credentials, self.wished_direction(), true).into();
        let (call, to) = (self.id().clone(), self.peer().clone());
        self.send(ClientMessage::Call { call, to, sdp });
        self.on_local_sent();
        Ok(())
    }

    /// Makes and sends the answer to the first offer.
    pub(super) fn send_answer(&mut self, now: Instant) -> Result<(), CallError> {
        let remote = match mem::replace(&mut self.negotiation.stage, Stage::Stable) {
            Stage::Invited(remote) => remote,
            other => {
                self.negotiation.stage = other;
                return Err(self.out_of_order("accept"));
            }
        };
        self.transport.set_mid(&remote.audio_mid);
        match self.answer(&remote, now) {
            Ok(sdp) => {
                self.send(ClientMessage::Accept { call: self.id().clone(), sdp: sdp.into() });
                self.on_local_sent();
                self.step(Step::Answered, now);
                self.conclude(remote, now);
                Ok(())
            }
            Err(error) => {
                self.decline(DeclineReason::Unsupported, now);
                Err(error)
            }
        }
    }

    /// Applies an offer of theirs and makes the text of our answer.
    fn answer(&mut self, remote: &Remote, now: Instant) -> Result<String, CallError> {
        let fresh = self.config.entropy.credentials(self.negotiation.generations);
        let (text, restarted) = self.transport.accept_offer(remote, &fresh)?;
        if restarted {
            self.negotiation.generations += 1;
            self.negotiation.credentials = fresh;
            self.addresses.restart();
            // Their restart serves us as well.
            self.negotiation.wanted.restart = false;
        }
        if self.transport.payload_type().is_none() {
            return Err(no_opus());
        }
        self.note_their_direction(remote, now);
        // The answer says what we want by now, hold included; unless the offer holds, and the answer only echoes it.
        self.negotiation.wanted.direction &= description::direction(remote) == Direction::Neither;
        let version = self.next_version();
        let text = description::truthful_answer(&text, remote, &self.audio_asked_of(remote), version)?;
        let credentials = self.negotiation.credentials.clone();
        let direction = self.wished_direction().met_by(description::direction(remote));
        Ok(self.dress(&text, &credentials, direction, false))
    }

    /// What we ask of who offered this. Libwebrtc sends each frame twice (RED) and, if it may, puts in-band error
    /// correction into the next packet as well: it repairs what the copy repairs already, and takes bits from every frame
    /// (`docs/compare.md`). Peers of ours choose between the two, and are known by deep redundancy.
    fn audio_asked_of(&self, remote: &Remote) -> AudioOffer {
        let sends_all = self.transport.has_red() && !remote.opus.wants_dred();
        AudioOffer { fec: self.config.audio.fec && !sends_all, ..self.config.audio.clone() }
    }

    /// The other side's answer to our first offer.
    pub(super) fn on_accept(&mut self, sdp: &str, now: Instant) -> Result<(), CallError> {
        let pending = match mem::replace(&mut self.negotiation.stage, Stage::Stable) {
            Stage::Offered(pending) => pending,
            other => {
                self.negotiation.stage = other;
                return Err(self.out_of_order("accept"));
            }
        };
        let credentials = self.negotiation.credentials.clone();
        let applied = description::read(sdp, Kind::Answer, None).and_then(|remote| {
            self.transport.accept_answer(pending, &remote, &credentials)?;
            self.transport.payload_type().map(|_| remote).ok_or_else(no_opus)
        });
        match applied {
            Ok(remote) => {
                self.note_their_direction(&remote, now);
                self.step(Step::Answered, now);
                self.conclude(Box::new(remote), now);
                Ok(())
            }
            Err(error) => {
                self.end(EndReason::Unsupported(Side::Us), Some(HangupReason::Error), now);
                Err(error)
            }
        }
    }

    /// The other side's offer in a call under way.
    pub(super) fn on_update(&mut self, sdp: &str, now: Instant) -> Result<(), CallError> {
        if !self.negotiation.is_remote_known() {
            return Err(self.out_of_order("update"));
        }
        let remote = description::read(sdp, Kind::Offer, self.negotiation.remote.as_deref())?;
        self.negotiation.roll_back(Stage::Overtaken { since: now });
        let sdp = self.answer(&remote, now)?;
        self.send(ClientMessage::Updated { call: self.id().clone(), sdp: sdp.into() });
        self.conclude(Box::new(remote), now);
        self.send_wanted_update(now);
        Ok(())
    }

    /// The other side's answer to an update of ours.
    pub(super) fn on_updated(&mut self, sdp: &str, now: Instant) -> Result<(), CallError> {
        let update = match mem::replace(&mut self.negotiation.stage, Stage::Stable) {
            Stage::Updating { update, .. } => update,
            other => {
                self.negotiation.stage = other;
                return Err(self.out_of_order("updated"));
            }
        };
        let remote = description::read(sdp, Kind::Answer, self.negotiation.remote.as_deref())?;
        if let Update::Restart(pending, credentials) = update
            && self.transport.accept_answer(pending, &remote, &credentials)?
        {
            self.negotiation.credentials = credentials;
            self.addresses.restart();
        }
        self.note_their_direction(&remote, now);
        self.conclude(Box::new(remote), now);
        self.send_wanted_update(now);
        Ok(())
    }

    /// The switchboard let the other side's update go first.
    pub(super) fn on_update_refused(&mut self, now: Instant) {
        match self.negotiation.stage {
            Stage::Overtaken { .. } => {
                self.negotiation.stage = Stage::Stable;
                self.send_wanted_update(now);
            }
            // Theirs is still to come, and ours follows our answer to it.
            _ => self.negotiation.roll_back(Stage::Stable),
        }
    }

    /// Takes an update that was never answered for lost, and makes it again.
    pub(super) fn retry_update(&mut self, now: Instant) {
        if self.negotiation.deadline().is_some_and(|at| at <= now) {
            self.negotiation.roll_back(Stage::Stable);
            self.negotiation.stage = Stage::Stable;
            self.send_wanted_update(now);
        }
    }

    pub(super) fn want_direction(&mut self, now: Instant) {
        self.negotiation.wanted.direction = true;
        self.send_wanted_update(now);
    }

    /// Sends an update if one is wanted and none is under way. One that restarts ICE carries the direction too.
    pub(super) fn send_wanted_update(&mut self, now: Instant) {
        let wanted = self.negotiation.wanted;
        if !matches!(self.negotiation.stage, Stage::Stable)
            || !self.state().is_established()
            || !(wanted.direction || wanted.restart)
        {
            return;
        }
        let restart = wanted.restart.then(|| self.transport.restart_offer()).flatten();
        let (update, credentials) = match restart {
            Some(pending) => {
                let credentials = self.config.entropy.credentials(self.negotiation.generations);
                self.negotiation.generations += 1;
                (Update::Restart(pending, credentials.clone()), credentials)
            }
            None => (Update::Direction, self.negotiation.credentials.clone()),
        };
        self.negotiation.wanted = Wanted::default();
        let version = self.next_version();
        let last = mem::take(&mut self.negotiation.local);
        let text = description::truthful_offer(&last, &self.config.audio, version).unwrap_or(last);
        let sdp = self.dress(&text, &credentials, self.wished_direction(), true).into();
        self.negotiation.stage = Stage::Updating { update, since: now };
        self.send(ClientMessage::Update { call: self.id().clone(), sdp });
    }

    /// Dresses a truthful text as our next description.
    fn dress(&mut self, text: &str, credentials: &Credentials, direction: Direction, offers: bool) -> String {
        let candidates = self.addresses.local_lines();
        let audio = &self.config.audio;
        let ours = [
            (sdp::SHORT_TAGS, (offers && audio.short_tags) || self.transport.has_short_tags()),
            (sdp::SHORT_HEADERS, (offers && audio.short_headers) || self.transport.has_short_headers()),
            (sdp::REMB, offers || self.transport.has_remb()),
        ];
        let ours: Vec<_> = ours.into_iter().filter(|(_, said)| *said).map(|(name, _)| name).collect();
        let text =
            Dress { credentials, candidates: &candidates, direction, offers, ours: &ours }.put_on(text);
        self.negotiation.local.clone_from(&text);
        text
    }

    fn next_version(&mut self) -> u64 {
        self.negotiation.version += 1;
        self.negotiation.version
    }

    /// What we want now: the call's direction, or nothing while we hold.
    fn wished_direction(&self) -> Direction {
        if self.hold().is_some_and(Hold::is_ours) { Direction::Neither } else { self.config.direction }
    }

    /// Finds out whether the other side holds. An answer to an offer of ours that holds is only its echo.
    fn note_their_direction(&mut self, remote: &Remote, now: Instant) {
        let is_echo = remote.kind == Kind::Answer && self.hold().is_some_and(Hold::is_ours);
        if is_echo {
            return;
        }
        let direction = description::direction(remote);
        let wish = *self.negotiation.their_wish.get_or_insert(direction);
        let holds = (wish.receives() && !direction.receives())
            || (wish != Direction::Neither && direction == Direction::Neither);
        self.change_hold(Side::Them, holds, now);
    }

    /// A description of theirs is in force: takes its candidates, and tells what is agreed if that is news.
    fn conclude(&mut self, remote: Box<Remote>, now: Instant) {
        let negotiated = Negotiated {
            direction: self.wished_direction().met_by(description::direction(&remote)),
            payload_type: self.transport.payload_type().map_or(0, |pt| *pt),
            red: self.transport.has_red(),
            short_tags: self.transport.has_short_tags(),
            short_headers: self.transport.has_short_headers(),
            ..description::negotiated(&remote)
        };
        if self.negotiation.last.as_ref() != Some(&negotiated) {
            self.negotiation.last = Some(negotiated.clone());
            self.tell(CallEvent::Negotiated(negotiated));
        }
        self.on_described_candidates(&remote.candidates);
        self.negotiation.remote = Some(remote);
        self.kick(now);
    }

    /// What is agreed, once it is.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiation.last.as_ref()
    }
}

fn no_opus() -> CallError {
    CallError::Engine("expected Opus at 48 kHz with two channels, found no such codec".into())
}
