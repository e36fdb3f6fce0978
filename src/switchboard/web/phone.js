// The telephone: one line, at most one call, and the rules between them.
//
// A second caller hears `busy`. When both sides call each other at once the call of the smaller id survives and
// the other side takes it without ringing: both wanted to talk.

import { Call } from './call.js';
import { addToHistory } from './history.js';
import { MicrophoneError, openMicrophone } from './microphone.js';
import { QualityWatch } from './quality.js';
import { Line, newCallId } from './signaling.js';
import { refusalWords } from './words.js';

const QUALITY_EVERY_MS = 1_000;
/** Speech without a packet for this long has stopped: even a pausing sender (DTX) sends one every 400 ms. */
const SILENCE_MS = 3_000;
/** Silence of one whose line to the switchboard broke as well is not a bad network but a program that is gone. */
const GONE_MS = 5_000;
/** The call that survives glare follows the end of the other at once; much later it is a new call, and rings. */
const GLARE_MS = 3_000;
const NOBODY = { peer: null, until: 0 };
/** Ids shown at once; a switchboard with more is served by typing the name. */
const ONLINE_MAX = 500;

export class Phone {
  #tell;
  #settings;
  #iceServers = [];
  #icePolicy;
  #quality = null;
  #qualityTimer = 0;

  id = null;
  /** Everyone online but us: id -> `{ away }`. */
  online = new Map();
  call = null;
  figures = null;
  /** `{ state: 'idle' | 'asking' | 'open' | 'failed', error }` */
  microphone = { state: 'idle', error: null };

  /**
   * `icePolicy` is `all`, or `relay` for calls through a relay alone.
   * `tell(event, detail)`: `changed` after anything that shows, `notice` with a sentence, `incoming` and
   * `answered` with the call, `ended` with `{ call, reason, there }`. `settings()` gives the present choices.
   */
  constructor({ url, icePolicy, settings, tell }) {
    this.#icePolicy = icePolicy;
    this.#tell = tell;
    this.#settings = settings;
    this.line = new Line({ url, changed: () => this.#onLine(), received: message => this.#onMessage(message), claims: () => this.#claims() });
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#onDevices());
  }

  register(id, token) {
    this.call?.hangUp();
    this.id = id;
    this.online.clear();
    this.line.register(id, token);
  }

  unregister() {
    this.call?.hangUp();
    this.line.unregister();
    this.online.clear();
  }

  // What the person does.

  async dial(peer) {
    if (this.call) return this.#notice('You are on a call already.');
    if (peer === this.id) return this.#notice('That is you. Choose someone else to call.');
    if (!this.line.registered) return this.#notice('You are offline; the call can be placed once the switchboard is back.');
    const call = this.#newCall({ id: newCallId(), peer, incoming: false });
    const track = await this.#openMicrophone(call);
    if (!call.over) await call.dial(track);
    else track?.stop();
  }

  async accept() {
    const call = this.call;
    if (!call?.incoming || call.state !== 'ringing') return;
    this.#tell('answered', call);
    const track = await this.#openMicrophone(call);
    if (call.over) track?.stop();
    else await call.accept(track);
  }

  decline() { if (this.call?.incoming && this.call.state === 'ringing') this.call.decline(); }
  hangUp() { this.call?.hangUp(); }
  mute(muted) { this.call?.mute(muted); }

  hold(held) {
    if (this.call?.detached) this.#notice('The switchboard no longer knows this call, so it cannot be held.');
    else this.call?.setHold(held);
  }

  /** Another try at the microphone, in the call that goes on without one. */
  async retryMicrophone() {
    const call = this.call;
    if (!call?.answered && !(call && !call.incoming)) return;
    const old = call.localTrack;
    const track = await this.#openMicrophone(call);
    if (call.over) track?.stop();
    else if (track) {
      await call.useTrack(track);
      old?.stop();
    }
  }

  // What the switchboard brings.

  #onMessage(message) {
    switch (message.type) {
      case 'registered': return this.#onRegistered(message);
      case 'online': return this.#onPresence(message.id, { away: false });
      case 'away': return this.#onPresence(message.id, { away: true });
      case 'offline': return this.#onPresence(message.id, null);
      case 'call': return this.#onIncoming(message);
      case 'ice_servers': return this.#onIceServers(message.ice_servers);
      case 'error': return this.#onError(message);
      default: return this.#onCallMessage(message);
    }
  }

  #onRegistered({ id, resumed, online, away, calls, ice_servers: iceServers }) {
    this.id = id;
    const others = [...(online ?? []).map(other => [other, { away: false }]), ...(away ?? []).map(other => [other, { away: true }])];
    this.online = new Map(others.filter(([other]) => other !== id).slice(0, ONLINE_MAX));
    this.#onIceServers(iceServers);
    const call = this.call;
    if (call && (calls ?? []).includes(call.id)) call.detached = false;
    // What was under way in a forgotten session is lost; in a resumed one the rest is on its way.
    else if (call && !call.answered && !resumed) call.drop('lost');
    this.#changed();
  }

  /** Servers for the calls to come, and for the next ICE restart of the one that is. */
  #onIceServers(iceServers) {
    this.#iceServers = Array.isArray(iceServers) ? iceServers : [];
    this.call?.useIceServers(this.#iceServers);
  }

