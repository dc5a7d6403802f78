// @ts-check
/** The Objects tab: a sortable table, the least certain objects, downloads. A row leads to its object in the viewer. */
import { Refusal, ask, askJson, jobPath, pause } from "../kit/api.js";
import { announce, download, draw, find, make } from "../kit/dom.js";
import { UNCERTAIN_COLUMNS, countedInWords, fromUncertain, headingOf, shownColumns, valueInWords } from "./columns.js";
import { isCompleted } from "../kit/states.js";
import { sentence } from "../kit/words.js";

const PAGE_ROWS = 50;
const UNCERTAIN_ROWS = 50;
/** Number of the least certain objects that N and P lead through; the service sends at most as many. */
const MOST_UNCERTAIN = 1000;
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
    /** @type {Promise<Row[]> | null} the least certain objects, which the keys lead through */
    this.uncertain = null;
    viewer.listeners.push(() => this.#opened());
    document.addEventListener("object-picked", (event) => this.#pick(/** @type {CustomEvent} */ (event).detail));
    document.addEventListener("next-object", (event) => this.#next(/** @type {CustomEvent} */ (event).detail));
    find("tab-objects").addEventListener("click", () => this.load());
  }

  #opened() {
    this.structure = this.viewer.view?.objects[0]?.name ?? "";
    this.#forget();
    find("panel-objects").replaceChildren();
    if (find("side").dataset.tab === "objects") this.load();
  }

  /** Drop what belongs to the former structure, job or threshold: its rows, the selection and its frame. */
  #forget() {
    this.offset = this.selected = 0;
    this.rows = [];
    this.uncertain = null;
    this.viewer.lookAway();
  }

  /** Show another structure, with no object selected. @param {string} structure */
  #takeStructure(structure) {
    this.structure = structure;
    this.#forget();
  }

  /** Fetch the rows and show them. */
  async load() {
    const panel = find("panel-objects");
    const { job } = this.viewer;
    const { structure, list } = this;
    if (!job || !this.viewer.view) return;
    if (!isCompleted(this.viewer.view.state)) {
      return panel.replaceChildren(make("p", { class: "note", role: "status" }, "Objects are counted and measured at the end of the job; they appear here by themselves."));
    }
    try {
      const answer = await (this.list === "all" ? this.#page(job) : this.#uncertain(job));
      if (job !== this.viewer.job || structure !== this.structure || list !== this.list) return; // another answer is on its way
      this.rows = answer.rows;
      panel.replaceChildren(this.#head(answer), this.rows.length ? this.#table(answer) : make("p", { class: "note" }, "No object was found."), this.#pager(answer), this.#downloads());
      this.#mark();
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
    const query = new URLSearchParams({ object: this.structure, limit: "0" });
    const [rows, facts] = await Promise.all([this.#leastCertain(), askJson(jobPath(job, `/measurements?${query}`))]);
    return { ...facts, rows: rows.slice(0, UNCERTAIN_ROWS), columns: UNCERTAIN_COLUMNS };
  }

  /** Return the least certain objects of the structure, the least certain first. @returns {Promise<Row[]>} */
  #leastCertain() {
    const path = jobPath(/** @type {string} */ (this.viewer.job), `/uncertain?object=${encodeURIComponent(this.structure)}&limit=${MOST_UNCERTAIN}`);
    const asked = this.uncertain ?? askJson(path).then(({ rows }) => rows.map(fromUncertain));
    this.uncertain = asked;
    asked.catch(() => { this.uncertain = null; });
    return asked;
  }

  /** @param {any} answer */
  #head(answer) {
    const structures = this.viewer.view?.objects ?? [];
    const structure = make("select", { "aria-label": "Structure", onchange: () => { this.#takeStructure(structure.value); this.load(); } },
      ...structures.map(({ name }) => make("option", { value: name }, sentence(name))));
    structure.value = this.structure;
    const list = make("select", { "aria-label": "List", "data-testid": "object-list", onchange: () => { this.list = list.value; this.offset = 0; this.load(); } },
      make("option", { value: "all" }, "All objects"), make("option", { value: "uncertain" }, "Least certain first"));
    list.value = this.list;
    return make("div", {}, make("div", { class: "line" }, structures.length > 1 && structure, list, this.#numberInput()),
      make("p", { class: "note", "data-testid": "object-count" }, `${countedInWords(answer, this.structure)} Choose a row to see it.`),
      this.#trainedOn());
  }

  /** Say what the structure's networks were trained on, where its numbers are read. */
  #trainedOn() {
    const words = this.viewer.view?.objects.find(({ name }) => name === this.structure)?.trained_on;
    return words ? make("p", { class: "note" }, `Trained on ${words}.`) : "";
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
    const columns = shownColumns(answer.columns, Boolean(answer.voxel_size_nm?.[0]));
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
    this.#mark();
    const [z, y, x] = [Math.floor(row.centroid_z), row.centroid_y, row.centroid_x]; // measured from the volume’s corner: 3.5 is the middle of z = 3
    this.viewer.lookAt({ z, y, x, z0: row.box_z0, z1: row.box_z1, y0: row.box_y0, y1: row.box_y1, x0: row.box_x0, x1: row.box_x1 });
    this.#offerMesh();
    announce(`Object ${row.id}`);
  }

  /** Choose an object that was clicked in the picture. @param {{structure: string, id: number}} picked */
  #pick({ structure, id }) {
    this.viewer.lookAway();
    const isListed = structure === this.structure && this.rows.some((row) => row.id === id);
    if (structure !== this.structure) this.#takeStructure(structure);
    this.selected = id;
    if (!isListed && this.list === "all" && this.sort === "id" && !this.isDescending) this.offset = id - 1 - ((id - 1) % PAGE_ROWS);
    if (!isListed && find("side").dataset.tab === "objects") return this.load();
    this.#mark();
    this.#offerMesh();
  }

  /** Mark the row of the selected object. */
  #mark() {
    for (const line of find("panel-objects").querySelectorAll("tbody tr")) {
      const isSelected = line.dataset.id === String(this.selected);
      line.setAttribute("aria-selected", String(isSelected));
      if (isSelected) line.scrollIntoView({ block: "nearest" });
    }
  }

  /** Go to the next of the least certain objects, or to the one before it. @param {number} step */
  async #next(step) {
    const { view, job } = this.viewer;
    if (!view || !isCompleted(view.state)) return;
    const rows = await this.#leastCertain().catch(() => /** @type {Row[]} */ ([]));
    if (job !== this.viewer.job) return;
    const at = rows.findIndex((row) => row.id === this.selected);
    const place = Math.max(0, Math.min(rows.length - 1, at + step));
    if (!rows.length) return announce("There are no objects to go through");
    this.#choose(rows[place]);
    announce(`Object ${rows[place].id}, number ${place + 1} of ${rows.length} by uncertainty`);
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
    const unit = this.viewer.view?.voxel_size_nm?.[0] ? "" : " (in voxels, as the section thickness is unknown)";
    this.meshes.replaceChildren(make("span", { class: "note" }, `Surface of ${this.structure}, object ${label}${unit}:`), ...["stl", "ply", "glb"].map((format) =>
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
