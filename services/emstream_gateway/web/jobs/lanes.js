// @ts-check
/** The pipeline, live: one lane per stage, one colour per sample. */
import { askJson } from "../kit/api.js";
import { draw, find, make } from "../kit/dom.js";
import { formats } from "../kit/formats.js";
import { busyShare, joined, open, ticks } from "./spans.js";
import { count, duration, sentence } from "../kit/words.js";

const REFRESH_MS = 1000;
const WIDTH = 1000;
const LEFT = 96;
const LANE = 44;
const GAP = 14;
export const SAMPLE_COLOURS = ["#e0812c", "#2b8fc4", "#3f9a5b", "#c2548f", "#8a6fd1", "#b39a1e", "#3aa6a0", "#cc5a4a"];

/** @typedef {import("./spans.js").Span} Span */
/** @typedef {Record<string, Span[]>} Lanes */
/** @typedef {Record<string, (Span & {units: number})[]>} Open units at work, whose spans last until now */

export class Pipeline {
  constructor() {
    this.isActive = false;
    /** @type {Map<string, string>} */
    this.colours = new Map();
    /** @type {Map<string, string>} */
    this.names = new Map();
    find("span").addEventListener("change", () => this.refresh());
  }

  /** @param {boolean} isActive */
  setActive(isActive) {
    this.isActive = isActive;
    clearTimeout(this.timer);
    if (isActive) this.refresh();
  }

  /** Fetch the timeline and draw it. */
  async refresh() {
    clearTimeout(this.timer);
    const seconds = Number(find("span").value);
    const now = Date.now() / 1000;
    try {
      const { lanes, at_work } = await askJson(`/v1/timeline?since=${Math.max(0, now - seconds).toFixed(2)}`);
      const begun = Object.fromEntries(formats().stages.map((stage) => [stage, open(at_work[stage] ?? [], now)]));
      await this.#learnNames([lanes, begun]);
      this.#draw(lanes, begun, now - seconds, now);
    } catch {
      // the health line reports that the service does not answer
    }
    if (this.isActive) this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  /** Fetch the jobs' names if one is missing. @param {Lanes[]} several */
  async #learnNames(several) {
    if (several.flatMap((lanes) => Object.values(lanes)).flat().every((span) => this.names.has(span.job))) return;
    const { jobs } = await askJson("/v1/jobs?limit=100");
    for (const { id, name } of jobs) this.names.set(id, name || id.slice(0, 8));
  }

