// The person's choices, kept for the next visit.

import { recall, remember } from './history.js';
import { FRAME_LENGTHS_MS } from './opus.js';

const KEY = 'handset.settings';

/**
 * `deviceId` and `speakerId` empty for the system's choice; `frameMs` the frame length asked of the other side;
 * `processing` whether the browser cancels echo and noise.
 */
const DEFAULTS = { deviceId: '', speakerId: '', frameMs: 10, processing: true };

let current = read();

export function settings() {
  return current;
}

export function changeSettings(change) {
  current = legal({ ...current, ...change });
  remember(KEY, JSON.stringify(current));
}

function read() {
  try {
    return legal({ ...DEFAULTS, ...JSON.parse(recall(KEY) ?? '{}') });
  } catch {
    return DEFAULTS;
  }
}

function legal(wanted) {
  return {
    deviceId: String(wanted.deviceId),
    speakerId: String(wanted.speakerId),
    frameMs: FRAME_LENGTHS_MS.includes(Number(wanted.frameMs)) ? Number(wanted.frameMs) : DEFAULTS.frameMs,
    processing: Boolean(wanted.processing),
  };
}
