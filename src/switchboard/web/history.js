// The call log, kept by the browser for the next visit.

const KEY = 'handset.log';
/** Entries kept: a screenful or two; older ones are of no use for calling back. */
const ENTRIES_MAX = 50;

/** Newest first: `{ peer, incoming, at, seconds, outcome }`; `outcome` is a reason as the call's `ended` gives it. */
export function readHistory() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter(entry => typeof entry?.peer === 'string').slice(0, ENTRIES_MAX) : [];
  } catch {
    return [];
  }
}

export function addToHistory(entry) {
  const kept = [entry, ...readHistory()].slice(0, ENTRIES_MAX);
  remember(KEY, JSON.stringify(kept));
  return kept;
}

export function clearHistory() {
  remember(KEY, '[]');
  return [];
}

/** What the page keeps between visits; a browser that forbids it costs nothing but the memory. */
export function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* private mode or full: not worth a word */ }
}

export function recall(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}
