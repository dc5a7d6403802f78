// @ts-check
/** The Objects tab: a sortable table, the least certain objects, downloads. A row leads to its object in the viewer. */
import { Refusal, ask, askJson, jobPath, pause } from "../kit/api.js";
import { announce, download, draw, find, make } from "../kit/dom.js";
import { UNCERTAIN_COLUMNS, fromUncertain, headingOf, shownColumns, valueInWords } from "./columns.js";
import { isCompleted } from "../kit/states.js";
import { count, sentence } from "../kit/words.js";

const PAGE_ROWS = 50;
const UNCERTAIN_ROWS = 50;
/** @typedef {import("./columns.js").Row} Row */

export class Objects {
  /** @param {import("../viewer/viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.structure = "";
    this.list = "all";
    this.sort = "id";
    this.isDescending = false;
    this.offset = 0;
    /** @type {Row[]} */
    this.rows = [];
    this.selected = 0;
    viewer.listeners.push(() => this.#opened());
    document.addEventListener("object-picked", (event) => this.#pick(/** @type {CustomEvent} */ (event).detail));
    document.addEventListener("next-object", (event) => this.#next(/** @type {CustomEvent} */ (event).detail));
    find("tab-objects").addEventListener("click", () => this.load());
  }

  #opened() {
    this.structure = this.viewer.view?.objects[0]?.name ?? "";
    this.offset = this.selected = 0;
    this.rows = [];
    find("panel-objects").replaceChildren();
    if (find("side").dataset.tab === "objects") this.load();
  }

  /** Fetch the rows and show them. */
  async load() {
    const panel = find("panel-objects");
    const job = this.viewer.job;
    if (!job || !this.viewer.view) return;
    if (!isCompleted(this.viewer.view.state)) {
      return panel.replaceChildren(make("p", { class: "note", role: "status" }, "Objects are counted and measured at the end of the job; they appear here by themselves."));
    }
    try {
      const answer = await (this.list === "all" ? this.#page(job) : this.#uncertain(job));
      if (job !== this.viewer.job) return;
      this.rows = answer.rows;
      panel.replaceChildren(this.#head(answer), this.rows.length ? this.#table(answer) : make("p", { class: "note" }, "No object was found."), this.#pager(answer), this.#downloads());
    } catch (error) {
      const text = error instanceof Refusal && error.isMissing ? "This job has no measurements." : /** @type {Error} */ (error).message;
      panel.replaceChildren(make("p", { class: "note", role: "status" }, text));
    }
  }

  /** @param {string} job */
  #page(job) {
    const query = new URLSearchParams({ object: this.structure, sort: this.sort, descending: String(this.isDescending), offset: String(this.offset), limit: String(PAGE_ROWS) });
    return askJson(jobPath(job, `/measurements?${query}`));
  }

  /** @param {string} job */
  async #uncertain(job) {
    const { rows } = await askJson(jobPath(job, `/uncertain?object=${encodeURIComponent(this.structure)}&limit=${UNCERTAIN_ROWS}`));
    return { rows: rows.map(fromUncertain), total: rows.length, columns: UNCERTAIN_COLUMNS };
  }

  /** @param {any} answer */
  #head(answer) {
    const structures = this.viewer.view?.objects ?? [];
    const structure = make("select", { "aria-label": "Structure", onchange: () => { this.structure = structure.value; this.offset = 0; this.load(); } },
      ...structures.map(({ name }) => make("option", { value: name }, sentence(name))));
    structure.value = this.structure;
    const list = make("select", { "aria-label": "List", "data-testid": "object-list", onchange: () => { this.list = list.value; this.offset = 0; this.load(); } },
      make("option", { value: "all" }, "All objects"), make("option", { value: "uncertain" }, "Least certain first"));
    list.value = this.list;
    const fraction = answer.volume_fraction === undefined ? "" : ` · ${(100 * answer.volume_fraction).toFixed(2)} % of the volume`;
    return make("div", {}, make("div", { class: "line" }, structures.length > 1 && structure, list, this.#numberInput()),
      make("p", { class: "note", "data-testid": "object-count" }, `${count(answer.total, "object")}${fraction}. Choose a row to see its object.`));
  }

  #numberInput() {
    const input = make("input", { type: "number", min: 1, placeholder: "No.", class: "short", "aria-label": "Go to an object by its number", "data-testid": "object-number",
      onchange: () => this.#goToNumber(Number(input.value)) });
    return input;
  }

  /** Go to an object; the numbers count from 1 without gaps. @param {number} id */
  async #goToNumber(id) {
    const query = new URLSearchParams({ object: this.structure, offset: String(Math.max(0, id - 1)), limit: "1" });
    const { rows } = await askJson(jobPath(/** @type {string} */ (this.viewer.job), `/measurements?${query}`));
    if (rows.length) this.#choose(rows[0]);
    else announce(`No object has the number ${id}`);
  }

  /** @param {any} answer */
  #table(answer) {
    const columns = shownColumns(answer.columns, Boolean(answer.voxel_size_nm));
    const head = make("tr", {}, ...columns.map((/** @type {any} */ column) => this.#heading(column)));
    return make("div", { class: "scroll-wide" }, make("table", { class: "object-table", "data-testid": "objects" }, make("thead", {}, head),
      make("tbody", {}, ...this.rows.map((row, i) => this.#row(row, i, columns)))));
  }

  /** @param {{name: string, unit: string | null, meaning: string}} column */
  #heading({ name, unit, meaning }) {
    const isSorted = this.list === "all" && this.sort === name;
    const text = headingOf({ name, unit });
    const content = this.list === "all" ? make("button", { type: "button", onclick: () => this.#sortBy(name) }, `${text}${isSorted ? (this.isDescending ? " ↓" : " ↑") : ""}`) : text;
    return make("th", { scope: "col", class: "number", title: meaning, "aria-sort": isSorted ? (this.isDescending ? "descending" : "ascending") : null }, content);
  }

  /** @param {string} name */
  #sortBy(name) {
    this.isDescending = this.sort === name ? !this.isDescending : name !== "id";
    this.sort = name;
    this.offset = 0;
    this.load();
  }

  /** @param {Row} row @param {number} index @param {any[]} columns */
  #row(row, index, columns) {
    const line = make("tr", { tabindex: 0, "data-id": row.id, "aria-selected": String(row.id === this.selected), onclick: () => this.#choose(row), onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") this.#choose(row);
      const to = event.key === "ArrowDown" ? line.nextElementSibling : event.key === "ArrowUp" ? line.previousElementSibling : null;
      if (to) { event.preventDefault(); event.stopPropagation(); to.focus(); }
    } });
    line.append(...columns.map(({ name }) => make("td", { class: "number" }, ...cellOf(name, row[name]))));
    return line;
  }

  /** @param {Row} row */
  #choose(row) {
    this.selected = row.id;
    for (const line of find("panel-objects").querySelectorAll("tbody tr")) line.setAttribute("aria-selected", String(line.dataset.id === String(row.id)));
    const [z, y, x] = [Math.round(row.centroid_z), row.centroid_y, row.centroid_x];
    this.viewer.lookAt({ z, y, x, z0: row.box_z0, z1: row.box_z1, y0: row.box_y0, y1: row.box_y1, x0: row.box_x0, x1: row.box_x1 });
    this.#offerMesh();
    announce(`Object ${row.id}`);
  }

  /** Choose an object that was clicked in the picture. @param {{structure: string, id: number}} picked */
  #pick({ structure, id }) {
    this.selected = id;
    if (structure !== this.structure) {
      this.structure = structure;
      this.offset = 0;
      this.rows = [];
      if (find("side").dataset.tab === "objects") return this.load();
    }
    for (const line of find("panel-objects").querySelectorAll("tbody tr")) line.setAttribute("aria-selected", String(line.dataset.id === String(id)));
    this.#offerMesh();
  }

  /** @param {number} step */
  async #next(step) {
    if (!this.rows.length) {
      this.list = "uncertain";
      await this.load();
    }
    const at = this.rows.findIndex((row) => row.id === this.selected);
    const row = this.rows[Math.max(0, Math.min(this.rows.length - 1, at + step))];
    if (row) this.#choose(row);
  }

  /** @param {any} answer */
  #pager(answer) {
    if (answer.total <= PAGE_ROWS || this.list !== "all") return "";
    const turn = (/** @type {string} */ text, /** @type {number} */ step, /** @type {boolean} */ isEnd) =>
      make("button", { type: "button", disabled: isEnd, onclick: () => { this.offset += step; this.load(); } }, text);
    const last = Math.min(answer.total, this.offset + PAGE_ROWS);
    return make("div", { class: "pager" }, turn("◀ Previous", -PAGE_ROWS, this.offset === 0), make("span", { class: "note" }, `${this.offset + 1}–${last}`), turn("Next ▶", PAGE_ROWS, last === answer.total));
  }

