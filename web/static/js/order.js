// The order cameras stand in on every page, so that hands and eyes can learn it: by group, then by name.

import { list } from "./api.js";

const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

export async function camerasInOrder() {
  const cameras = await list("/cameras");
  return cameras.sort((a, b) => compare(a.group, b.group) || compare(a.name, b.name));
}
