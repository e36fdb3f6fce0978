// The beginning: joins phone, page and tones, and shows their state to tests as `window.handset`.

import { clearHistory, readHistory, recall, remember } from './history.js';
import { microphonePermission, soundDevices } from './microphone.js';
import { $, Gauges, announce, clearFigures, draw, drawFigures, drawLog, readName, setText, show } from './page.js';
import { Phone } from './phone.js';
import { ring, ringState, silence } from './ring.js';
import { changeSettings, settings } from './settings.js';
import { ID_PATTERN, icePolicy, lineUrl } from './signaling.js';
import { wakeSound } from './sound.js';
import { endedWords } from './words.js';

const ID_KEY = 'handset.id';
const TOKEN_KEY = 'handset.token';
/** A key press meant for something else does not answer a call that popped up under it. */
const MISHIT_MS = 500;

const gauges = new Gauges();
const phone = new Phone({ url: lineUrl(location), icePolicy: icePolicy(location), settings, tell });
let last = '';
let lastEnded = null;
let rangAt = 0;
let drawPending = false;

// What the phone tells.

function tell(event, detail) {
  HEARD[event](detail);
}

const HEARD = {
  changed: scheduleDraw,
  notice(sentence) {
    last = sentence;
    if (phone.call) announce(sentence, true);
    else setText('dial-error', sentence);
    scheduleDraw();
  },
  incoming(call) {
    last = '';
    rangAt = performance.now();
    ring('incoming');
    announce(`${call.peer} is calling. Enter accepts, Escape declines.`, true);
    redraw();
    $('accept').focus();
    // A later change of state may still find it unable to be taken (an offer this browser does not understand).
  },
  answered(call) {
    silence();
    if (call.incoming) $('call-peer').focus();
  },
  ended({ call, reason, there }) {
    const words = endedWords({ reason, there }, call.peer);
    last = words;
    lastEnded = { peer: call.peer, reason, there, words };
    $('remote-audio').srcObject = null;
    gauges.stop();
    clearFigures();
    if (reason === 'busy' && there) ring('busy');
    else if (call.connectedAt) ring('ended');
    else silence();
    announce(words, true);
    const focusWasHere = $('call').contains(document.activeElement) || document.activeElement === document.body;
    redraw();
    if (focusWasHere && !matchMedia('(pointer: coarse)').matches) $('dial-input').focus();
  },
  figures: figures => { if (phone.call) drawFigures(phone.call, figures); },
  logged: drawLog,
};

function scheduleDraw() {
  if (drawPending) return;
  drawPending = true;
  queueMicrotask(() => { if (drawPending) redraw(); });
}

let shownState = '';

function redraw() {
  drawPending = false;
  const { call } = phone;
  draw(phone, last);
  if (call) followCall(call);
  const state = call ? `${call.id} ${call.state}` : '';
  if (state !== shownState) onShownState(call);
  shownState = state;
}

function followCall(call) {
  gauges.follow(call);
  const audio = $('remote-audio');
  if (call.remoteTrack && call.answered && audio.srcObject?.getTracks()[0] !== call.remoteTrack) {
    audio.srcObject = new MediaStream([call.remoteTrack]);
    if (settings().speakerId) audio.setSinkId?.(settings().speakerId).catch(() => {});
    audio.play().catch(() => {});
  }
  audio.muted = call.hold.here;
}

/** Once per state of the call: tones, and a word for those who do not see the page. */
function onShownState(call) {
  if (!call) return;
  const before = shownState.split(' ')[1];
  if (call.state === 'ringing' && !call.incoming) ring('outgoing');
  if (call.state === 'connected' && before === 'connecting') ring('answered');
  if (call.state === 'dialing') {
    $('call-peer').focus();
    announce(`Calling ${call.peer}. Escape stops.`);
  } else if (!(call.incoming && call.state === 'ringing')) announce(`${call.peer}: ${$('call-state').textContent}`);
}

// What the person does.

$('sign-in-form').addEventListener('submit', event => {
  event.preventDefault();
  const id = readName('id-input', 'sign-in-error', 'Type a name first.');
  if (id) goOnline(id);
});

$('dial-form').addEventListener('submit', event => {
  event.preventDefault();
  const peer = readName('dial-input', 'dial-error', 'Type the name of the person to call.');
  if (peer) dial(peer);
});

document.addEventListener('click', event => {
  const button = event.target.closest('[data-call]');
  if (button) dial(button.dataset.call);
});

onPress('accept', event => {
  const byKey = event.detail === 0;
  if (!byKey || performance.now() - rangAt > MISHIT_MS) phone.accept();
});
onPress('decline', () => phone.decline());
onPress('hang-up', () => phone.hangUp());
onPress('mute', toggleMute);
onPress('hold', toggleHold);
onPress('microphone-retry', () => phone.retryMicrophone());
onPress('log-clear', () => { drawLog(clearHistory()); $('dial-input').focus(); });
onPress('open-settings', openSettings);
onPress('change-id', () => {
  $('settings').close();
  phone.unregister();
  last = '';
  $('id-input').value = phone.id ?? '';
  setText('sign-in-error', '');
  redraw();
  $('id-input').select();
});

document.addEventListener('keydown', event => {
  const { call } = phone;
  if (!call || event.ctrlKey || event.metaKey || event.altKey || $('settings').open) return;
  if (event.key === 'Escape' && call.incoming && call.state === 'ringing') phone.decline();
  else if (event.key === 'Escape' && !call.answered) phone.hangUp();
  // Letters act only while the focus is in the call, where nothing is typed.
  else if (!event.repeat && call.answered && $('call').contains(document.activeElement)) {
    if (event.key === 'm' || event.key === 'M') toggleMute();
    if (event.key === 'h' || event.key === 'H') toggleHold();
  }
});

