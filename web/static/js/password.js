// Passwords that are chosen, and those that are made up for somebody.

import { focusFirstWrong, mark } from "./form.js";
import { say } from "./words.js";

/** Letters and digits nobody mistakes for each other when reading them out. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const BLOCKS = 4;
const BLOCK = 4;

/** Whether the new password stands the same in both fields; says so at the second when not. */
export function agreeOnPassword(form) {
  const fields = form.elements;
  if (fields.new_password.value !== fields.again.value) mark(form, "again", say("form.wrong.again"));
  return focusFirstWrong(form);
}

/** A password to be told to somebody and changed by them: 79 bits, such as "h4xk-p2mw-…". */
export function makeUpPassword() {
  const blocks = Array.from({ length: BLOCKS }, () => Array.from({ length: BLOCK }, letter).join(""));
  return blocks.join("-");
}

/** Each as likely as any other. */
function letter() {
  const [byte] = crypto.getRandomValues(new Uint8Array(1));
  return byte < 256 - (256 % LETTERS.length) ? LETTERS[byte % LETTERS.length] : letter();
}
