// Runs in Chromium's page: one side of a call. Sound comes from the browser's fake microphone, which plays a file, and is
// taken from the track that is heard, before any speaker. See ../rendezvous.py for what is said to the hub.
"use strict";

const heard = { anchors: [], pieces: [], count: 0, rate: 0 };
const microphone = { anchors: [], pieces: [], count: 0, rate: 0 };
// So much of the microphone is kept as is needed to find out when it began to play.
const MICROPHONE_S = 10;

// Keeps what a track carries, with the moment at which the browser's engine handed each piece over.
async function keep(track, kept, seconds = Infinity) {
  const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || window.over) return;
    const piece = new Float32Array(value.numberOfFrames);
    value.copyTo(piece, { planeIndex: 0, format: "f32-planar" });
    kept.rate = value.sampleRate;
    // The time stamp is the engine's own, in microseconds of performance.now(), and free of this script's delay.
    kept.anchors.push([kept.count, value.timestamp / 1000, performance.now()]);
    kept.pieces.push(Int16Array.from(piece, sample => Math.max(-1, Math.min(1, sample)) * 32767));
    kept.count += piece.length;
    value.close();
    if (kept.count > seconds * kept.rate) return reader.cancel();
  }
}

window.startPeer = ({ role, speaks, counted, leadMs, tailMs, speechMs, perfToNs }) => {
  const hub = new WebSocket("ws://127.0.0.1:9000");
  const connection = new RTCPeerConnection({ iceServers: [] });
  const say = message => hub.readyState === WebSocket.OPEN && hub.send(JSON.stringify(message));
  const event = name => say({ type: "event", name, t_ns: Math.round(performance.now() * 1e6 + perfToNs) });
  let sender, connected = false;

  async function speak() {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    const [track] = stream.getAudioTracks();
    keep(track.clone(), microphone, MICROPHONE_S);
    await sender.replaceTrack(track);
    setTimeout(() => finish(true), speechMs + tailMs);
  }

  async function finish(tells) {
    if (window.over) return;
    window.over = true;
    if (tells) say({ type: "bye" });
    window.reports = [...(await connection.getStats()).values()];
    window.finished = true;
  }

  connection.ontrack = ({ track, streams }) => {
    const player = document.createElement("audio");
    player.autoplay = true;
    player.srcObject = streams[0] ?? new MediaStream([track]);
    document.body.append(player);
    keep(track, heard);
  };
  connection.onconnectionstatechange = () => {
    // A path may be lost and found again.
    if (connection.connectionState !== "connected" || connected) return;
    connected = true;
    event("connected");
    if (speaks) setTimeout(speak, leadMs);
  };
  connection.onicecandidate = ({ candidate: c }) => {
    if (c?.candidate) say({ type: "candidate", candidate: c.candidate, mid: c.sdpMid, mline: c.sdpMLineIndex });
  };
  const answers = {
    async start() {
      if (role !== "a") return;
      sender = connection.addTransceiver("audio", { direction: "sendonly" }).sender;
      event("offers");
      const offer = await connection.createOffer();
      say({ type: "offer", sdp: offer.sdp });
      await connection.setLocalDescription(offer);
    },
    async offer({ sdp }) {
      await connection.setRemoteDescription({ type: "offer", sdp });
      const answer = await connection.createAnswer();
      say({ type: "answer", sdp: answer.sdp });
      await connection.setLocalDescription(answer);
    },
    answer: ({ sdp }) => connection.setRemoteDescription({ type: "answer", sdp }),
    candidate: ({ candidate, mid, mline }) =>
      connection.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: mline }),
    bye: () => finish(false),
  };
  hub.onmessage = async ({ data }) => {
    const said = JSON.parse(data);
    try {
      await answers[said.type]?.(said);
    } catch (error) {
      console.log(said.type, error.message);
    }
  };
  hub.onopen = () => say({ type: "join", role, counted });
};

// Pieces from one to another as base64, which is how they leave the page.
window.piecesAsBase64 = (kept, from, to) => {
  const bytes = new Uint8Array(kept.pieces.slice(from, to).flatMap(piece => [...new Uint8Array(piece.buffer)]));
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
};
