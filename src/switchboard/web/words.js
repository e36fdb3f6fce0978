// What the page says, in words. No logic but the choice of a sentence.

/** Why a call ended, said to the person. */
export function endedWords({ reason, there }, peer) {
  if (reason in ENDED) return ENDED[reason](peer, there);
  return `The call with ${peer} ended (${reason}).`;
}

const ENDED = {
  normal: (peer, there) => (there ? `${peer} hung up.` : 'You hung up.'),
  busy: (peer, there) => (there ? `${peer} is on another call.` : `You were on another call when ${peer} called.`),
  declined: (peer, there) => (there ? `${peer} declined the call.` : `You declined the call from ${peer}.`),
  unsupported: peer => `${peer} and this browser have no way of talking in common.`,
  timeout: (peer, there) => (there ? `${peer} stopped ringing.` : `${peer} did not answer.`),
  cancelled: (peer, there) => (there ? `${peer} stopped calling.` : 'You stopped calling.'),
  error: (peer, there) => (there ? `The call with ${peer} ended because of a fault at the other end.` : `No path was found between you and ${peer}.`),
  lost: peer => `The connection to ${peer} was lost.`,
  peer_gone: peer => `${peer} went away.`,
  glare: peer => `You and ${peer} called each other at the same moment.`,
  shutdown: () => 'The switchboard is shutting down.',
  failed: peer => `The call to ${peer} could not be placed.`,
};

/** Why a call could not be placed; null leaves it to the switchboard's own words. */
export function refusalWords(code, peer) {
  switch (code) {
    case 'unknown_peer': return `${peer} is not online.`;
    case 'self_call': return 'That is you. Choose someone else to call.';
    case 'already_in_call': return `There is a call between you and ${peer} already.`;
    case 'callee_busy': return `${peer} is on another call.`;
    case 'unknown_call': return `${peer} is no longer there.`;
    case 'rate_limited': return 'Too much at once; wait a moment, then call again.';
    default: return null;
  }
}

/** One line under the name while a call goes on. */
export function stateWords(call) {
  switch (call.state) {
    case 'dialing': return 'Calling…';
    case 'ringing': return call.incoming ? 'is calling you' : 'Ringing…';
    case 'connecting': return 'Connecting…';
    case 'connected': return 'Connected';
    case 'reconnecting': return `Nothing comes from ${call.peer}; trying to get the connection back…`;
    case 'held': return heldWords(call);
    default: return 'Call ended';
  }
}

function heldWords({ hold, peer }) {
  if (hold.here && hold.there) return `You and ${peer} both put the call on hold`;
  return hold.here ? 'On hold; neither of you hears the other' : `${peer} put you on hold`;
}

/** The state of the line to the switchboard. */
export function lineWords(line, id) {
  switch (line.name) {
    case 'registered': return `Online as ${id}`;
    case 'connecting': return 'Connecting…';
    case 'waiting': return `Offline. ${line.why} Trying again…`;
    case 'refused': return refusedWords(line, id);
    default: return 'Offline';
  }
}

export function refusedWords({ code, message }, id) {
  switch (code) {
    case 'id_taken': return `Someone is online as “${id}” already. Choose another name; if it is an earlier visit of yours, it ends by itself within a minute.`;
    case 'replaced': return `“${id}” was taken over by another page of yours. Only one can take calls.`;
    case 'bad_field': return `“${id}” cannot be a name here: use letters, digits, dots, dashes and underscores, at most 64.`;
    default: return message || `The switchboard refused (${code}).`;
  }
}

/** One word for the figures, and what lies behind it. */
export const GRADES = {
  excellent: 'Excellent',
  good: 'Good',
  fair: 'Fair: you may notice some delay or gaps',
  poor: 'Poor: speech will suffer',
};

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map(part => String(part).padStart(2, '0'));
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${parts.join(':')}` : parts.join(':');
}

/** How a past call is told in the log. */
export function historyWords({ incoming, outcome, seconds }) {
  if (seconds !== null && seconds !== undefined) return `${incoming ? 'Incoming' : 'Outgoing'}, ${clock(seconds)}`;
  if (incoming) return outcome === 'declined' ? 'Declined' : 'Missed';
  if (outcome === 'busy') return 'Busy';
  return outcome === 'declined' ? 'Declined by them' : outcome === 'normal' ? 'Cancelled' : 'Not answered';
}

export function when(at, now) {
  const then = new Date(at);
  const sameDay = then.toDateString() === new Date(now).toDateString();
  return sameDay
    ? then.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : then.toLocaleDateString([], { day: 'numeric', month: 'short' });
}
