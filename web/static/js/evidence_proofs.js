// What is proved on paper: continuity certificates and purge reports.

import { answer, api, list } from "./api.js";
import { openDialog } from "./ask.js";
import { date, serverNow } from "./clock.js";
import { saveAs } from "./copy.js";
import { $, clone, fill, redraw, show } from "./dom.js";
import { done } from "./done.js";
import { cameraName, fillPeriod, loadCameras, localOf, periodOf, readPeriod } from "./evidence.js";
import { check, explain, onSubmit, setBusy, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import "./shell.js";
import { bytes, count, knows, number, say } from "./words.js";

const LONG_MS = 120_000;
const MONTH_MS = 30 * 86_400_000;
const TYPES = { pdf: "application/pdf", json: "application/json" };

function certificates(form, cameras) {
  form.elements.camera_id.append(...cameras.map(({ id, name }) => new Option(name, id)));
  fillPeriod(form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const kind = event.submitter?.value ?? "pdf";
    const period = check(form) ? readPeriod(form) : null;
    if (!period) return;
    setBusy(form, true);
    try {
      await certify(form.elements.camera_id.value, period, kind);
    } catch (error) {
      explain(form, error);
    }
    setBusy(form, false);
  });
}

async function certify(camera, { start, end }, kind) {
  const query = new URLSearchParams({ camera_id: camera, start, end });
  if (kind === "pdf") query.set("format", "pdf");
  const response = await answer(`/continuity?${query}`, { timeout: LONG_MS });
  const name = `${cameraName(camera)} ${localOf(Date.parse(start)).slice(0, 10)}.${kind}`;
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
    form.elements.end.value = localOf(serverNow());
    form.elements.start.value = localOf(serverNow() - MONTH_MS);
    openDialog(dialog);
  });
  onSubmit(form, async () => {
    const period = readPeriod(form);
    if (!period) return;
    await api("/purges", { method: "POST", body: period, timeout: LONG_MS });
    dialog.close();
    done(say("proofs.reported"));
    await loadPurges();
  });
  loadPurges().catch(showFailure);
}

if ($("#continuity")) loadCameras().then((cameras) => certificates($("#continuity"), cameras), showFailure);
if ($("#purges")) reports($("#new"));
