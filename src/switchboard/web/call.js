// One call: its states, its negotiation, its connection.
//
//   outgoing   dialing -> ringing -> connecting -> connected <-> held, reconnecting -> ended
//   incoming              ringing -> connecting -> connected <-> held, reconnecting -> ended
//
// What comes from the switchboard goes in by `handle*`; what the person wants by `dial`, `accept`, `mute`, `hold`,
// `hangUp`; what must be sent goes out through `send`. Everything that touches the descriptions runs in one queue,
// because a hold, an ICE restart and the other side's update may meet.

import { askForFrames, readDirection, readOpus } from './opus.js';

/** Nobody lets a phone ring longer; the switchboard's own limit is no shorter. */
const RING_TIMEOUT_MS = 60_000;
/** From the answer to the first open path: TURN over TCP on a slow network needs a few seconds, never this many. */
const CONNECT_TIMEOUT_MS = 20_000;
/** A path that is gone for this long does not come back; without a switchboard nothing can bring it back. */
const LOST_TIMEOUT_MS = 30_000;
const LOST_TIMEOUT_DETACHED_MS = 5_000;
/** The caller restarts ICE first; the callee waits a little longer, so that the two rarely meet. */
const RESTART_AFTER_MS = { caller: 1_500, callee: 3_500 };
const RESTART_AGAIN_MS = 6_000;
/** An update that the other side never answers is taken back. */
const UPDATE_TIMEOUT_MS = 10_000;
/** Refusals after which there is no such call. */
const ENDING_CODES = new Set(['unknown_peer', 'self_call', 'already_in_call', 'too_many_calls', 'callee_busy', 'unknown_call', 'call_id_taken', 'sdp_too_large']);
/** Candidates kept until the description that they belong to is there. */
const CANDIDATES_MAX = 64;

export class Call {
  #pc;
  #send;
  #changed;
  #ended;
  #frameMs;
  #tail = Promise.resolve();
  #phase;
  #linkUp = true;
  #silent = false;
  #described = false;
  #outbox = [];
  #inbox = [];
  #timers = {};
  #negotiateAgain = false;
  #peerTook = true;
  #holdAgreed = false;

  muted = false;
  /** Who holds the call: `here`, `there`, both or neither. */
  hold = { here: false, there: false };
  peerSpeaks = true;
  peerListens = true;
  startedAt = Date.now();
  connectedAt = null;
  localTrack = null;
  remoteTrack = null;
  /** True while the switchboard does not know the call: media goes on, nothing can be negotiated. */
  detached = false;

  /**
   * `send(message)` to the switchboard; `changed()` after anything that shows; `ended({ reason, there })` once,
   * `there` telling which side ended it.
   */
  constructor({ id, peer, incoming, iceServers, icePolicy, frameMs, send, changed, ended }) {
    this.id = id;
    this.peer = peer;
    this.incoming = incoming;
    this.#frameMs = frameMs;
    this.#send = send;
    this.#changed = changed;
    this.#ended = ended;
    this.#phase = incoming ? 'ringing' : 'dialing';
    this.#pc = connect(iceServers, icePolicy);
    this.#pc.onicecandidate = event => this.#onLocalCandidate(event.candidate);
    this.#pc.onconnectionstatechange = () => this.#onConnectionState();
    this.#pc.ontrack = event => this.#onTrack(event);
    this.#after('ring', RING_TIMEOUT_MS, () => this.hangUp('timeout'));
  }