  /** @param {string} job */
  #colour(job) {
    if (!this.colours.has(job)) this.colours.set(job, SAMPLE_COLOURS[this.colours.size % SAMPLE_COLOURS.length]);
    return /** @type {string} */ (this.colours.get(job));
  }

  /** @param {Lanes} lanes @param {Open} begun @param {number} start @param {number} stop */
  #draw(lanes, begun, start, stop) {
    const scale = (WIDTH - LEFT) / (stop - start);
    const height = formats().stages.length * (LANE + GAP) + 18;
    const image = draw("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": this.#summary(lanes, begun, start, stop) });
    for (const tick of ticks(start, stop - 30 / scale)) {
      const x = LEFT + (tick - start) * scale;
      image.append(draw("line", { class: "tick", x1: x, x2: x, y1: 0, y2: height - 18 }),
        draw("text", { x, y: height - 4, "text-anchor": "middle" }, new Date(tick * 1000).toLocaleTimeString()));
    }
    formats().stages.forEach((stage, i) => {
      const y = i * (LANE + GAP);
      image.append(draw("text", { class: "lane-name", x: 0, y: y + LANE / 2 + 4 }, sentence(stage)), draw("rect", { class: "rail", x: LEFT, y, width: WIDTH - LEFT, height: LANE, rx: 4 }));
      for (const span of joined(lanes[stage] ?? [], 1 / scale)) image.append(this.#bar(span, y, start, scale));
      for (const span of begun[stage]) image.append(this.#openBar(span, y, start, scale));
    });
    find("lanes").replaceChildren(image);
    this.#legend(lanes, begun);
    find("busy").textContent = formats().stages.map((stage) => `${stage} ${busyPercent(lanes, begun, stage, start, stop)} % busy`).join(" · ");
    if (/** @type {any} */ (find("lane-table").parentElement).open) this.#table(lanes, begun);
  }

  /** Draw units at work: pale, without an end. @param {Span & {units: number}} span @param {number} y @param {number} start @param {number} scale */
  #openBar(span, y, start, scale) {
    const x = LEFT + Math.max(0, span.start - start) * scale;
    const bar = draw("path", { class: "open", d: `M${WIDTH} ${y + 5}H${Math.min(x, WIDTH - 2)}v${LANE - 10}H${WIDTH}`, fill: this.#colour(span.job), stroke: this.#colour(span.job) });
    bar.append(draw("title", {}, `${this.#name(span.job)}: ${count(span.units, "unit")} at work for ${duration(span.stop - span.start)}`));
    return bar;
  }

  /** @param {Span & {units: number}} span @param {number} y @param {number} start @param {number} scale */
  #bar(span, y, start, scale) {
    const x = LEFT + Math.max(0, span.start - start) * scale;
    const width = Math.max(1, (span.stop - Math.max(start, span.start)) * scale - 0.5);
    const bar = draw("rect", { x, y: y + 4, width, height: LANE - 8, rx: Math.min(3, width / 2), fill: this.#colour(span.job) });
    bar.append(draw("title", {}, `${this.#name(span.job)}: ${count(span.units, "unit")}, ${duration(span.stop - span.start)}`));
    return bar;
  }

  /** @param {string} job */
  #name(job) {
    return this.names.get(job) ?? job.slice(0, 8);
  }

  /** @param {Lanes} lanes @param {Open} begun */
  #legend(lanes, begun) {
    const jobs = [...new Set(formats().stages.flatMap((stage) => [...(lanes[stage] ?? []), ...begun[stage]].map((span) => span.job)))];
    find("lane-samples").replaceChildren(...jobs.map((job) => {
      const patch = draw("svg", { viewBox: "0 0 1 1", "aria-hidden": "true" }, draw("rect", { width: 1, height: 1, fill: this.#colour(job) }));
      return make("li", {}, make("a", { href: `#/job/${job}` }, patch, this.#name(job)));
    }));
    if (!jobs.length) find("lane-samples").append(make("li", { class: "note" }, "No sample was at work in this time."));
  }

  /** @param {Lanes} lanes @param {Open} begun @param {number} start @param {number} stop */
  #summary(lanes, begun, start, stop) {
    return formats().stages.map((stage) => {
      const spans = lanes[stage] ?? [];
      const last = spans[spans.length - 1];
      const now = begun[stage].map((span) => this.#name(span.job)).join(", ");
      return `${sentence(stage)}: ${count(spans.length, "unit")}, ${busyPercent(lanes, begun, stage, start, stop)} percent busy${last ? `, last ${this.#name(last.job)}` : ""}${now ? `, at work on ${now}` : ""}`;
    }).join(". ");
  }

  /** @param {Lanes} lanes @param {Open} begun */
  #table(lanes, begun) {
    const done = formats().stages.flatMap((stage) => (lanes[stage] ?? []).map((span) => rowOf(this.#name(span.job), stage, span, String(span.unit), `${(span.stop - span.start).toFixed(2)} s`)));
    const now = formats().stages.flatMap((stage) => begun[stage].map((span) => rowOf(this.#name(span.job), stage, span, count(span.units, "unit"), `at work for ${duration(span.stop - span.start)}`)));
    const rows = [...now, ...done.sort((a, b) => b.start - a.start)].slice(0, 200);
    find("lane-table").replaceChildren(make("table", {},
      make("thead", {}, make("tr", {}, ...["Stage", "Sample", "Unit", "Start", "Time"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...rows.map(({ cells }) => make("tr", {}, ...cells.map((text) => make("td", {}, text)))))));
  }
}

/** @param {string} sample @param {string} stage @param {Span} span @param {string} units @param {string} took */
function rowOf(sample, stage, { start }, units, took) {
  return { start, cells: [sentence(stage), sample, units, new Date(start * 1000).toLocaleTimeString(), took] };
}

/** @param {Lanes} lanes @param {Open} begun @param {string} stage @param {number} start @param {number} stop */
function busyPercent(lanes, begun, stage, start, stop) {
  return Math.round(100 * busyShare([...(lanes[stage] ?? []), ...begun[stage]], start, stop));
}