  #downloads() {
    const job = /** @type {string} */ (this.viewer.job);
    const address = (/** @type {string} */ format) => jobPath(job, `/measurements?object=${encodeURIComponent(this.structure)}&format=${format}`);
    this.meshes = make("span", { class: "line" });
    this.#offerMesh();
    return make("div", { class: "form-lines downloads" }, make("p", { class: "line" }, make("span", { class: "note" }, "All measurements:"),
      make("a", { href: address("csv"), download: "", "data-testid": "csv" }, "CSV"), make("a", { href: address("parquet"), download: "" }, "Parquet")), this.meshes);
  }

  #offerMesh() {
    if (!this.meshes || !this.selected) return;
    const label = this.selected;
    this.meshes.replaceChildren(make("span", { class: "note" }, `Surface of object ${label}:`), ...["stl", "ply", "glb"].map((format) =>
      make("button", { type: "button", class: "quiet", onclick: (/** @type {Event} */ event) => this.#mesh(label, format, /** @type {any} */ (event.currentTarget)) }, format.toUpperCase())));
  }

  /** @param {number} label @param {string} format @param {any} button */
  async #mesh(label, format, button) {
    const address = jobPath(/** @type {string} */ (this.viewer.job), `/meshes/${encodeURIComponent(this.structure)}/${label}.${format}`);
    button.disabled = true;
    try {
      let answer = await ask(address);
      while (answer.status === 202) {
        await pause(700);
        answer = await ask(address);
      }
      download(address, `${this.structure}-${label}.${format}`);
    } catch (error) {
      this.meshes?.append(make("span", { class: "bad" }, /** @type {Error} */ (error).message));
    }
    button.disabled = false;
  }
}

/** @param {string} name @param {any} value @returns {(Node | string)[]} */
function cellOf(name, value) {
  if (name !== "uncertainty" || typeof value !== "number") return [valueInWords(value)];
  const bar = draw("svg", { viewBox: "0 0 26 6", "aria-hidden": "true" }, draw("rect", { width: 26 * Math.min(1, value), height: 6 }));
  return [make("span", { class: "meter" }, bar), ` ${value.toFixed(2)}`];
}
