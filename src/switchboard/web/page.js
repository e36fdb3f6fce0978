// The page: what the phone knows, drawn; what the person does, passed on. No telephone logic.

import { Meter } from './meter.js';
import { ID_PATTERN } from './signaling.js';
import { GRADES, clock, historyWords, lineWords, refusedWords, stateWords, when } from './words.js';

export const $ = id => document.getElementById(id);

const NOBODY = 'Nobody else is here yet. Open this page in another browser, or start a peer.';

/** Draws everything that follows from the phone's present state; cheap enough to call after every change. */
export function draw(phone, last) {
  drawLine(phone);
  drawCall(phone, last);
  drawLast(phone, last);
  drawOnline(phone);
  document.title = titleOf(phone);
}

function drawLine({ line, id }) {
  const { state } = line;
  $('line').dataset.state = state.name;
  setText('line-text', state.name === 'waiting' ? 'Offline, retrying' : state.name === 'registered' ? id : lineWords(state, id));
  $('line').title = lineWords(state, id);
  const signingIn = state.name === 'off' || state.name === 'refused';
  show('sign-in', signingIn);
  show('people', !signingIn);
  show('log', !signingIn);
  if (state.name === 'refused') setText('sign-in-error', refusedWords(state, id));
}

function drawCall({ call, microphone }, notice) {
  show('call', call !== null);
  if (!call) {
    $('call').dataset.state = 'idle';
    return;
  }
  $('call').dataset.state = call.state;
  const ringingHere = call.incoming && call.state === 'ringing';
  setText('call-peer', call.peer);
  setText('theirs-label', call.peer);
  setText('call-avatar', call.peer[0]);
  setText('call-state', stateWords(call));
  show('accept', ringingHere);
  show('decline', ringingHere);
  show('hang-up', !ringingHere);
  show('mute', call.answered);
  show('hold', call.answered);
  show('meters', call.connectedAt !== null);
  show('figures', call.connectedAt !== null);
  drawToggle('mute', call.muted, 'Mute', 'Unmute', '#i-mic', '#i-mic-off');
  drawToggle('hold', call.hold.here, 'Hold', 'Resume', '#i-pause', '#i-play');
  $('mute').disabled = call.answered && !call.localTrack;
  $('hold').disabled = call.connectedAt === null || call.detached;
  drawMicrophone(call, microphone);
  drawNote(call, microphone, notice);
}

/** The name says what pressing does; `aria-pressed` would then say it twice, so it serves the style and programs. */
function drawToggle(id, on, off, undo, iconOff, iconOn) {
  const button = $(id);
  button.setAttribute('aria-pressed', String(on));
  setTextOf(button.querySelector('span'), on ? undo : off);
  button.querySelector('use').setAttribute('href', on ? iconOn : iconOff);
}

function drawMicrophone(call, { state, error }) {
  const failed = state === 'failed' && (call.answered || !call.incoming);
  show('microphone-note', failed);
  if (!failed) return;
  setText('microphone-words', `${error.words} ${call.peer} cannot hear you; you can still listen.`);
  setText('microphone-remedy', error.remedy);
  show('microphone-retry', error.kind !== 'insecure');
}

function drawNote(call, { state }, notice) {
  const note = noteWords(call, state) || notice;
  show('call-note', note !== '');
  setText('call-note', note);
}

function noteWords(call, microphone) {
  if (microphone === 'asking') return 'Your browser may ask for the microphone: choose “Allow”.';
  if (call.detached) return 'The switchboard was restarted and no longer knows this call. You can go on talking; hold is not available.';
  if (call.answered && !call.peerSpeaks) return `${call.peer} is only listening.`;
  if (call.answered && !call.peerListens) return `${call.peer} is only speaking and does not hear you.`;
  return '';
}

function drawLast({ call }, last) {
  show('last', !call && last !== '');
  setText('last', last);
}

function drawOnline({ online, call, line, id: mine }) {
  const ids = [...online.keys()].sort((a, b) => a.localeCompare(b));
  setText('online-count', String(ids.length));
  show('online-empty', ids.length === 0);
  setText('online-empty', line.registered ? NOBODY : lineWords(line.state, mine));
  keepItems($('online-list'), ids, personItem, (item, id) => {
    const { away } = online.get(id);
    item.classList.toggle('away', away);
    setTextOf(item.querySelector('small'), away ? 'away, may be back in a moment' : 'online');
    item.querySelector('button').disabled = call !== null || !line.registered;
  });
  $('dial').disabled = call !== null || !line.registered;
}

function personItem(id) {
  const item = element('li', { 'data-testid': 'online-item', 'data-id': id });
  item.append(avatar(id), nameOf(id), callButton(id));
  return item;
}

/** The log, newest first. */
export function drawLog(entries) {
  const now = Date.now();
  $('log-list').replaceChildren(...entries.map(entry => {
    const missed = entry.incoming && entry.seconds === null && entry.outcome !== 'declined';
    const item = element('li', { 'data-testid': 'log-item', class: missed ? 'missed' : '' });
    const name = nameOf(entry.peer);
    setTextOf(name.querySelector('small'), `${historyWords(entry)} · ${when(entry.at, now)}`);
    item.append(icon(entry.incoming ? '#i-in' : '#i-out'), name, callButton(entry.peer));
    return item;
  }));
  show('log-empty', entries.length === 0);
  show('log-clear', entries.length > 0);
}

