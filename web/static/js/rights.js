// Who may do what: the verbs, and how the rights of a person give them camera by camera.

/** In the order they are shown everywhere. */
export const VERBS = ["view", "replay", "export", "preserve", "manage", "configure", "plates"];
/** Where a group is named: every camera of the city. */
export const EVERYWHERE = "*";

export const inOrder = (verbs) => VERBS.filter((verb) => verbs.includes(verb));

/** The verbs of `groups` (as the API gives them) on one group, without those on every camera. */
export function verbsOn(groups, name) {
  return inOrder(groups.find((one) => one.group === name)?.verbs ?? []);
}

/** Whether somebody with `me.groups` may do `verb` with this very camera. */
export function may(me, verb, camera) {
  return [EVERYWHERE, camera.group].some((name) => verbsOn(me.groups, name).includes(verb));
}