  get connection() { return this.#pc; }

  /** Servers whose credentials are fresh; what is connected stays as it is. */
  useIceServers(iceServers) {
    try {
      this.#pc.setConfiguration({ ...this.#pc.getConfiguration(), iceServers });
    } catch (error) {
      console.warn('the new ICE servers are unusable:', error);
    }
  }

  get state() {
    if (this.#phase !== 'live') return this.#phase;
    if (this.#isLost) return 'reconnecting';
    return this.hold.here || this.hold.there ? 'held' : 'connected';
  }

  get over() { return this.#phase === 'ended'; }
  get answered() { return this.#phase === 'connecting' || this.#phase === 'live'; }

  /** What each side asked of the other's Opus, and the descriptions themselves: for the page and for tests. */
  descriptions() {
    const local = this.#pc.localDescription?.sdp ?? null;
    const remote = this.#pc.remoteDescription?.sdp ?? null;
    return { local, remote, sent: this.sentSdp ?? null, opusWanted: readOpus(this.sentSdp), opusAsked: readOpus(remote) };
  }

  // What the person wants.

  /** Places the call; without a track it only listens. */
  dial(track) {
    return this.#inOrder(async () => {
      this.localTrack = track;
      this.#pc.addTransceiver(track ?? 'audio', { direction: track ? 'sendrecv' : 'recvonly', sendEncodings: [{ priority: 'high', networkPriority: 'high' }] });
      const offer = await this.#pc.createOffer();
      await this.#pc.setLocalDescription(offer);
      this.#say('call', offer.sdp, { to: this.peer });
    });
  }

  /** Takes the call; without a track it only listens. */
  accept(track) {
    if (!this.incoming || this.#phase !== 'ringing') return this.#tail;
    this.#enter('connecting');
    return this.#inOrder(async () => {
      this.localTrack = track;
      const transceiver = this.#audio();
      transceiver.direction = track ? 'sendrecv' : 'recvonly';
      if (track) await transceiver.sender.replaceTrack(track);
      const answer = await this.#pc.createAnswer();
      await this.#pc.setLocalDescription(answer);
      this.#say('accept', answer.sdp);
      this.#watchTransport();
    });
  }

  decline(reason = 'declined') {
    if (this.over) return;
    this.#send({ type: 'decline', call: this.id, reason });
    this.#end(reason, false);
  }

  hangUp(reason = 'normal') {
    if (this.over) return;
    this.#send({ type: 'hangup', call: this.id, reason });
    this.#end(reason, false);
  }

  mute(muted) {
    this.muted = muted;
    this.#gate();
    this.#changed();
  }

  setHold(held) {
    if (!this.answered || this.detached || held === this.hold.here) return;
    this.hold.here = held;
    this.#gate();
    this.#changed();
    this.#inOrder(() => this.#negotiate());
  }

  /** Gives the call a microphone, takes it away (null), or changes it, while it goes on. */
  useTrack(track) {
    this.localTrack = track;
    this.#gate();
    return this.#inOrder(async () => {
      const transceiver = this.#audio();
      if (!transceiver) return;
      await transceiver.sender.replaceTrack(track);
      // A microphone that comes or goes changes what the other side may expect to hear.
      if (transceiver.direction !== this.#wantedDirection()) await this.#negotiate();
      this.#changed();
    });
  }

  // What the switchboard brings.

  /** The offer of an incoming call; declines by itself what cannot be taken. */
  handleOffer(sdp) {
    this.#inOrder(async () => {
      try {
        await this.#pc.setRemoteDescription({ type: 'offer', sdp });
      } catch {
        this.decline('unsupported');
        return;
      }
      if (readDirection(sdp) === null || !this.#audio()) {
        this.decline('unsupported');
        return;
      }
      this.#noteOffer(sdp, true);
      this.#send({ type: 'ringing', call: this.id });
      await this.#openInbox();
    });
  }

  handleRinging() {
    if (this.#phase === 'dialing') this.#enter('ringing');
  }

  handleAccept(sdp) {
    if (this.incoming || this.answered || this.over) return;
    this.#enter('connecting');
    this.#inOrder(async () => {
      try {
        await this.#pc.setRemoteDescription({ type: 'answer', sdp });
      } catch {
        this.hangUp('error');
        return;
      }
      this.#noteAnswer(sdp, true);
      this.#watchTransport();
      await this.#openInbox();
      await this.#maybeAgain();
    });
  }

  handleDecline(reason) { this.#end(reason ?? 'declined', true); }

  /** A peer whose own line to the switchboard broke for good can still be talking: the media decides then. */
  handleHangup(reason) {
    if (reason === 'peer_gone' && this.#phase === 'live' && !this.#isLost) this.#detach();
    else this.#end(reason ?? 'normal', true);
  }

  handleCandidate({ candidate, mid, mline }) {
    if (typeof candidate !== 'string') return;
    const init = { candidate, sdpMid: mid ?? null, sdpMLineIndex: mline ?? (mid == null ? 0 : null) };
    this.#inOrder(async () => {
      if (this.#pc.remoteDescription) await this.#addCandidate(init);
      else if (this.#inbox.length < CANDIDATES_MAX) this.#inbox.push(init);
    });
  }

  /**
   * The other side re-negotiates. When both do at once the switchboard passes on the first and refuses the second:
   * ours is taken back here, and tried again when the refusal arrives.
   */
  handleUpdate(sdp) {
    this.#inOrder(async () => {
      await this.#takeBack();
      await this.#pc.setRemoteDescription({ type: 'offer', sdp });
      this.#noteOffer(sdp, false);
      const answer = await this.#pc.createAnswer();
      await this.#pc.setLocalDescription(answer);
      this.#say('updated', answer.sdp);
      this.#changed();
      await this.#maybeAgain();
    });
  }

  handleUpdated(sdp) {
    this.#inOrder(async () => {
      if (this.#pc.signalingState !== 'have-local-offer') return;
      this.#stop('update');
      await this.#pc.setRemoteDescription({ type: 'answer', sdp });
      this.#noteAnswer(sdp, false);
      this.#holdAgreed = this.hold.here;
      this.#changed();
      await this.#maybeAgain();
    });
  }

  /** The switchboard refused something about this call, which goes on where it can. */
  handleError(code) {
    if (ENDING_CODES.has(code) && this.connectedAt === null) this.#end('failed', true);
    else if (code === 'unknown_call') this.#detach();
    else if (code === 'update_pending') this.#inOrder(() => this.#askAgain());
    else if (code === 'wrong_state' || code === 'sdp_too_large') this.#inOrder(() => this.#giveUpUpdate());
    else if (code === 'rate_limited' && this.#phase === 'dialing') this.#end('failed', true);
  }

  /** Ends without telling the switchboard, which knows or must not know. */
  drop(reason) { this.#end(reason, true); }

  // Negotiation.

  async #negotiate() {
    if (this.over || this.detached) return;
    if (this.#pc.signalingState !== 'stable') {
      this.#negotiateAgain = true;
      return;
    }
    this.#audio().direction = this.#wantedDirection();
    const offer = await this.#pc.createOffer();
    await this.#pc.setLocalDescription(offer);
    this.#say('update', offer.sdp);
    this.#after('update', UPDATE_TIMEOUT_MS, () => this.#inOrder(() => this.#giveUpUpdate()));
  }

  async #maybeAgain() {
    if (!this.#negotiateAgain) return;
    this.#negotiateAgain = false;
    await this.#negotiate();
  }

  async #askAgain() {
    await this.#takeBack();
    await this.#negotiate();
  }

  /** A hold that the other side never heard of is none. */
  async #giveUpUpdate() {
    if (this.#pc.signalingState !== 'have-local-offer') return;
    await this.#takeBack();
    this.hold.here = this.#holdAgreed;
    this.#gate();
    this.#changed();
  }

  async #takeBack() {
    this.#stop('update');
    if (this.#pc.signalingState === 'have-local-offer') await this.#pc.setLocalDescription({ type: 'rollback' });
  }

  /** The switchboard does not know the call (any more): media goes on as it is. */
  #detach() {
    this.detached = true;
    this.#inOrder(() => this.#giveUpUpdate());
    this.#changed();
  }

  /** RFC 3264, section 8.4: who holds stops receiving and goes on sending, here silence. */
  #wantedDirection() {
    const speaks = this.localTrack !== null;
    if (this.hold.here) return speaks ? 'sendonly' : 'inactive';
    return speaks ? 'sendrecv' : 'recvonly';
  }

  #noteOffer(sdp, first) {
    const direction = readDirection(sdp) ?? 'inactive';
    this.#notePeer(direction.startsWith('send'), direction.endsWith('recv') || direction === 'recvonly', first);
  }

  /** An answer to an offer that sends nothing says nothing about whether its author would listen. */
  #noteAnswer(sdp, first) {
    const direction = readDirection(sdp) ?? 'inactive';
    const offered = readDirection(this.sentSdp) ?? 'sendrecv';
    const listens = offered.startsWith('send') ? direction.endsWith('recv') || direction === 'recvonly' : this.peerListens;
    const speaks = offered.endsWith('recv') || offered === 'recvonly' ? direction.startsWith('send') : this.peerSpeaks;
    this.#notePeer(speaks, listens, first);
  }

  /** A peer that listened and no longer does is holding; one that never did is made that way. */
  #notePeer(speaks, listens, first) {
    this.#peerTook = first ? listens : this.#peerTook || listens;
    this.hold.there = this.#peerTook && !listens;
    this.peerListens = listens || this.hold.there;
    this.peerSpeaks = speaks || this.hold.there;
  }

  #say(type, sdp, more = {}) {
    this.sentSdp = askForFrames(sdp, this.#frameMs);
    this.#send({ type, call: this.id, ...more, sdp: this.sentSdp });
    this.#described = true;
    for (const waiting of this.#outbox.splice(0)) this.#send(waiting);
  }

  // Candidates.

  #onLocalCandidate(candidate) {
    // Some browsers also give an empty candidate of their own before the final null.
    if (candidate && candidate.candidate === '') return;
    const message = candidate
      ? { type: 'candidate', call: this.id, candidate: candidate.candidate, mid: candidate.sdpMid, mline: candidate.sdpMLineIndex }
      : { type: 'candidate', call: this.id, candidate: '' };
    if (this.over) return;
    if (this.#described) this.#send(message);
    else if (this.#outbox.length < CANDIDATES_MAX) this.#outbox.push(message);
  }

  async #openInbox() {
    for (const init of this.#inbox.splice(0)) await this.#addCandidate(init);
  }

  async #addCandidate(init) {
    try {
      await this.#pc.addIceCandidate(init);
    } catch {
      // A candidate of an earlier ICE generation, or of a kind this browser does not know: the others remain.
    }
  }

  // Connection.

  #onTrack({ track, receiver }) {
    this.remoteTrack = track;
    // The browser's own jitter buffer, held as short as the network allows.
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    else if ('playoutDelayHint' in receiver) receiver.playoutDelayHint = 0;
    this.#changed();
  }

  #onConnectionState() {
    if (this.over) return;
    const state = this.#pc.connectionState;
    if (state === 'connected') this.#linked();
    else if (state === 'disconnected' || state === 'failed') {
      this.#linkUp = false;
      const patience = RESTART_AFTER_MS[this.incoming ? 'callee' : 'caller'];
      this.#unlinked(state === 'failed' && !this.incoming ? 0 : patience);
    }
  }

  /** Packets have stopped coming although the other side should be speaking; or they come again. */
  handleSilence(silent) {
    if (this.over || silent === this.#silent) return;
    this.#silent = silent;
    if (silent) this.#unlinked(RESTART_AFTER_MS[this.incoming ? 'callee' : 'caller']);
    else if (this.#linkUp) this.#linked();
  }

  get #isLost() { return !this.#linkUp || this.#silent; }

  #linked() {
    this.#stop('connect');
    this.#linkUp = true;
    this.connectedAt ??= Date.now();
    if (!this.#silent) {
      this.#stop('restart');
      this.#stop('lost');
    }
    this.#enter('live');
  }

  #unlinked(restartAfterMs) {
    if (!this.#timers.lost) this.#after('lost', this.detached ? LOST_TIMEOUT_DETACHED_MS : LOST_TIMEOUT_MS, () => this.hangUp('lost'));
    this.#after('restart', restartAfterMs, () => this.#restart());
    this.#changed();
  }

  #restart() {
    this.#after('restart', RESTART_AGAIN_MS, () => this.#restart());
    this.#inOrder(async () => {
      if (!this.#isLost || this.detached) return;
      this.#pc.restartIce();
      await this.#negotiate();
    });
  }

  /** The far end closing its side of DTLS is a goodbye that needs no switchboard. */
  #watchTransport() {
    const transport = this.#audio()?.sender.transport;
    if (transport) transport.onstatechange = () => { if (transport.state === 'closed') this.#end('normal', true); };
  }

  // Small parts.

  #audio() {
    return this.#pc.getTransceivers().find(one => one.receiver.track.kind === 'audio') ?? null;
  }

  /** What is muted or on hold is silenced at the track, at once, whatever the other side answers. */
  #gate() {
    if (this.localTrack) this.localTrack.enabled = !this.muted && !this.hold.here;
  }

  #enter(phase) {
    if (this.over) return;
    if (phase === 'connecting') {
      this.#stop('ring');
      this.#after('connect', CONNECT_TIMEOUT_MS, () => this.hangUp('error'));
    }
    this.#phase = phase;
    this.#changed();
  }

  #end(reason, there) {
    if (this.over) return;
    for (const name of Object.keys(this.#timers)) this.#stop(name);
    this.#phase = 'ended';
    this.#pc.onconnectionstatechange = null;
    this.#pc.onicecandidate = null;
    this.#pc.close();
    this.localTrack?.stop();
    this.#ended({ reason, there });
  }

  #inOrder(task) {
    this.#tail = this.#tail.then(() => (this.over ? undefined : task())).catch(error => {
      if (this.over) return;
      console.warn('negotiation failed:', error);
      if (!this.answered || this.connectedAt === null) this.hangUp('error');
    });
    return this.#tail;
  }

  #after(name, ms, act) {
    this.#stop(name);
    this.#timers[name] = setTimeout(() => {
      delete this.#timers[name];
      act();
    }, ms);
  }

  #stop(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }
}

/** A connection; servers that this browser cannot use are no reason to have none. */
function connect(iceServers, iceTransportPolicy) {
  const rest = { iceTransportPolicy, bundlePolicy: 'max-bundle' };
  try {
    return new RTCPeerConnection({ iceServers, ...rest });
  } catch (error) {
    console.warn('the ICE servers are unusable:', error);
    return new RTCPeerConnection(rest);
  }
}