  /** What this page would tell a switchboard that lost its memory. */
  #claims() {
    return this.call?.connectedAt ? [{ call: this.call.id, with: this.call.peer }] : [];
  }

  #onPresence(id, presence) {
    if (typeof id !== 'string' || id === this.id) return;
    if (presence === null) this.online.delete(id);
    else if (this.online.has(id) || this.online.size < ONLINE_MAX) this.online.set(id, presence);
    this.#changed();
  }

  #onIncoming({ call: id, from, sdp }) {
    const mine = this.call;
    const glare = mine && !mine.incoming && !mine.answered && mine.peer === from;
    // Our own call survives; the switchboard ends theirs.
    if (glare && this.id < from) return;
    if (glare) mine.drop('glare');
    else if (mine) {
      this.line.send({ type: 'decline', call: id, reason: 'busy' });
      this.#log({ peer: from, incoming: true, at: Date.now(), seconds: null, outcome: 'busy' });
      this.#notice(`${from} called while you were on the line.`);
      return;
    }
    const call = this.#newCall({ id, peer: from, incoming: true });
    call.handleOffer(sdp);
    const { peer, until } = this.#expected;
    this.#expected = NOBODY;
    if (glare || (peer === from && Date.now() < until)) this.accept();
    else this.#tell('incoming', call);
  }

  /** The peer whose call we take without ringing, because ours to them lost to it; for as long as it may be on its way. */
  #expected = NOBODY;

  #onCallMessage(message) {
    const call = this.call;
    if (!call || message.call !== call.id) return;
    switch (message.type) {
      case 'ringing': return call.handleRinging();
      case 'accept': this.#tell('answered', call); return call.handleAccept(message.sdp);
      case 'decline': return call.handleDecline(message.reason);
      case 'candidate': return call.handleCandidate(message);
      case 'update': return call.handleUpdate(message.sdp);
      case 'updated': return call.handleUpdated(message.sdp);
      case 'hangup': return this.#onHangup(call, message.reason);
      default: return undefined;
    }
  }

  #onHangup(call, reason) {
    if (reason === 'glare') this.#expected = { peer: call.peer, until: Date.now() + GLARE_MS };
    const cancelled = reason === 'normal' && call.incoming && !call.answered;
    call.handleHangup(cancelled ? 'cancelled' : reason);
  }

  #onError({ code, message, call: id }) {
    const call = this.call;
    if (!id) this.#notice(message || `The switchboard refused (${code}).`);
    else if (call && id === call.id) {
      call.handleError(code);
      if (call.over) this.#notice(refusalWords(code, call.peer) ?? message);
    }
  }

  // The call that is.

  #newCall({ id, peer, incoming }) {
    const call = new Call({
      id, peer, incoming,
      iceServers: this.#iceServers,
      icePolicy: this.#icePolicy,
      frameMs: this.#settings().frameMs,
      send: message => this.line.send(message),
      changed: () => this.#onCallChanged(call),
      ended: how => this.#onCallEnded(call, how),
    });
    this.call = call;
    this.figures = null;
    this.microphone = { state: 'idle', error: null };
    this.#changed();
    return call;
  }

  #onCallChanged(call) {
    if (call !== this.call) return;
    if (call.connectedAt && !this.#quality) this.#watchQuality(call);
    this.#changed();
  }

  #onCallEnded(call, { reason, there }) {
    if (call !== this.call) return;
    clearInterval(this.#qualityTimer);
    this.#quality = null;
    this.call = null;
    this.microphone = { state: 'idle', error: null };
    const seconds = call.connectedAt ? (Date.now() - call.connectedAt) / 1000 : null;
    if (reason !== 'glare') this.#log({ peer: call.peer, incoming: call.incoming, at: call.startedAt, seconds, outcome: reason });
    this.#tell('ended', { call, reason, there });
    this.#changed();
  }

  #watchQuality(call) {
    this.#quality = new QualityWatch();
    const heard = { packets: 0, at: Date.now() };
    const read = async () => {
      const figures = await this.#quality?.read(call.connection).catch(() => null);
      if (call !== this.call || !figures) return;
      this.figures = figures;
      this.#tell('figures', figures);
      this.#watchSilence(call, heard, figures.packetsIn);
    };
    read();
    this.#qualityTimer = setInterval(read, QUALITY_EVERY_MS);
  }

  #watchSilence(call, heard, packets) {
    const expected = call.peerSpeaks && !call.hold.here && !call.hold.there;
    if (packets !== heard.packets || !expected) Object.assign(heard, { packets, at: Date.now() });
    const silentMs = Date.now() - heard.at;
    call.handleSilence(silentMs >= SILENCE_MS);
    if (silentMs >= GONE_MS && this.line.registered && (this.online.get(call.peer)?.away ?? true)) call.hangUp('lost');
  }

  // The microphone.

  async #openMicrophone(call) {
    this.microphone = { state: 'asking', error: null };
    this.#changed();
    try {
      const track = await openMicrophone(this.#settings());
      if (call !== this.call) return track;
      track.addEventListener('ended', () => this.#onUnplugged(call, track));
      track.enabled = !call.muted && !call.hold.here;
      this.microphone = { state: 'open', error: null };
      this.#changed();
      return track;
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      if (call === this.call) this.microphone = { state: 'failed', error };
      this.#changed();
      return null;
    }
  }

  #onUnplugged(call, track) {
    if (call !== this.call || call.localTrack !== track) return;
    call.useTrack(null);
    this.microphone = { state: 'failed', error: new MicrophoneError('unplugged', 'Your microphone was unplugged.', 'Plug it in again; it is taken back by itself.') };
    this.#changed();
  }

  /** A microphone that turns up is what a call without one waits for; a refused one is left to the person. */
  #onDevices() {
    if (this.call && ['unplugged', 'missing'].includes(this.microphone.error?.kind)) this.retryMicrophone();
    this.#changed();
  }

  #onLine() {
    if (!this.line.registered) this.online.clear();
    this.#changed();
  }

  #log(entry) { this.#tell('logged', addToHistory(entry)); }
  #notice(sentence) { this.#tell('notice', sentence); }
  #changed() { this.#tell('changed'); }
}
