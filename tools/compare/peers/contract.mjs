// What the programs in node have in common: words, sound files, the hub. See ../rendezvous.py for what is said to it.
import { createRequire } from "node:module";
import fs from "node:fs";

// Packages are installed into the folder that COMPARE_HOME names, not beside this file.
export const require = createRequire(`${process.env.COMPARE_HOME}/`);
const WebSocket = require("ws");

export const nowNs = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC
// What was said last has so long to be heard.
export const TAIL_MS = 2500;
// From connected to the first sample.
export const LEAD_MS = 300;

export function words() {
  const given = process.argv.slice(2), found = {};
  for (let i = 0; i < given.length; i += 2) found[given[i].replace(/^--/, "")] = given[i + 1];
  return found;
}

export function readWav(path) {
  const bytes = fs.readFileSync(path);
  const at = bytes.indexOf("data") + 8;
  return { rate: bytes.readUInt32LE(24), samples: new Int16Array(bytes.buffer.slice(bytes.byteOffset + at)) };
}

export function writeWav(path, rate, pieces) {
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0); head.writeUInt32LE(36 + size, 4); head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16); head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24); head.writeUInt32LE(2 * rate, 28); head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34);
  head.write("data", 36); head.writeUInt32LE(size, 40);
  const buffers = pieces.map(piece => Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  fs.writeFileSync(path, Buffer.concat([head, ...buffers]));
}

export class Hub {
  constructor(role, counted) {
    this.socket = new WebSocket("ws://127.0.0.1:9000");
    this.on = {};
    this.socket.on("open", () => this.say({ type: "join", role, counted }));
    this.socket.on("message", text => {
      const said = JSON.parse(text);
      this.on[said.type]?.(said);
    });
  }
  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
  event(name) {
    this.say({ type: "event", name, t_ns: nowNs() });
  }
}

// What libwebrtc's jitter buffer says of itself.
export function receiverFigures(reports) {
  const s = reports.find(report => report.type === "inbound-rtp" && (report.kind || report.mediaType) === "audio");
  const track = reports.find(report => report.type === "track" && report.kind === "audio" && report.remoteSource);
  const all = { ...track, ...s };
  if (!all.totalSamplesReceived) return null;
  return {
    concealed_percent: 100 * all.concealedSamples / all.totalSamplesReceived,
    jitter_buffer_ms: 1000 * all.jitterBufferDelay / all.jitterBufferEmittedCount,
  };
}
