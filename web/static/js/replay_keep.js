// What is done with a marked period: preserve it, open an incident with it, export it.

import { api } from "./api.js";
import { openDialog } from "./ask.js";
import { $, el, fill, icon, show, write } from "./dom.js";
import { done as sayDone } from "./done.js";
import { fail, onSubmit, unmarkAll } from "./form.js";
import { problemWords } from "./problems.js";
import { rfc3339 } from "./replay_time.js";
import { may } from "./rights.js";
import { bytes, count, number, percent, say } from "./words.js";

const JOB_EVERY_MS = 1500;
const OVER = ["done", "failed", "cancelled"];
const ICONS = {
  queued: "loader",
  running: "loader",
  done: "circle-check",
  failed: "octagon-alert",
  cancelled: "circle-slash",
};
const EACH = { preserve: "preserve", incident: "preserve", export: "export" };

/** Fires `kept` when a period is preserved now. */
export class Keep extends EventTarget {
  #period;
  #me;
  #cameras = [];
  #asked = 0;

  constructor(period, me) {
    super();
    this.#period = period;
    this.#me = me;
    for (const kind of Object.keys(EACH)) {
      $(`#${kind}`).addEventListener("click", () => this.open(kind));
      onSubmit($("form", this.#dialog(kind)), (fields) => this[`_${kind}`](fields));
    }
  }

  /** Buttons only for what somebody may do with a camera of theirs. */
  offer(cameras) {
    for (const [kind, verb] of Object.entries(EACH)) {
      show(
        $(`#${kind}`),
        cameras.some((camera) => may(this.#me, verb, camera)),
      );
    }
  }

  open(kind) {
    const button = $(`#${kind}`);
    if (button.hidden || button.disabled || !this.#period.isMarked) return false;
    const dialog = this.#dialog(kind);
    const [allowed, refused] = split(this.#period.cameras, (camera) => may(this.#me, EACH[kind], camera));
    this.#cameras = allowed;
    $("form", dialog).reset();
    unmarkAll($("form", dialog));
    const out = refused.length ? say("replay.not_of", { names: names(refused) }) : "";
    const of = allowed.length ? say("replay.of", { names: names(allowed) }) : "";
    openDialog(dialog, { period: this.#period.words, cameras: [of, out].filter(Boolean).join(" ") });
    if (!allowed.length) fail($("form", dialog), say("replay.no_camera"));
    if (kind !== "export") this.#reckon(dialog);
  }

  #dialog(kind) {
    return $(`#${kind}-dialog`);
  }

  get #times() {
    return { start: rfc3339(this.#period.inMs), end: rfc3339(this.#period.outMs) };
  }

  /** GB, and the days of retention they are. */
  async #reckon(dialog) {
    const asked = (this.#asked += 1);
    fill(dialog, { cost: this.#cameras.length ? say("replay.cost.asking") : "" });
    const { start, end } = this.#times;
    const words = await Promise.all(
      this.#cameras.map((one) => api(`/preservations/cost?camera_id=${one.id}&start=${start}&end=${end}`)),
    ).then(costWords, () => say("replay.cost.unknown"));
    if (asked === this.#asked && this.#cameras.length) fill(dialog, { cost: words });
  }

  async _preserve(fields) {
    if (!this.#cameras.length) return fail($("form", this.#dialog("preserve")), say("replay.no_camera"));
    const results = await Promise.allSettled(
      this.#cameras.map((camera) =>
        api("/preservations", {
          method: "POST",
          body: { camera_id: camera.id, ...this.#times, reason: fields.reason.value.trim() },
        }),
      ),
    );
    const [done, failed] = split(this.#cameras, (_, at) => results[at].status === "fulfilled");
    if (done.length) this.dispatchEvent(new Event("kept"));
    if (!failed.length) return this.#close("preserve", count("replay.preserved.done", done.length));
    const why = results.find((one) => one.status === "rejected").reason;
    if (!done.length) throw why;
    this.#cameras = failed;
    const facts = { done: names(done), failed: names(failed), why: problemWords(why) };
    fail($("form", this.#dialog("preserve")), say("replay.preserved.part", facts));
  }

  async _incident(fields) {
    if (!this.#cameras.length) return fail($("form", this.#dialog("incident")), say("replay.no_camera"));
    const periods = this.#cameras.map((camera) => ({ camera_id: camera.id, ...this.#times }));
    const body = { name: fields.name.value.trim(), note: fields.note.value.trim(), periods };
    await api("/incidents", { method: "POST", body });
    this.dispatchEvent(new Event("kept"));
    this.#close("incident", say("replay.incident.done", { name: body.name }));
  }

  async _export(fields) {
    if (!this.#cameras.length) return fail($("form", this.#dialog("export")), say("replay.no_camera"));
    const body = {
      camera_ids: this.#cameras.map((camera) => camera.id),
      ...this.#times,
      format: fields.format.value,
      reason: fields.reason.value.trim(),
      request_number: fields.request_number.value.trim(),
    };
    const job = await api("/exports", { method: "POST", body });
    this.#dialog("export").close();
    follow(job, this.#period.words);
  }

  #close(kind, words) {
    this.#dialog(kind).close();
    sayDone(words);
  }
}

const names = (cameras) => cameras.map((camera) => camera.name).join(", ");

function split(items, test) {
  return [items.filter(test), items.filter((...each) => !test(...each))];
}

/** The days are not known before the box has measured how much it writes in one. */
function costWords(costs) {
  const taken = costs.reduce((sum, one) => sum + one.bytes, 0);
  if (costs.some((one) => one.retention_days === null)) return say("replay.cost.bytes", { bytes: bytes(taken) });
  const days = costs.reduce((sum, one) => sum + one.retention_days, 0);
  const some = { n: number(days, days < 0.1 ? 3 : 1) };
  const words = days < 10 ? say("replay.cost.days.other", some) : count("replay.cost.days", Math.round(days));
  return say("replay.cost", { bytes: bytes(taken), days: words });
}

/** A line for an export, until it is over. The job is the box's: it goes on without this page. */
function follow(job, words) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": say("replay.export.queued") });
  const state = el("strong", { role: "status" });
  const sign = el("span");
  const link = el("a", { href: "/evidence" }, say("replay.export.follow"));
  const line = el(
    "div",
    { class: "replay__job" },
    sign,
    state,
    el("span", { class: "numbers muted" }, words),
    bar,
    link,
  );
  $("#jobs").prepend(line);
  const draw = (now) => {
    if (line.dataset.state !== now.state) sign.replaceChildren(icon(ICONS[now.state]));
    line.dataset.state = now.state;
    bar.value = now.state === "done" ? 1 : (now.progress ?? 0);
    show(bar, !OVER.includes(now.state));
    write(state, say(`replay.export.${now.state}`, { share: percent(now.progress ?? 0) }));
    if (!OVER.includes(now.state)) setTimeout(look, JOB_EVERY_MS);
  };
  const look = () => api(`/exports/${job.id}`).then(draw, () => setTimeout(look, 2 * JOB_EVERY_MS));
  draw(job);
}
