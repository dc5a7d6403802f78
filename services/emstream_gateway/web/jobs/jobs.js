// @ts-check
/** The list of jobs: their settings, progress, errors and actions. */
import { askJson, here, jobPath, send } from "../kit/api.js";
import { announce, confirmed, find, make } from "../kit/dom.js";
import { formats } from "../kit/formats.js";
import { factsOf, filesOf, isUploaded, settingsInWords, uploadInWords } from "./facts.js";
import { follow } from "./follow.js";
import { isMoving, isOver, stateInWords } from "../kit/states.js";
import { duration, regionInWords, sentence, voxelInWords } from "../kit/words.js";

const REFRESH_MS = 2500;
const IDLE_MS = 10000;
const FOLLOWED = 2; // jobs whose events are followed: a browser keeps few connections to one server
const STEP = 20;

export class Jobs {
  /**
   * @param {(id: string) => boolean} isDraft tests whether a job is shown as a new sample instead
   * @param {(job: import("../kit/api.js").Job) => void} onAgain called to predict a job's files with other settings
   */
  constructor(isDraft, onAgain) {
    this.isDraft = isDraft;
    this.onAgain = onAgain;
    /** @type {Map<string, {element: any, text: string}>} */
    this.rows = new Map();
    /** @type {Map<string, () => void>} */
    this.followed = new Map();
    this.limit = STEP;
    this.isActive = false;
    find("more-jobs").addEventListener("click", () => {
      this.limit = Math.min(100, this.limit + STEP);
      this.refresh();
    });
  }

  /** Keep the list up to date while it is visible. @param {boolean} isActive */
  setActive(isActive) {
    this.isActive = isActive;
    clearTimeout(this.timer);
    if (isActive) this.refresh();
    else for (const [id] of this.followed) this.#unfollow(id);
  }

  /** Fetch all jobs and show them. */
  async refresh() {
    clearTimeout(this.timer);
    let delay = IDLE_MS;
    try {
      const { jobs } = await askJson(`/v1/jobs?limit=${this.limit}`);
      this.#show(jobs.filter((/** @type {any} */ job) => !this.isDraft(job.id)));
      if (jobs.some((/** @type {any} */ job) => isMoving(job.state) && !this.followed.has(job.id))) delay = REFRESH_MS;
    } catch {
      delay = REFRESH_MS; // the health line reports it
    }
    if (this.isActive) this.timer = setTimeout(() => this.refresh(), delay);
  }

  /** @param {import("../kit/api.js").Job[]} jobs */
  #show(jobs) {
    find("no-jobs").hidden = jobs.length > 0;
    find("more-jobs").hidden = jobs.length < this.limit || this.limit >= 100;
    const ids = new Set(jobs.map((job) => job.id));
    for (const [id, { element }] of this.rows) {
      if (!ids.has(id)) {
        element.remove();
        this.rows.delete(id);
        this.#unfollow(id);
      }
    }
    jobs.forEach((job, place) => this.#put(job, place));
    for (const { id } of jobs.filter((job) => isMoving(job.state)).reverse()) {
      if (this.isActive && !this.followed.has(id) && this.followed.size < FOLLOWED) {
        this.followed.set(id, follow(id, (job) => {
          this.#put(job);
          if (isOver(job.state)) {
            this.#unfollow(id);
            announce(`${job.name}: ${stateInWords(job.state)}`);
          }
        }));
      }
    }
  }