/** Figures of the call's quality, once a second. */
export function drawFigures(call, figures) {
  $('grade').hidden = figures.grade === null || call.state === 'reconnecting';
  if (figures.grade) {
    $('grade').dataset.grade = figures.grade;
    setText('grade-text', GRADES[figures.grade]);
  }
  const { opusWanted, opusAsked } = call.descriptions();
  setText('f-rtt', figures.rttMs !== null && figures.rttMs < 1 ? 'under 1 ms' : figure(figures.rttMs, 'ms'));
  setText('f-playout', figure(figures.playoutMs, 'ms'));
  setText('f-jitter', figure(figures.jitterMs, 'ms'));
  setText('f-loss', figure(figures.lossPercent, '%'));
  setText('f-loss-out', figure(figures.lossOutPercent, '%'));
  setText('f-concealed', figure(figures.concealedPercent, '%'));
  setText('f-rate', `${figure(figures.kbpsIn, '')} / ${figure(figures.kbpsOut, 'kbit/s')}`);
  setText('f-codec', figures.codec ? `${figures.codec}, ${figures.fmtp.replaceAll(';', '; ')}` : '–');
  setText('f-frames', `${figure(opusWanted?.frameMs, '')} / ${figure(opusAsked?.frameMs, 'ms')}`);
  setText('f-path', figures.path ?? '–');
}

/** Forgets the figures of the last call. */
export function clearFigures() {
  $('grade').hidden = true;
  for (const dd of document.querySelectorAll('#figures dd')) setTextOf(dd, '–');
}

/** Says something to screen readers; `urgent` interrupts. Twice the same sentence is said twice. */
export function announce(sentence, urgent = false) {
  const place = $(urgent ? 'alarm' : 'announce');
  place.textContent = '';
  requestAnimationFrame(() => { place.textContent = sentence; });
}

/** The two level bars and the clock: runs while there is a call, at the screen's pace. */
export class Gauges {
  #meters = {};
  #frame = 0;
  #spokenAt = 0;
  levels = { mine: null, theirs: null };

  follow(call) {
    if (this.#frame) return;
    const step = () => {
      this.#step(call);
      this.#frame = call.over ? 0 : requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const side of Object.keys(this.#meters)) this.#drop(side);
    setText('call-clock', '');
  }

  #step(call) {
    if (call.connectedAt) setText('call-clock', clock((Date.now() - call.connectedAt) / 1000));
    // Screen readers look at the value now and then; writing it sixty times a second would only tire them.
    const speak = performance.now() - this.#spokenAt > 1000;
    if (speak) this.#spokenAt = performance.now();
    this.#side('mine', call.localTrack, call.muted || call.hold.here || call.hold.there || !call.localTrack, speak);
    this.#side('theirs', call.remoteTrack, call.hold.here || call.hold.there || !call.peerSpeaks, speak);
  }

  #side(side, track, off, speak) {
    if (this.#meters[side]?.track !== track) {
      this.#drop(side);
      if (track) this.#meters[side] = { track, meter: new Meter(track) };
    }
    const level = this.#meters[side]?.meter.read() ?? null;
    this.levels[side] = level?.db ?? null;
    const bar = $(`meter-${side}`);
    bar.classList.toggle('off', off);
    bar.style.setProperty('--level', String(level?.share ?? 0));
    if (speak) bar.setAttribute('aria-valuenow', String(Math.round(level?.db ?? -60)));
  }

  #drop(side) {
    this.#meters[side]?.meter.close();
    delete this.#meters[side];
    this.levels[side] = null;
  }
}

/** The typed name, or null after saying what is wrong with it. */
export function readName(inputId, errorId, empty) {
  const input = $(inputId);
  const name = input.value.trim();
  const wrong = name === '' ? empty : ID_PATTERN.test(name) ? '' : 'A name has only letters, digits, dots, dashes and underscores, at most 64.';
  input.setAttribute('aria-invalid', String(wrong !== ''));
  setText(errorId, wrong);
  if (wrong === '') return name;
  input.focus();
  return null;
}

export function show(id, visible) {
  if ($(id).hidden === visible) $(id).hidden = !visible;
}

export function setText(id, text) {
  setTextOf($(id), text);
}

function titleOf({ call }) {
  if (!call) return 'Handset';
  return call.incoming && call.state === 'ringing' ? `☎ ${call.peer} is calling – Handset` : `${call.peer} – Handset`;
}

function figure(value, unit) {
  return value === null || value === undefined ? '–' : `${value} ${unit}`.trim();
}

/** Writing what is already there would restart announcements and selections. */
function setTextOf(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes the list hold exactly these keys in this order, keeping the items (and the focus in them) that stay. */
function keepItems(list, keys, make, update) {
  const old = new Map([...list.children].map(item => [item.dataset.id, item]));
  for (const [key, item] of old) if (!keys.includes(key)) item.remove();
  keys.forEach((key, n) => {
    const item = old.get(key) ?? make(key);
    if (list.children[n] !== item) list.insertBefore(item, list.children[n] ?? null);
    update(item, key);
  });
}

function element(name, attributes = {}, text = '') {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== '') node.setAttribute(key, value);
  if (text) node.textContent = text;
  return node;
}

function avatar(id) {
  return element('span', { class: 'avatar', 'aria-hidden': 'true' }, id[0]);
}

function nameOf(id) {
  const name = element('span', { class: 'name' });
  name.append(element('b', { title: id }, id), element('small'));
  return name;
}

function callButton(id) {
  const button = element('button', { type: 'button', 'data-call': id, 'data-testid': 'call-person', 'aria-label': `Call ${id}` });
  button.append(icon('#i-phone'), element('span', {}, 'Call'));
  return button;
}

function icon(href) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.setAttribute('aria-hidden', 'true');
  if (href !== '#i-phone') svg.setAttribute('class', 'way');
  use.setAttribute('href', href);
  svg.append(use);
  return svg;
}
