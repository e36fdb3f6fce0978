// Put into a page by a test: takes down what the page plays, as 16-bit samples, from the moment that there is a track.
const heard = { parts: [], samples: 0, rate: 0 };
window.heard = heard;

const waiting = setInterval(() => {
  const track = document.getElementById('remote-audio').srcObject?.getAudioTracks()[0];
  if (!track) return;
  clearInterval(waiting);
  // A page that gets no processor time for ten seconds loses nothing: a hundred pieces come in a second.
  record(new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader());
}, 10);

async function record(reader) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const floats = new Float32Array(value.numberOfFrames);
    value.copyTo(floats, { planeIndex: 0, format: 'f32-planar' });
    heard.rate = value.sampleRate;
    value.close();
    heard.parts.push(Int16Array.from(floats, sample => Math.max(-1, Math.min(1, sample)) * 32767));
    heard.samples += floats.length;
  }
}

// Everything heard so far, as base64.
heard.take = () => {
  const all = new Int16Array(heard.samples);
  let at = 0;
  for (const part of heard.parts) {
    all.set(part, at);
    at += part.length;
  }
  const bytes = new Uint8Array(all.buffer);
  let text = '';
  for (let from = 0; from < bytes.length; from += 32768) text += String.fromCharCode(...bytes.subarray(from, from + 32768));
  return btoa(text);
};
