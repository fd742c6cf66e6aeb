// The mosaics the caller sees, in the order they stand in everywhere: by number first, then by name.

import { list } from "./api.js";

const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

export async function mosaicsInOrder() {
  const mosaics = await list("/mosaics");
  return mosaics.sort((a, b) => (a.number ?? 10) - (b.number ?? 10) || compare(a.name, b.name));
}
