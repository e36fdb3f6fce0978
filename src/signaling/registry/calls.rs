//! Calls: what each message does in each state, and to whom it goes.

use std::time::Instant;

use super::super::code::ErrorCode;
use super::super::id::{CallId, PeerId};
use super::super::message::{Candidate, ClaimedCall, ClientMessage, ServerMessage};
use super::super::reason::{DeclineReason, EndReason, HangupReason};
use super::super::secret::Opaque;
use super::delivery::Refusal;
use super::session::{Call, CallState, Side};
use super::switch::Registry;
use super::timers::Timer;

impl Registry {
    pub(super) fn on_call_message(
        &mut self,
        from: &PeerId,
        message: ClientMessage,
        now: Instant,
    ) -> Result<(), Refusal> {
        match message {
            ClientMessage::Call { call, to, sdp } => self.on_call(from, call, to, sdp, now),
            ClientMessage::Ringing { call } => self.on_ringing(from, call),
            ClientMessage::Accept { call, sdp } => self.on_accept(from, call, sdp),
            ClientMessage::Decline { call, reason } => self.on_decline(from, call, reason),
            ClientMessage::Candidate(candidate) => self.on_candidate(from, candidate),
            ClientMessage::Update { call, sdp } => self.on_update(from, call, sdp),
            ClientMessage::Updated { call, sdp } => self.on_updated(from, call, sdp),
            ClientMessage::Hangup { call, reason } => self.on_hangup(from, call, reason),
            ClientMessage::Register(_) | ClientMessage::Unregister => Ok(()),
        }
    }

    fn on_call(
        &mut self,
        from: &PeerId,
        call: CallId,
        to: PeerId,
        sdp: Opaque,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.check_sdp(&sdp)?;
        if self.calls.contains_key(&call) {
            return Err(Refusal::new(ErrorCode::CallIdTaken, format!("a call {call} exists already")));
        }
        if *from == to {
            return Err(Refusal::new(ErrorCode::SelfCall, format!("{to} can't call itself")));
        }
        if !self.sessions.contains_key(&to) {
            return Err(Refusal::new(ErrorCode::UnknownPeer, format!("no peer {to} is registered")));
        }
        if let Some(existing) = self.call_between(from, &to) {
            let survives = self.resolve_glare(from, &to, &call, existing)?;
            if !survives {
                return Ok(());
            }
        }
        self.check_room(from, ErrorCode::TooManyCalls)?;
        self.check_room(&to, ErrorCode::CalleeBusy)?;
        self.counters.calls += 1;
        self.insert_call(&call, from, &to, CallState::Offered, now);
        self.deliver(&to, ServerMessage::Call { call, from: from.clone(), sdp });
        Ok(())
    }

    /// `from` calls `to` with `call`, and the two have a call already. If that one was made by `to` and
    /// waits for its answer, both called each other: the call of the peer with the smaller id
    /// survives. Returns whether the new call does.
    fn resolve_glare(
        &mut self,
        from: &PeerId,
        to: &PeerId,
        call: &CallId,
        existing: CallId,
    ) -> Result<bool, Refusal> {
        let (state, is_theirs) = match self.calls.get(&existing) {
            Some(known) => (known.state, known.caller == *to),
            None => return Ok(true),
        };
        if state == CallState::Claimed && is_theirs {
            // Who calls anew remembers no earlier call, so the other's claim is void.
            self.end_call(&existing, Some(from), EndReason::PeerGone);
            return Ok(true);
        }
        if !state.is_pending() || !is_theirs {
            return Err(Refusal::new(
                ErrorCode::AlreadyInCall,
                format!("{from} and {to} have a call already: {existing}"),
            ));
        }
        let survives = from < to;
        if survives {
            self.end_call(&existing, None, EndReason::Glare);
        } else {
            self.counters.count_end(EndReason::Glare);
            self.deliver(from, ServerMessage::Hangup { call: call.clone(), reason: EndReason::Glare });
        }
        Ok(survives)
    }

    fn on_ringing(&mut self, from: &PeerId, call: CallId) -> Result<(), Refusal> {
        let (known, side) = self.call_of(from, &call)?;
        match (known.state, side) {
            (CallState::Offered, Side::Callee) => known.state = CallState::Ringing,
            (state, side) => return Err(wrong_state("ringing", state, side)),
        }
        self.pass_on(side, call.clone(), ServerMessage::Ringing { call });
        Ok(())
    }

