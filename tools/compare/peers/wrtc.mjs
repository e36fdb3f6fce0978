// libwebrtc in node (@roamhq/wrtc): sound goes straight into its encoder and is taken where its playout tick pulls it,
// so that there is no device on either side.
//
//   node wrtc.mjs --role a|b --told FILE.json [--in SPEECH.wav] [--out HEARD.wav] [--frame-ms N]
import fs from "node:fs";
import { Hub, LEAD_MS, TAIL_MS, nowNs, readWav, receiverFigures, require, words, writeWav } from "./contract.mjs";

const { RTCPeerConnection, nonstandard: { RTCAudioSource, RTCAudioSink } } = require("@roamhq/wrtc");
const options = words(), told = { program: "wrtc" };
const hub = new Hub(options.role, { pid: process.pid, main_thread_feeds: true });
const connection = new RTCPeerConnection({ iceServers: [] });
const source = options.in ? new RTCAudioSource() : null;
let sink, connected = false, over = false;
const heard = [], anchors = [];

function speak() {
  const { rate, samples } = readWav(options.in);
  const size = rate / 100, start = nowNs() + 5e6;
  let block = 0, late = 0;
  told.send = { t0_ns: start };
  const feed = () => {
    // Block k is complete, its last sample spoken, at start + (k + 1) * 10 ms.
    for (let due; nowNs() >= (due = start + (block + 1) * 1e7) && (block + 1) * size <= samples.length; block++) {
      late = Math.max(late, (nowNs() - due) / 1e6);
      const piece = samples.slice(block * size, (block + 1) * size);
      source.onData({ samples: piece, sampleRate: rate, bitsPerSample: 16, channelCount: 1, numberOfFrames: size });
    }
    told.fed_late_ms = late;
    if ((block + 1) * size <= samples.length) setTimeout(feed, Math.max(1, (start + (block + 1) * 1e7 - nowNs()) / 1e6 - 1));
    else setTimeout(() => finish(true), TAIL_MS);
  };
  feed();
}

connection.ontrack = ({ track }) => {
  let count = 0;
  sink = new RTCAudioSink(track);
  sink.ondata = ({ samples, channelCount, sampleRate }) => {
    const mono = channelCount === 1 ? samples.slice() : samples.filter((_, i) => i % channelCount === 0);
    // Before the first packet the engine gives silence at a lower rate.
    const times = 48000 / sampleRate;
    const whole = times === 1 ? mono : Int16Array.from({ length: mono.length * times }, (_, i) => mono[Math.floor(i / times)]);
    anchors.push([count, nowNs()]);
    heard.push(whole);
    count += whole.length;
  };
};
connection.onconnectionstatechange = () => {
  // A path may be lost and found again.
  if (connection.connectionState !== "connected" || connected) return;
  connected = true;
  hub.event("connected");
  if (source) setTimeout(speak, LEAD_MS);
};
connection.onicecandidate = ({ candidate: c }) => {
  if (c?.candidate) hub.say({ type: "candidate", candidate: c.candidate, mid: c.sdpMid, mline: c.sdpMLineIndex });
};
hub.on.start = async () => {
  if (options.role !== "a") return;
  connection.addTrack(source.createTrack());
  hub.event("offers");
  const offer = await connection.createOffer();
  hub.say({ type: "offer", sdp: offer.sdp });
  await connection.setLocalDescription(offer);
};
hub.on.offer = async ({ sdp }) => {
  await connection.setRemoteDescription({ type: "offer", sdp });
  const answer = await connection.createAnswer();
  hub.say({ type: "answer", sdp: answer.sdp });
  await connection.setLocalDescription(answer);
};
// How long the sender's frames are is for the receiver to ask (RFC 8866, section 6.4).
const asking = sdp => options["frame-ms"] ? `${sdp.replace(/a=(max)?ptime:.*\r\n/g, "")}a=ptime:${options["frame-ms"]}\r\n` : sdp;
hub.on.answer = ({ sdp }) => connection.setRemoteDescription({ type: "answer", sdp: asking(sdp) });
hub.on.candidate = ({ candidate, mid, mline }) =>
  connection.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: mline }).catch(error => console.error(error.message));
hub.on.bye = () => finish(false);

async function finish(tells) {
  if (over) return;
  over = true;
  if (tells) hub.say({ type: "bye" });
  if (sink) {
    told.receiver = receiverFigures([...(await connection.getStats()).values()]);
    sink.stop();
    writeWav(options.out, 48000, heard);
    told.heard = { rate: 48000, anchors };
  }
  fs.writeFileSync(options.told, JSON.stringify(told));
  setTimeout(() => process.exit(0), 200);
}
