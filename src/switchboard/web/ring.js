// Tones: the ring of an incoming call, the ring-back of an outgoing one, and the short ones that say how it went.
//
// A cadence is a list of notes over one period; a loop schedules the next period shortly before it is due, on the
// audio clock, so that a busy page does not make the ring stumble.

import { audible, soundContext, wakeSound } from './sound.js';

/** Notes: `at` and `length` in seconds from the start of the period, `hz` the tones that sound together. */
const CADENCES = {
  // A bell of two alternating notes, twice, then a rest.
  incoming: { period: 3, gain: 0.25, repeat: true, notes: warble(0, 0.9).concat(warble(1.2, 0.9)) },
  // The European ring-back: one second in five.
  outgoing: { period: 5, gain: 0.08, repeat: true, notes: [{ at: 0, length: 1, hz: [425] }] },
  busy: { period: 1.5, gain: 0.1, repeat: false, notes: [0, 0.5, 1].map(at => ({ at, length: 0.25, hz: [425] })) },
  answered: { period: 0.3, gain: 0.08, repeat: false, notes: [{ at: 0, length: 0.09, hz: [660] }, { at: 0.1, length: 0.14, hz: [880] }] },
  ended: { period: 0.4, gain: 0.08, repeat: false, notes: [{ at: 0, length: 0.12, hz: [440] }, { at: 0.14, length: 0.18, hz: [330] }] },
};
/** How long before its time a period is handed to the audio clock, in seconds. */
const AHEAD_S = 0.2;
/** Ramp of every note, so that none of them clicks, in seconds. */
const RAMP_S = 0.012;
/** A phone in a pocket: milliseconds of buzz, rest, buzz, rest. */
const BUZZ_MS = [400, 200, 400, 2000];

let playing = null;

/** Starts a tone in place of the one that sounds. */
export function ring(name) {
  if (playing?.name === name) return;
  silence();
  wakeSound();
  const sound = soundContext();
  const volume = sound.createGain();
  volume.gain.value = CADENCES[name].gain;
  volume.connect(sound.destination);
  playing = { name, volume, timer: 0 };
  schedule(playing, CADENCES[name], sound.currentTime + 0.02);
  if (name === 'incoming') buzz(playing);
}

/** Stops whatever sounds. */
export function silence() {
  if (!playing) return;
  clearTimeout(playing.timer);
  clearInterval(playing.buzzer);
  if (playing.name === 'incoming') navigator.vibrate?.(0);
  const { volume } = playing;
  playing = null;
  const now = soundContext().currentTime;
  volume.gain.setTargetAtTime(0, now, RAMP_S);
  setTimeout(() => volume.disconnect(), 100);
}

/** The tone that plays, and whether the browser lets it be heard: `{ name, audible }` or null. */
export function ringState() {
  return playing && { name: playing.name, audible: audible() };
}

function schedule(tone, cadence, start) {
  if (tone !== playing) return;
  for (const note of cadence.notes) play(tone.volume, note, start + note.at);
  const next = start + cadence.period;
  const wait = Math.max(0, next - AHEAD_S - soundContext().currentTime) * 1000;
  tone.timer = setTimeout(() => {
    if (!cadence.repeat) silence();
    // While the context sleeps its clock stands still; starting again from its present keeps notes from piling up.
    else schedule(tone, cadence, Math.max(next, soundContext().currentTime + 0.02));
  }, wait);
}

function play(volume, { length, hz }, at) {
  const sound = soundContext();
  const envelope = sound.createGain();
  envelope.gain.setValueAtTime(0, at);
  envelope.gain.linearRampToValueAtTime(1 / hz.length, at + RAMP_S);
  envelope.gain.setValueAtTime(1 / hz.length, at + length - RAMP_S);
  envelope.gain.linearRampToValueAtTime(0, at + length);
  envelope.connect(volume);
  for (const frequency of hz) {
    const tone = sound.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(envelope);
    tone.start(at);
    tone.stop(at + length);
  }
}

function warble(at, length) {
  const step = 0.075;
  return Array.from({ length: Math.round(length / step) }, (_, n) => ({ at: at + n * step, length: step, hz: n % 2 ? [784, 1568] : [988, 1976] }));
}

function buzz(tone) {
  if (!navigator.vibrate) return;
  const once = () => navigator.vibrate(BUZZ_MS);
  once();
  tone.buzzer = setInterval(once, BUZZ_MS.reduce((sum, ms) => sum + ms));
}