  /** @param {string} id */
  #unfollow(id) {
    this.followed.get(id)?.();
    this.followed.delete(id);
  }

  /** @param {import("../kit/api.js").Job} job @param {number} [place] */
  #put(job, place) {
    const list = find("jobs");
    let row = this.rows.get(job.id);
    if (!row) {
      row = { element: make("li", { class: "job", "data-testid": "job", "data-job": job.id }), text: "" };
      this.rows.set(job.id, row);
    }
    if (place !== undefined && list.children[place] !== row.element) list.insertBefore(row.element, list.children[place] ?? null);
    const text = JSON.stringify(job);
    if (text === row.text || row.element.contains(document.activeElement) && row.text && isSame(row.text, job)) return;
    row.text = text;
    const isOpen = row.element.querySelector("details")?.open ?? false;
    const focused = row.element.contains(document.activeElement) ? document.activeElement?.textContent : null;
    row.element.dataset.state = job.state;
    row.element.replaceChildren(...this.#parts(job, isOpen));
    if (focused) [...row.element.querySelectorAll("a, button, summary")].find((e) => e.textContent === focused)?.focus();
  }

  /** @param {import("../kit/api.js").Job} job @param {boolean} isOpen */
  #parts(job, isOpen) {
    const notes = [...job.errors.map((error) => ["bad", error.sentence]), ...job.warnings.map((text) => ["warn", text])];
    const name = job.name || job.id.slice(0, 8);
    return [
      make("div", {},
        make("div", { class: "name" }, job.shape_zyx ? make("a", { href: `#/job/${job.id}` }, name) : name),
        make("p", { class: "facts note" }, factsOf(job))),
      progressOf(job),
      make("div", { class: "actions" }, ...this.#actions(job, name)),
      notes.length ? make("ul", { class: "sentences" }, ...notes.slice(0, 4).map(([kind, text]) => make("li", { class: kind }, sentence(text)))) : "",
      detailsOf(job, isOpen),
    ];
  }

  /** @param {import("../kit/api.js").Job} job @param {string} name */
  #actions(job, name) {
    const button = (/** @type {string} */ text, /** @type {() => any} */ run) =>
      make("button", { type: "button", class: "quiet", "aria-label": `${text} ${name}`, onclick: run }, text);
    const actions = [];
    if (isMoving(job.state)) actions.push(button("Cancel", () => this.#act(job, "cancel")));
    if (["failed", "cancelled", "completed_with_errors"].includes(job.state)) actions.push(button("Retry", () => this.#act(job, "retry")));
    if (isUploaded(job)) actions.push(button("Continue", () => this.onAgain(job)));
    if (isOver(job.state)) actions.push(button("Again…", () => this.onAgain(job)));
    actions.push(button("Delete", () => this.#delete(job, name)));
    if (job.shape_zyx) actions.push(make("a", { class: "button", href: `#/job/${job.id}`, "aria-label": `View ${name}` }, "View"));
    return actions;
  }

  /** @param {import("../kit/api.js").Job} job @param {string} verb */
  async #act(job, verb) {
    await send(jobPath(job.id, `/${verb}`)).catch((error) => this.#report(job, error));
    await this.refresh();
  }

  /** @param {import("../kit/api.js").Job} job @param {string} name */
  async #delete(job, name) {
    const text = job.state === "uploading" && job.input === null ? "The files uploaded so far are removed." : "Its files, masks, objects and measurements are removed from the service’s disk. Your own files stay.";
    if (!(await confirmed(`Delete ${name}?`, text, "Delete"))) return;
    await send(jobPath(job.id), undefined, "DELETE").catch((error) => this.#report(job, error));
    await this.refresh();
  }

  /** @param {import("../kit/api.js").Job} job @param {Error} error */
  #report(job, error) {
    announce(error.message);
    this.rows.get(job.id)?.element.append(make("ul", { class: "sentences bad" }, make("li", {}, error.message)));
  }
}

/** Return whether neither state, progress nor errors of a job have changed. @param {string} text @param {import("../kit/api.js").Job} job */
function isSame(text, job) {
  const before = JSON.parse(text);
  return before.state === job.state && before.progress === job.progress && before.errors.length === job.errors.length;
}

/** @param {import("../kit/api.js").Job} job */
function progressOf(job) {
  const left = job.eta_s !== null && job.state === "running" ? `about ${duration(job.eta_s)} left` : "";
  const state = job.state === "uploading" ? uploadInWords(job) : stateInWords(job.state);
  const head = make("p", { class: "state" },
    make("span", { "data-testid": "state" }, make("i", { class: `dot ${job.state}`, "aria-hidden": "true" }), state, isMoving(job.state) ? ` · ${Math.floor(job.progress * 100)} %` : ""),
    make("span", { class: "note" }, left || (isOver(job.state) ? whenOf(job.created) : "")));
  if (!isMoving(job.state)) return make("div", {}, head);
  const bars = formats().stages.map((stage) => {
    const { done, total } = job.stages[stage] ?? { done: 0, total: 0 };
    return make("div", { title: `${stage}: ${done} of ${total || "?"}` },
      make("progress", { max: total || 1, value: done, "aria-label": stage }), make("span", {}, `${stage} ${total ? `${done}/${total}` : ""}`));
  });
  return make("div", {}, head, make("div", { class: "stages" }, ...bars));
}

/** @param {number} seconds */
function whenOf(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

/** @param {import("../kit/api.js").Job} job @param {boolean} isOpen */
function detailsOf(job, isOpen) {
  const { settings } = job;
  const rows = [
    ["Job", job.id], ["Voxel size", voxelInWords(job.voxel_size_nm)], ["Quality", settings.quality],
    ["Region", regionInWords(settings.region)],
    ["Settings", settingsInWords(settings)],
    ["Files", job.file_totals.count > 1 ? `${job.file_totals.first} … ${job.file_totals.last}` : job.file_totals.first ?? job.input ?? "on the server’s disk"],
    ...formats().stages.map((stage) => [sentence(stage), `${job.stages[stage]?.done ?? 0} of ${job.stages[stage]?.total || "?"}`]),
  ];
  const links = ["mask", "overlay", "report", "timeline"].filter((name) => job.links[name]).flatMap((name) => [make("a", { href: here(job.links[name]) }, name), " "]);
  const details = make("details", {}, make("summary", {}, "Details"),
    make("dl", {}, ...rows.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]),
      ...(links.length ? [make("dt", {}, "Results"), make("dd", {}, ...links)] : [])));
  details.open = isOpen;
  return details;
}
