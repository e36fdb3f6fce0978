// The line to the switchboard: one WebSocket, registered under one id.
//
// It registers, resumes with the token that the switchboard gave, and comes back by itself with a growing,
// jittered delay. Both sides number what they send in a session (`seq`); whoever resumes says the last number it
// received, and what came after is sent once more: a connection that breaks loses nothing and repeats nothing. A
// switchboard that has forgotten the session has forgotten its messages too, and they are dropped here.
//
// States (`line.state.name`):
//   off         nothing wanted
//   connecting  socket opening, or `register` sent and not yet answered
//   registered  the id is ours
//   waiting     down; tries again at `retryAt` (ms since the epoch), `why` in words
//   refused     the switchboard said no for good: `code` and `message`

export const PROTOCOL_VERSION = 1;

const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 10_000;
/** Each wait is this share shorter or longer, so that a restarted switchboard is not met by everyone at once. */
const JITTER = 0.3;
/** Messages kept for a resumed session: several calls' worth of candidates and updates. */
const SENT_MAX = 256;
/** A `register` that is not answered within this long is a dead connection. */
const REGISTER_TIMEOUT_MS = 8_000;
/** The longest legal frame lists ten thousand ids; a longer one is not ours to parse. */
const FRAME_MAX_CHARS = 1024 * 1024;

/** Refusals of a `register` that trying again does not cure. */
const FINAL_CODES = new Set(['id_taken', 'unsupported_version', 'bad_field', 'malformed', 'unknown_type']);

/** Why the switchboard closed the connection, in words; other reasons are plain loss. */
const CLOSED = {
  shutdown: 'The switchboard is shutting down.',
  too_many_connections: 'There are too many connections from this address.',
  server_full: 'The switchboard is full.',
  rate_limited: 'This page sent too much at once.',
};

export class Line {
  #url;
  #id = null;
  #token = null;
  #socket = null;
  #tries = 0;
  #timer = 0;
  #watchdog = 0;
  /** What this session sent, as `{ seq, text }`, until the switchboard is known to have it. */
  #sent = [];
  #lastSent = 0;
  #lastReceived = 0;
  #retryHint = 0;
  #changed;
  #received;
  #claims;

  state = { name: 'off' };

