// Every API token the caller is answerable for: whose it is, what it may do, and its end.

import { list } from "./api.js";
import { $, $$, clone, fill, redraw, show, write } from "./dom.js";
import { showFailure } from "./problems.js";
import { fold } from "./search.js";
import "./shell.js";
import { endWords, revoke, rotatingWords, scopeWords, usedWords } from "./tokens.js";
import { count, say } from "./words.js";

async function load() {
  const tokens = await list("/tokens", { cityId: "" });
  redraw($("#tokens tbody"), tokens.map(rowOf));
  show($("#loading"), false);
  show($("#empty"), tokens.length === 0);
  show($("#filled"), tokens.length > 0);
  search();
}

const refresh = () => load().catch(showFailure);

function rowOf(token) {
  const row = clone("token-row");
  const facts = { name: token.name, person: token.person.name, scope: scopeWords(token.scope) };
  const times = { end: endWords(token), rotating: rotatingWords(token), used: usedWords(token) };
  fill(row, { ...facts, ...times, prefix: `${token.prefix}…` });
  const button = $("[data-slot=revoke]", row);
  button.setAttribute("aria-label", say("tokens.name.revoke", { name: token.name }));
  button.addEventListener("click", () => revoke(token, refresh));
  row.dataset.id = token.id;
  row.dataset.text = fold([...Object.values(facts), token.prefix].join(" "));
  return row;
}

function search() {
  const wanted = fold($("#search").value.trim());
  let found = 0;
  for (const row of $$("#tokens tbody tr")) {
    const matches = row.dataset.text.includes(wanted);
    show(row, matches);
    found += matches;
  }
  write($("#found"), count("tokens.found", found));
}

$("#search").addEventListener("input", search);
refresh();
