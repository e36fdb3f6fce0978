// The one AudioContext of the page, shared by the tones and the meters.
//
// Browsers keep it silent until the person has touched the page once; `audible` says whether it sounds now.

let context = null;

/** The context, made on first use. */
export function soundContext() {
  context ??= new AudioContext({ latencyHint: 'interactive' });
  return context;
}

/** Whether a tone started now would be heard. */
export function audible() {
  return context?.state === 'running';
}

/** Wakes the context; worth calling on every gesture until it runs. */
export function wakeSound() {
  const sound = soundContext();
  if (sound.state !== 'running') sound.resume().catch(() => {});
}
