// What this page asks of the far end's Opus, and what the far end asked of ours.
//
// `a=ptime` in a description says how long the packets should be that are sent *to* its author. Browsers obey a
// peer's `a=ptime` but never write one, so it is added to the description on its way out; the browser's own copy
// stays as it made it.

/** Frame lengths that a browser's Opus encoder will produce. */
export const FRAME_LENGTHS_MS = [10, 20, 40, 60];

/** The description with the frame length that we would like to receive. */
export function askForFrames(sdp, frameMs) {
  return mapAudio(sdp, lines => {
    const type = opusType(lines);
    if (type === null) return lines;
    const out = lines.filter(line => !line.startsWith('a=ptime:'));
    const fmtp = out.findIndex(line => line.startsWith(`a=fmtp:${type} `));
    if (fmtp >= 0) out[fmtp] = withMinptime(out[fmtp], frameMs);
    out.push(`a=ptime:${frameMs}`);
    return out;
  });
}

/** Opus as a description asks for it: `{ frameMs, fmtp }`; `frameMs` is null where nothing is said. */
export function readOpus(sdp) {
  let found = null;
  mapAudio(sdp ?? '', lines => {
    const type = opusType(lines);
    if (type === null) return lines;
    const ptime = Number(lines.find(line => line.startsWith('a=ptime:'))?.slice(8));
    const fmtp = lines.find(line => line.startsWith(`a=fmtp:${type} `));
    found ??= { frameMs: ptime || null, fmtp: fmtp ? fmtp.slice(fmtp.indexOf(' ') + 1) : '' };
    return lines;
  });
  return found;
}

/** `sendrecv`, `sendonly`, `recvonly` or `inactive` of the first audio section; null without one. */
export function readDirection(sdp) {
  let session = 'sendrecv';
  let audio = null;
  for (const [index, section] of sections(sdp).entries()) {
    const said = section.map(line => line.slice(2)).find(word => DIRECTIONS.has(word));
    if (index === 0 && said) session = said;
    if (audio === null && section[0].startsWith('m=audio ')) audio = section[0].startsWith('m=audio 0 ') ? 'inactive' : said ?? session;
  }
  return audio;
}

const DIRECTIONS = new Set(['sendrecv', 'sendonly', 'recvonly', 'inactive']);

function opusType(lines) {
  for (const line of lines) {
    const found = /^a=rtpmap:(\d+) opus\/48000/i.exec(line);
    if (found) return found[1];
  }
  return null;
}

function withMinptime(fmtp, frameMs) {
  return /minptime=\d+/.test(fmtp) ? fmtp.replace(/minptime=\d+/, `minptime=${frameMs}`) : `${fmtp};minptime=${frameMs}`;
}

function sections(sdp) {
  const out = [[]];
  for (const line of sdp.split(/\r?\n/)) {
    if (line === '') continue;
    if (line.startsWith('m=')) out.push([]);
    out.at(-1).push(line);
  }
  return out;
}

function mapAudio(sdp, change) {
  return sections(sdp)
    .map(section => (section[0]?.startsWith('m=audio ') ? change(section) : section))
    .flat()
    .map(line => `${line}\r\n`)
    .join('');
}