for (const gesture of ['pointerdown', 'keydown']) document.addEventListener(gesture, wakeSound, { capture: true });

function onPress(id, act) {
  $(id).addEventListener('click', act);
}

function dial(peer) {
  last = '';
  setText('dial-error', '');
  $('dial-input').value = '';
  phone.dial(peer);
}

function toggleMute() {
  if (!phone.call?.localTrack) return;
  phone.mute(!phone.call.muted);
  announce(phone.call.muted ? 'Muted' : 'Unmuted');
}

function toggleHold() {
  if (!$('hold').disabled) phone.hold(!phone.call.hold.here);
}

function goOnline(id, token = null) {
  remember(ID_KEY, id);
  setText('sign-in-error', '');
  phone.register(id, token);
  redraw();
  if (!matchMedia('(pointer: coarse)').matches) $('dial-input').focus();
}

// Settings.

async function openSettings() {
  const { microphones, speakers } = await soundDevices();
  const now = settings();
  fillDevices($('setting-microphone'), microphones, now.deviceId);
  fillDevices($('setting-speaker'), speakers, now.speakerId);
  show('speaker-field', 'setSinkId' in HTMLMediaElement.prototype);
  $('setting-frame').value = String(now.frameMs);
  $('setting-processing').checked = now.processing;
  const permission = await microphonePermission();
  setText('settings-hint', {
    denied: 'The microphone is blocked for this page; allow it in the browser’s site settings.',
    insecure: 'This browser gives no microphone to a page that came over plain http from another machine.',
    prompt: 'Microphones show their names once one was allowed. Changes count from the next call.',
  }[permission] ?? 'Changes count from the next call.');
  $('settings').showModal();
}

function fillDevices(select, devices, chosen) {
  select.replaceChildren(new Option('System default', ''), ...devices.map(device => new Option(device.label, device.deviceId)));
  select.value = devices.some(device => device.deviceId === chosen) ? chosen : '';
}

$('settings').addEventListener('change', () => changeSettings({
  deviceId: $('setting-microphone').value,
  speakerId: $('setting-speaker').value,
  frameMs: Number($('setting-frame').value),
  processing: $('setting-processing').checked,
}));

// Coming and going.

// The token lives with the page; it is laid down only while the page is hidden, when a phone's browser may discard
// and later reload it. A second tab must never find it: it would take the id from the first.
document.addEventListener('visibilitychange', () => {
  try {
    if (document.hidden && phone.line.token) sessionStorage.setItem(TOKEN_KEY, phone.line.token);
    else sessionStorage.removeItem(TOKEN_KEY);
  } catch { /* no storage: the id is free again after the grace period */ }
  if (!document.hidden) phone.line.retryNow();
});

window.addEventListener('pagehide', () => phone.unregister());
window.addEventListener('pageshow', event => { if (event.persisted && phone.id) phone.register(phone.id, null); });
window.addEventListener('beforeunload', event => { if (phone.call?.answered) event.preventDefault(); });

function takeToken() {
  try {
    const token = sessionStorage.getItem(TOKEN_KEY);
    sessionStorage.removeItem(TOKEN_KEY);
    return token;
  } catch {
    return null;
  }
}

/**
 * The state of the page for tests and the curious; read-only, every read a fresh copy.
 *
 *   id, line            our id; the line's state by name (see signaling.js)
 *   online              ids of the others, sorted
 *   call                null or { id, peer, incoming, state, muted, hold, detached, connectedAt, peerSpeaks, peerListens }
 *   descriptions        null or { local, remote, sent, opusWanted, opusAsked }
 *   quality             null or the latest figures (see quality.js)
 *   levels              { mine, theirs } in decibels below full scale, null without a track
 *   microphone          { state, kind, words }
 *   ring                null or { name, audible }
 *   lastEnded           null or { peer, reason, there, words }
 *   notice              the latest sentence for the person
 *   log                 the call log, newest first
 */
const READ = {
  id: () => phone.id,
  line: () => phone.line.state.name,
  online: () => [...phone.online.keys()].sort(),
  call: () => phone.call && pick(phone.call, ['id', 'peer', 'incoming', 'state', 'muted', 'hold', 'detached', 'connectedAt', 'peerSpeaks', 'peerListens']),
  descriptions: () => phone.call?.descriptions() ?? null,
  quality: () => phone.figures,
  levels: () => gauges.levels,
  microphone: () => ({ state: phone.microphone.state, kind: phone.microphone.error?.kind ?? null, words: phone.microphone.error?.words ?? null }),
  ring: ringState,
  lastEnded: () => lastEnded,
  notice: () => last,
  log: readHistory,
};

Object.defineProperty(window, 'handset', {
  value: Object.freeze(Object.defineProperties({}, Object.fromEntries(
    Object.entries(READ).map(([name, read]) => [name, { get: () => structuredClone(read()), enumerable: true }]),
  ))),
});

function pick(from, names) {
  return Object.fromEntries(names.map(name => [name, from[name]]));
}

drawLog(readHistory());
const known = recall(ID_KEY);
if (known && ID_PATTERN.test(known)) goOnline(known, takeToken());
else {
  redraw();
  $('id-input').focus();
}
