// What is proved on paper: continuity certificates and purge reports.

import { answer, api, list } from "./api.js";
import { openDialog } from "./ask.js";
import { date, serverNow } from "./clock.js";
import { saveAs } from "./copy.js";
import { $, clone, fill, redraw, show } from "./dom.js";
import { done } from "./done.js";
import { begin, cameraName, camerasFor, fillPeriod, onPeriod, periodOf, readPeriod } from "./evidence.js";
import { unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { localDay } from "./replay_time.js";
import "./shell.js";
import { bytes, count, knows, number, say } from "./words.js";

const LONG_MS = 120_000;
const MONTH_MS = 30 * 86_400_000;
/** A report is of what is over. */
const A_SECOND_MS = 1000;
const TYPES = { pdf: "application/pdf", json: "application/json" };

function certificates(form) {
  form.elements.camera_id.append(...camerasFor("export").map(({ id, name }) => new Option(name, id)));
  fillPeriod(form);
  onPeriod(form, async (fields, button) => {
    const period = readPeriod(form);
    if (period) await certify(fields.camera_id.value, period, button.value);
  });
}

async function certify(camera, { start, end }, kind) {
  const query = new URLSearchParams({ camera_id: camera, start, end });
  if (kind === "pdf") query.set("format", "pdf");
  const response = await answer(`/continuity?${query}`, { timeout: LONG_MS });
  const name = `${cameraName(camera)} ${localDay(Date.parse(start))}.${kind}`;
  saveAs(name, await response.blob(), TYPES[kind]);
  done(say("proofs.issued"));
}

async function loadPurges() {
  const reports = await list("/purges");
  redraw($("#purges tbody"), reports.map(purgeRow));
  show($("#purges"), reports.length > 0);
  show($("#no-purges"), reports.length === 0);
}

function purgeRow(report) {
  const row = clone("purge-row");
  row.dataset.id = report.id;
  const period = periodOf(report);
  fill(row, {
    period,
    recordings: count("proofs.recordings", report.recordings),
    bytes: bytes(report.bytes),
    rules: report.by_rule.map(ruleWords).join(" · ") || "–",
    when: date(Date.parse(report.created_at)),
    by: report.by.name ? say("proofs.by", { name: report.by.name }) : say("proofs.box"),
  });
  const link = $("[data-slot=pdf]", row);
  link.href = `/api/v1/purges/${report.id}.pdf`;
  link.setAttribute("aria-label", say("proofs.pdf", { period }));
  link.addEventListener("click", (event) => savePdf(event, report));
  return row;
}

function ruleWords({ rule, recordings }) {
  const word = knows(`rule.${rule}`) ? say(`rule.${rule}`) : rule;
  return say("proofs.rule", { rule: word, n: number(recordings) });
}

async function savePdf(event, report) {
  event.preventDefault();
  try {
    const response = await answer(`/purges/${report.id}.pdf`, { timeout: LONG_MS });
    saveAs(`expurgo-${report.start.slice(0, 10)}.pdf`, await response.blob(), TYPES.pdf);
  } catch (error) {
    showFailure(error);
  }
}

function reports(dialog) {
  const form = $("form", dialog);
  $("#add").addEventListener("click", () => {
    unmarkAll(form);
    fillPeriod(form, serverNow() - MONTH_MS, serverNow() - A_SECOND_MS);
    openDialog(dialog);
  });
  onPeriod(form, async () => {
    const period = readPeriod(form);
    if (!period) return;
    await api("/purges", { method: "POST", body: period, timeout: LONG_MS });
    dialog.close();
    done(say("proofs.reported"));
    await loadPurges();
  });
}

begin(async () => {
  certificates($("#continuity"));
  if (!$("#purges")) return;
  reports($("#new"));
  await loadPurges();
});
