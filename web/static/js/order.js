// The order cameras stand in on every page, so that hands and eyes can learn it: by group, then by name.

import { list } from "./api.js";

const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

/** None for somebody who may see none. */
export async function camerasInOrder() {
  const cameras = await list("/cameras").catch((error) => {
    if (error.status === 403) return [];
    throw error;
  });
  return cameras.sort((a, b) => compare(a.group, b.group) || compare(a.name, b.name));
}
