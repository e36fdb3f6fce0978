// The microphone: opened for a call, closed after it, and what to say when it cannot be had.

/** Why there is no microphone: `kind` for programs, `words` and `remedy` for people. */
export class MicrophoneError extends Error {
  constructor(kind, words, remedy) {
    super(words);
    this.kind = kind;
    this.words = words;
    this.remedy = remedy;
  }
}

/** The microphone's audio track. `deviceId` may be empty; `processing` turns echo, noise and gain control on. */
export async function openMicrophone({ deviceId, processing }) {
  if (!navigator.mediaDevices?.getUserMedia) throw insecure();
  const audio = { channelCount: 1, echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing };
  // `ideal`, not `exact`: a headset that is not plugged in today should not cost the call its voice.
  if (deviceId) audio.deviceId = { ideal: deviceId };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    return stream.getAudioTracks()[0];
  } catch (error) {
    throw inWords(error);
  }
}

/** What the browser will say to the next request: `granted`, `denied`, `prompt`, `insecure` or `unknown`. */
export async function microphonePermission() {
  if (!navigator.mediaDevices?.getUserMedia) return 'insecure';
  try {
    return (await navigator.permissions.query({ name: 'microphone' })).state;
  } catch {
    return 'unknown';
  }
}

/** Microphones and speakers with names that people know; unnamed until the microphone was once allowed. */
export async function soundDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const named = kind => all.filter(device => device.kind === kind && device.deviceId && device.label);
  return { microphones: named('audioinput'), speakers: named('audiooutput') };
}

function insecure() {
  return new MicrophoneError(
    'insecure',
    'This browser gives no microphone to a page that came over plain http from another machine.',
    'Open this page over https, or on the machine itself as http://localhost.',
  );
}

function inWords(error) {
  switch (error.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return new MicrophoneError(
        'refused',
        'The browser was not allowed to use your microphone.',
        'Allow the microphone for this page (the icon beside the address, or the site settings), then choose “Try again”.',
      );
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new MicrophoneError('missing', 'No microphone was found.', 'Plug one in, or switch it on, then choose “Try again”.');
    case 'NotReadableError':
    case 'AbortError':
      return new MicrophoneError(
        'taken',
        'The microphone could not be opened; another program may be using it.',
        'Close the other program, or choose another microphone in Settings, then choose “Try again”.',
      );
    default:
      return new MicrophoneError('failed', `The microphone could not be opened (${error.name}).`, 'Check the microphone, then choose “Try again”.');
  }
}
