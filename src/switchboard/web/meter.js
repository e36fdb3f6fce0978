// Level meters: what a track carries, in decibels below full scale.

import { soundContext } from './sound.js';

/** The bottom of the scale; room noise of a good microphone lies near it. */
const FLOOR_DB = -60;
/** How fast the bar falls after a loud moment, in decibels per second. */
const FALL_DB_PER_S = 40;
/** Samples looked at each time: 21 ms at 48 kHz, longer than a screen's frame, so nothing is missed. */
const WINDOW = 1024;

export class Meter {
  #source;
  #analyser;
  #samples = new Float32Array(WINDOW);
  #shown = FLOOR_DB;
  #at = performance.now();

  constructor(track) {
    const sound = soundContext();
    this.#source = sound.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = sound.createAnalyser();
    this.#analyser.fftSize = WINDOW;
    this.#source.connect(this.#analyser);
  }

  /** The present level, rising at once and falling gently: `{ db, share }`, `share` from 0 to 1 of the scale. */
  read() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const now = performance.now();
    const fallen = this.#shown - (FALL_DB_PER_S * (now - this.#at)) / 1000;
    const heard = 10 * Math.log10(sum / WINDOW + 1e-12);
    this.#at = now;
    this.#shown = Math.max(FLOOR_DB, heard, fallen);
    return { db: this.#shown, share: (this.#shown - FLOOR_DB) / -FLOOR_DB };
  }

  close() {
    this.#source.disconnect();
  }
}
