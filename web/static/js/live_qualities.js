// The three ways live video travels, best first, and which of them this browser was told to use.

const CHOICE = "vmsd.live";

/** In the order of their delay; each with the field of a viewing session that holds its address. */
export const QUALITIES = ["webrtc", "ll_hls", "hls"];

/** Smaller is better. */
export const rank = (quality) => QUALITIES.indexOf(quality);

let chosen = "auto";

function kept() {
  try {
    return known(localStorage.getItem(CHOICE));
  } catch {
    return "auto";
  }
}

const known = (quality) => (QUALITIES.includes(quality) ? quality : "auto");

chosen = kept();

/** What the person chose in this browser, for every camera: "auto" or one of QUALITIES. */
export const choice = () => chosen;

export function choose(quality) {
  chosen = known(quality);
  try {
    localStorage.setItem(CHOICE, chosen);
  } catch {
    // A browser that keeps nothing plays all the same.
  }
}

window.addEventListener("storage", ({ key }) => key === CHOICE && (chosen = kept()));

/** A chosen quality is where to begin: what is slower stays behind it, so that no tile is black for a wish. */
export function allowed() {
  return chosen === "auto" ? QUALITIES : QUALITIES.slice(rank(chosen));
}
