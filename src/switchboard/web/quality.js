// How good the call is: figures from `getStats`, once a second, and one word for them.

/** Figures for people and programs; every field is null until it is known. */
const UNKNOWN = {
  rttMs: null, lossPercent: null, lossOutPercent: null, jitterMs: null, playoutMs: null, concealedPercent: null,
  kbpsIn: null, kbpsOut: null, packetsIn: null, codec: null, fmtp: null, path: null,
};

export class QualityWatch {
  #last = null;

  /** The figures of the time since the previous reading. */
  async read(pc) {
    const report = index(await pc.getStats());
    const now = counters(report);
    const before = this.#last ?? now;
    this.#last = now;
    const figures = { ...UNKNOWN, ...path(report), ...codec(report), ...rates(now, before) };
    figures.packetsIn = now.packetsIn;
    figures.jitterMs = report.inbound ? round(report.inbound.jitter * 1000, 1) : null;
    figures.lossOutPercent = report.remoteInbound?.fractionLost !== undefined ? round(report.remoteInbound.fractionLost * 100, 1) : null;
    figures.rttMs ??= report.remoteInbound?.roundTripTime !== undefined ? round(report.remoteInbound.roundTripTime * 1000, 1) : null;
    figures.grade = grade(figures);
    return figures;
  }
}

/**
 * `excellent`, `good`, `fair` or `poor`; null before anything was heard.
 *
 * A short form of the E-model (ITU-T G.107): delay costs little up to 177 ms one way and dearly after that; of the
 * loss, what concealment had to invent is what the ear notices.
 */
export function grade({ rttMs, playoutMs, concealedPercent, lossOutPercent }) {
  if (rttMs === null && concealedPercent === null) return null;
  const delay = (rttMs ?? 0) / 2 + (playoutMs ?? 0) + 20;
  const lost = Math.max(concealedPercent ?? 0, lossOutPercent ?? 0);
  const score = 93 - 0.024 * delay - (delay > 177 ? 0.11 * (delay - 177) : 0) - (95 * lost) / (lost + 10);
  return score > 82 ? 'excellent' : score > 72 ? 'good' : score > 58 ? 'fair' : 'poor';
}

function index(stats) {
  const out = { byId: stats };
  for (const one of stats.values()) {
    if (one.type === 'inbound-rtp' && one.kind === 'audio') out.inbound = one;
    else if (one.type === 'outbound-rtp' && one.kind === 'audio') out.outbound = one;
    else if (one.type === 'remote-inbound-rtp' && one.kind === 'audio') out.remoteInbound = one;
    else if (one.type === 'transport') out.transport = one;
  }
  const chosen = out.transport?.selectedCandidatePairId;
  out.pair = (chosen && stats.get(chosen)) ?? [...stats.values()].find(one => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
  return out;
}

function counters({ inbound, outbound }) {
  return {
    at: inbound?.timestamp ?? outbound?.timestamp ?? 0,
    packetsIn: inbound?.packetsReceived ?? 0, lost: inbound?.packetsLost ?? 0,
    bytesIn: inbound?.bytesReceived ?? 0, bytesOut: outbound?.bytesSent ?? 0,
    samples: inbound?.totalSamplesReceived ?? 0, concealed: (inbound?.concealedSamples ?? 0) - (inbound?.silentConcealedSamples ?? 0),
    delay: inbound?.jitterBufferDelay ?? 0, emitted: inbound?.jitterBufferEmittedCount ?? 0,
  };
}

function rates(now, before) {
  const since = key => now[key] - before[key];
  const seconds = since('at') / 1000;
  const expected = since('packetsIn') + since('lost');
  return {
    kbpsIn: seconds > 0 ? round((since('bytesIn') * 8) / seconds / 1000, 1) : null,
    kbpsOut: seconds > 0 ? round((since('bytesOut') * 8) / seconds / 1000, 1) : null,
    lossPercent: expected > 0 ? round((Math.max(0, since('lost')) / expected) * 100, 1) : null,
    concealedPercent: since('samples') > 0 ? round((Math.max(0, since('concealed')) / since('samples')) * 100, 1) : null,
    playoutMs: since('emitted') > 0 ? round((since('delay') / since('emitted')) * 1000, 1) : null,
  };
}

function codec({ byId, inbound, outbound }) {
  const used = byId.get((inbound ?? outbound)?.codecId);
  if (!used) return {};
  const channels = used.channels > 1 && /(^|;)stereo=1/.test(used.sdpFmtpLine ?? '') ? ' stereo' : '';
  return { codec: `${used.mimeType.replace('audio/', '')} ${used.clockRate / 1000} kHz${channels}`, fmtp: used.sdpFmtpLine ?? '' };
}

function path({ byId, pair }) {
  if (!pair) return {};
  const local = byId.get(pair.localCandidateId);
  const remote = byId.get(pair.remoteCandidateId);
  const kind = [local, remote].some(end => end?.candidateType === 'relay') ? 'through a relay' : 'direct';
  return {
    rttMs: pair.currentRoundTripTime !== undefined ? round(pair.currentRoundTripTime * 1000, 1) : null,
    path: `${kind}, ${(local?.relayProtocol ?? local?.protocol ?? 'udp').toUpperCase()}`,
  };
}

function round(value, digits) {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : null;
}
