// The words scripts say, in the language of the page. They come translated inside <template id="words">.

const words = new Map();
for (const word of document.getElementById("words").content.querySelectorAll("[data-word]")) {
  words.set(word.dataset.word, word.textContent.trim());
}

/** The words for `key`, with `{name}` replaced. An unknown key shows itself, so that it is noticed. */
export function say(key, facts = {}) {
  return (words.get(key) ?? key).replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

export function knows(key) {
  return words.has(key);
}

/** The words for `n` things: `key.zero` where there is one, `key.one` or `key.other`, with `{n}` replaced. */
export function count(key, n) {
  const form = n === 0 && knows(`${key}.zero`) ? "zero" : n === 1 ? "one" : "other";
  return say(`${key}.${form}`, { n: number(n) });
}

export function number(value, digits = 0) {
  return value.toLocaleString(document.documentElement.lang, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Bytes as people buy disks: powers of ten. */
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${number(value, value < 10 && step > 0 ? 1 : 0)} ${units[step]}`;
}

export function bitrate(bitsPerSecond) {
  if (bitsPerSecond >= 1e6) return `${number(bitsPerSecond / 1e6, 1)} Mbit/s`;
  return `${number(bitsPerSecond / 1e3)} kbit/s`;
}

/** "h264" and "H265" as people write them. */
export function codecName(codec) {
  return codec.toUpperCase().replace(/^H(26\d)$/, "H.$1");
}

export function percent(ratio, digits = 0) {
  return `${number(ratio * 100, digits)}%`;
}
