// What a replay playlist says: which bytes of which file hold which stretch of wall time.

/** Less than this between two entries is no gap: the moment a recorder needs from one file to the next. */
export const TOLERANCE_MS = 1500;

const ATTRIBUTE = /([A-Z-]+)=("[^"]*"|[^",]+)/g;

/** The last of `items` for which `test` holds, where it holds for all before; -1 when for none. */
export function lastIndex(items, test) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Entries `{ startMs, endMs, first, size, file, run }` in wall time, in order. An entry is declared to begin with a
 * keyframe; its bytes begin up to a second before it, with the part of the file the keyframe lies in. Files are
 * `{ url, headBytes, startMs }`, where `startMs` is the wall time at which the times inside the file begin to count.
 */
export function parsePlaylist(text, baseUrl) {
  const entries = [];
  let [file, wallMs, lengthMs, range] = [null, null, 0, null];
  for (const line of text.split("\n")) {
    if (line.startsWith("#EXTINF:")) lengthMs = Number.parseFloat(line.slice(8)) * 1000;
    else if (line.startsWith("#EXT-X-BYTERANGE:")) range = line.slice(17).split("@").map(Number);
    else if (line.startsWith("#EXT-X-MAP:")) file = fileOf(line, baseUrl);
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) wallMs = Date.parse(line.slice(25));
    else if (line && !line.startsWith("#")) {
      // Only what starts with the file's first byte says when the file begins.
      if (file.startMs === null && range[1] === file.headBytes) file.startMs = wallMs;
      entries.push({ startMs: wallMs, endMs: wallMs + lengthMs, first: range[1], size: range[0], file, run: 0 });
      wallMs += lengthMs;
    }
  }
  return entries;
}

function fileOf(line, baseUrl) {
  const found = Object.fromEntries(
    [...line.matchAll(ATTRIBUTE)].map(([, name, value]) => [name, value.replaceAll('"', "")]),
  );
  return { url: new URL(found.URI, baseUrl).href, headBytes: Number.parseInt(found.BYTERANGE, 10), startMs: null };
}

/** Entries of one run follow each other without a gap. Where clocks made two files overlap, the later one counts. */
export function numberRuns(entries) {
  let run = 0;
  entries.forEach((entry, index) => {
    const before = entries[index - 1];
    if (before && entry.startMs - before.endMs > TOLERANCE_MS) run += 1;
    if (before && before.endMs > entry.startMs) before.endMs = Math.max(before.startMs, entry.startMs);
    entry.run = run;
  });
  return entries;
}

/** The number of the entry that is played at `wallMs`, or the one right after a moment that is no gap; -1 in a gap. */
export function entryAt(entries, wallMs) {
  const at = lastIndex(entries, (entry) => entry.startMs <= wallMs);
  const [entry, next] = [entries[at], entries[at + 1]];
  if (entry && wallMs < entry.endMs) return at;
  const isMoment = next && (entry ? entry.run === next.run : next.startMs - wallMs <= TOLERANCE_MS);
  return isMoment ? at + 1 : -1;
}

/** The wall times at which the video before a gap ends and the one after it begins; null where there is none. */
export function around(entries, wallMs) {
  const at = lastIndex(entries, (entry) => entry.startMs <= wallMs);
  return { before: entries[at]?.endMs ?? null, after: entries[at + 1]?.startMs ?? null };
}

/** Where the run an entry belongs to ends. */
export function runEnd(entries, { run }) {
  return entries[lastIndex(entries, (entry) => entry.run <= run)].endMs;
}