    fn on_accept(&mut self, from: &PeerId, call: CallId, sdp: Opaque) -> Result<(), Refusal> {
        self.check_sdp(&sdp)?;
        let (known, side) = self.call_of(from, &call)?;
        match (known.state, side) {
            (CallState::Offered | CallState::Ringing, Side::Callee) => {
                known.state = CallState::Live { updating: None };
            }
            (state, side) => return Err(wrong_state("accept", state, side)),
        }
        self.counters.answered += 1;
        self.timers.clear(&Timer::Pending(call.clone()));
        self.pass_on(side, call.clone(), ServerMessage::Accept { call, sdp });
        Ok(())
    }

    fn on_decline(&mut self, from: &PeerId, call: CallId, reason: DeclineReason) -> Result<(), Refusal> {
        let (known, side) = self.call_of(from, &call)?;
        if !(known.state.is_pending() && side == Side::Callee) {
            return Err(wrong_state("decline", known.state, side));
        }
        self.counters.declined += 1;
        self.pass_on(side, call.clone(), ServerMessage::Decline { call: call.clone(), reason });
        self.remove_call(&call);
        Ok(())
    }

    fn on_candidate(&mut self, from: &PeerId, candidate: Candidate) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        let (byte_limit, count_limit) = (limits.candidate_bytes, limits.candidates_per_call);
        let bytes = candidate.candidate.len() + candidate.mid.as_ref().map_or(0, String::len);
        if bytes > byte_limit {
            return Err(Refusal::new(
                ErrorCode::CandidateTooLarge,
                format!("expected at most {byte_limit} bytes in a candidate, found {bytes}"),
            ));
        }
        let call = candidate.call.clone();
        let (known, side) = self.call_of(from, &call)?;
        if known.state == CallState::Claimed {
            return Err(wrong_state("candidate", known.state, side));
        }
        let count = &mut known.candidates[side as usize];
        if *count >= count_limit {
            return Err(Refusal::new(
                ErrorCode::TooManyCandidates,
                format!("expected at most {count_limit} candidates in a call; this one was dropped"),
            ));
        }
        *count += 1;
        self.pass_on(side, call, ServerMessage::Candidate(candidate));
        Ok(())
    }

    fn on_update(&mut self, from: &PeerId, call: CallId, sdp: Opaque) -> Result<(), Refusal> {
        self.check_sdp(&sdp)?;
        let (known, side) = self.call_of(from, &call)?;
        match known.state {
            CallState::Live { updating: None } => {
                known.state = CallState::Live { updating: Some(side) };
                known.candidates = [0, 0];
            }
            CallState::Live { updating: Some(updating) } if updating != side => {
                return Err(Refusal::new(
                    ErrorCode::UpdatePending,
                    "the other peer's update came first: answer it with `updated`, then try again".to_owned(),
                ));
            }
            state => return Err(wrong_state("update", state, side)),
        }
        self.pass_on(side, call.clone(), ServerMessage::Update { call, sdp });
        Ok(())
    }

    fn on_updated(&mut self, from: &PeerId, call: CallId, sdp: Opaque) -> Result<(), Refusal> {
        self.check_sdp(&sdp)?;
        let (known, side) = self.call_of(from, &call)?;
        match known.state {
            CallState::Live { updating: Some(updating) } if updating != side => {
                known.state = CallState::Live { updating: None };
            }
            state => return Err(wrong_state("updated", state, side)),
        }
        self.pass_on(side, call.clone(), ServerMessage::Updated { call, sdp });
        Ok(())
    }

    fn on_hangup(&mut self, from: &PeerId, call: CallId, reason: HangupReason) -> Result<(), Refusal> {
        self.call_of(from, &call)?;
        self.end_call(&call, Some(from), reason.into());
        Ok(())
    }

    /// A call was not answered, or only one of its peers claimed it.
    pub(super) fn on_pending_timeout(&mut self, call: &CallId) {
        let reason = match self.calls.get(call).map(|known| known.state) {
            Some(CallState::Claimed) => EndReason::PeerGone,
            _ => EndReason::Timeout,
        };
        self.end_call(call, None, reason);
    }

    /// Takes up calls that a peer says were live before this server knew it. A call stands once both
    /// of its peers have named it; until then it waits for the grace time.
    pub(super) fn take_claims(&mut self, id: &PeerId, claims: Vec<ClaimedCall>, now: Instant) {
        for ClaimedCall { call, with } in claims.into_iter().take(self.config.limits.calls_per_peer) {
            if with == *id {
                continue;
            }
            match self.calls.get_mut(&call) {
                None => self.insert_call(&call, id, &with, CallState::Claimed, now),
                Some(known)
                    if known.state == CallState::Claimed && known.caller == with && known.callee == *id =>
                {
                    known.state = CallState::Live { updating: None };
                    self.timers.clear(&Timer::Pending(call.clone()));
                    if let Some(session) = self.sessions.get_mut(id) {
                        session.calls.insert(call);
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Ends a call and tells its peers, all but `except`.
    pub(super) fn end_call(&mut self, call: &CallId, except: Option<&PeerId>, reason: EndReason) {
        let Some(known) = self.remove_call(call) else { return };
        self.counters.count_end(reason);
        for peer in [&known.caller, &known.callee] {
            // Whoever hasn't claimed a call doesn't know of it here.
            let is_told =
                except != Some(peer) && !(known.state == CallState::Claimed && *peer == known.callee);
            if is_told {
                self.deliver(peer, ServerMessage::Hangup { call: call.clone(), reason });
            }
        }
    }

    fn insert_call(
        &mut self,
        call: &CallId,
        caller: &PeerId,
        callee: &PeerId,
        state: CallState,
        now: Instant,
    ) {
        let (time, peers): (_, &[&PeerId]) = match state {
            CallState::Claimed => (self.config.grace, &[caller]),
            _ => (self.config.limits.pending_call_time, &[caller, callee]),
        };
        for peer in peers {
            if let Some(session) = self.sessions.get_mut(*peer) {
                session.calls.insert(call.clone());
            }
        }
        self.timers.set(Timer::Pending(call.clone()), now + time);
        let known = Call { caller: caller.clone(), callee: callee.clone(), state, candidates: [0, 0] };
        self.calls.insert(call.clone(), known);
    }

    fn remove_call(&mut self, call: &CallId) -> Option<Call> {
        let known = self.calls.remove(call)?;
        self.timers.clear(&Timer::Pending(call.clone()));
        for peer in [&known.caller, &known.callee] {
            if let Some(session) = self.sessions.get_mut(peer) {
                session.calls.remove(call);
            }
        }
        Some(known)
    }

    /// Sends a message to the other end of a call.
    fn pass_on(&mut self, from: Side, call: CallId, message: ServerMessage) {
        if let Some(to) = self.calls.get(&call).map(|known| known.peer(from.other()).clone()) {
            self.deliver(&to, message);
        }
    }

    /// The call that two peers have with each other.
    fn call_between(&self, one: &PeerId, other: &PeerId) -> Option<CallId> {
        let has_both = |call: &&CallId| {
            self.calls.get(*call).is_some_and(|c| c.side_of(one).is_some() && c.side_of(other).is_some())
        };
        let calls_of = |peer| self.sessions.get(peer).map(|session| &session.calls);
        // A claimed call stands only with the peer that claimed it.
        [one, other].into_iter().filter_map(calls_of).flatten().find(has_both).cloned()
    }

    /// A call by its id, and which end of it `from` is.
    fn call_of(&mut self, from: &PeerId, call: &CallId) -> Result<(&mut Call, Side), Refusal> {
        let known = self.calls.get_mut(call);
        known
            .and_then(|known| {
                let side = known.side_of(from)?;
                (known.state != CallState::Claimed || side == Side::Caller).then_some((known, side))
            })
            .ok_or_else(|| Refusal::new(ErrorCode::UnknownCall, format!("{from} has no call {call}")))
    }

    fn check_sdp(&self, sdp: &Opaque) -> Result<(), Refusal> {
        let limit = self.config.limits.sdp_bytes;
        if sdp.len() > limit {
            return Err(Refusal::new(
                ErrorCode::SdpTooLarge,
                format!("expected at most {limit} bytes in `sdp`, found {}", sdp.len()),
            ));
        }
        Ok(())
    }

    /// Whether a peer may have one more call that waits for its answer.
    fn check_room(&self, peer: &PeerId, code: ErrorCode) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get(peer) else { return Ok(()) };
        let is_pending = |call: &&CallId| self.calls.get(*call).is_some_and(|c| c.state.is_pending());
        let pending = session.calls.iter().filter(is_pending).count();
        let limits = &self.config.limits;
        if pending >= limits.pending_calls_per_peer || session.calls.len() >= limits.calls_per_peer {
            return Err(Refusal::new(
                code,
                format!(
                    "expected at most {} unanswered calls and {} calls in all for a peer; {peer} has {pending} and {}",
                    limits.pending_calls_per_peer,
                    limits.calls_per_peer,
                    session.calls.len()
                ),
            ));
        }
        Ok(())
    }
}

/// The refusal of a message that its sender can't send in this state of the call.
fn wrong_state(kind: &str, state: CallState, side: Side) -> Refusal {
    let side = match side {
        Side::Caller => "the caller",
        Side::Callee => "the callee",
    };
    let state = match state {
        CallState::Offered => "offered",
        CallState::Ringing => "ringing",
        CallState::Live { updating: None } => "live",
        CallState::Live { updating: Some(_) } => "live with an update under way",
        CallState::Claimed => "waiting for the other peer to come back",
    };
    Refusal::new(ErrorCode::WrongState, format!("{side} can't send `{kind}` while the call is {state}"))
}