  /**
   * `changed()` after every change of state; `received(message)` for every message once registered; `claims()`
   * gives the calls that go on, so that a switchboard that lost its memory can take them up again.
   */
  constructor({ url, changed, received, claims }) {
    this.#url = url;
    this.#claims = claims;
    this.#changed = changed;
    this.#received = received;
    // A network that comes back is worth trying at once; one that changed has left the old socket half-open.
    window.addEventListener('online', () => this.#networkChanged());
  }

  get registered() { return this.state.name === 'registered'; }
  get token() { return this.#token; }

  register(id, token = null) {
    this.#drop();
    this.#id = id;
    this.#token = token;
    this.#tries = 0;
    this.#forgetSession();
    this.#connect();
  }

  /** Gives the id back at once, so that another page may take it. */
  unregister() {
    if (this.registered) this.send({ type: 'unregister' });
    this.#drop();
    this.#id = null;
    this.#token = null;
    this.#become({ name: 'off' });
  }

  /** Sends now, or when the session is resumed. */
  send(message) {
    this.#lastSent += 1;
    const numbered = { seq: this.#lastSent, text: JSON.stringify({ ...message, seq: this.#lastSent }) };
    this.#sent.push(numbered);
    if (this.#sent.length > SENT_MAX) this.#sent.shift();
    if (this.registered) this.#write(numbered.text);
  }

  /** Does not wait for the back-off to end. */
  retryNow() {
    if (this.state.name === 'waiting') this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#retryHint = 0;
    this.#become({ name: 'connecting' });
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch (error) {
      this.#wait(`This page cannot open ${this.#url}: ${error.message}`);
      return;
    }
    this.#socket = socket;
    this.#watchdog = setTimeout(() => this.#lost(socket, 'The switchboard does not answer.'), REGISTER_TIMEOUT_MS);
    socket.onopen = () => this.#hello();
    socket.onmessage = event => { if (socket === this.#socket) this.#onFrame(event.data); };
    socket.onclose = event => this.#onClose(socket, event.reason);
  }

  #hello() {
    const hello = { type: 'register', version: PROTOCOL_VERSION, id: this.#id, calls: this.#claims() };
    if (this.#token) Object.assign(hello, { token: this.#token, last_seq: this.#lastReceived });
    this.#write(JSON.stringify(hello));
  }

  #onClose(socket, reason) {
    if (socket === this.#socket && reason === 'replaced') this.#refuse('replaced', '');
    else this.#lost(socket, CLOSED[reason] ?? 'The switchboard cannot be reached.');
  }

  #onFrame(text) {
    if (typeof text !== 'string' || text.length > FRAME_MAX_CHARS) return;
    let message;
    try { message = JSON.parse(text); } catch { return; }
    if (message === null || typeof message !== 'object' || typeof message.type !== 'string') return;
    if (message.type === 'registered') this.#onRegistered(message);
    else if (message.type === 'error' && !this.registered) this.#onRefused(message);
    else if (this.#isNew(message)) {
      if (message.type === 'closing') this.#retryHint = Math.min(Math.max(Number(message.retry_ms) || 0, 0), LAST_RETRY_MS);
      else this.#received(message);
    }
  }

  /** What a resumed session brings twice is taken once. */
  #isNew({ seq }) {
    if (!Number.isInteger(seq)) return true;
    if (seq <= this.#lastReceived) return false;
    this.#lastReceived = seq;
    return true;
  }

  #onRegistered(message) {
    clearTimeout(this.#watchdog);
    this.#tries = 0;
    this.#token = message.token ?? null;
    const resend = message.resumed ? this.#sent.filter(({ seq }) => seq > (message.last_seq ?? 0)) : [];
    if (!message.resumed) this.#forgetSession();
    this.#sent = resend;
    this.#become({ name: 'registered' });
    for (const { text } of resend) this.#write(text);
    this.#received(message);
  }

  #onRefused({ code, message }) {
    if (FINAL_CODES.has(code)) this.#refuse(code, message);
    else this.#lost(this.#socket, message || 'The switchboard refused the connection.');
  }

  #refuse(code, message) {
    this.#drop();
    this.#token = null;
    this.#become({ name: 'refused', code, message });
  }

  #lost(socket, why) {
    if (socket !== this.#socket) return;
    const hint = this.#retryHint;
    this.#drop();
    this.#wait(why, hint);
  }

  #wait(why, hintMs = 0) {
    const backOff = Math.min(FIRST_RETRY_MS * 2 ** this.#tries, LAST_RETRY_MS);
    this.#tries = Math.min(this.#tries + 1, 10);
    const delay = Math.max(hintMs, backOff) * (1 - JITTER + 2 * JITTER * Math.random());
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#become({ name: 'waiting', retryAt: Date.now() + delay, why });
  }

  #forgetSession() {
    this.#sent = [];
    this.#lastSent = 0;
    this.#lastReceived = 0;
  }

  #networkChanged() {
    if (this.state.name === 'waiting') this.#connect();
    else if (this.registered) this.#lost(this.#socket, 'The network changed.');
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #write(text) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }
}

/** The address of the WebSocket beside this page. */
export function lineUrl(location) {
  const url = new URL('ws', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '';
  url.hash = '';
  return url.href;
}

/** What the page's address asks of calls: `?policy=relay` for a relay alone. */
export function icePolicy(location) {
  return new URLSearchParams(location.search).get('policy') === 'relay' ? 'relay' : 'all';
}

/** A call id: 128 random bits as 32 hex digits. */
export function newCallId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
}

/** What an id may be; the switchboard has the last word. */
export const ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;
