// @ts-check
/** The objects of a job: a sortable table, "look here first", downloads; a row leads to its object in the viewer. */
import { Refusal, ask, askJson, jobPath, pause } from "../kit/api.js";
import { announce, download, draw, find, make } from "../kit/dom.js";
import { isCompleted } from "../kit/states.js";
import { sentence } from "../kit/words.js";

const PAGE = 50;
const FIRST = 50;
const LEADING = ["id", "volume_um3", "volume_voxels", "area_um2", "area_voxels", "uncertainty", "surface_area_um2", "length_um", "sphericity", "mean_probability", "touches_border"];
const HIDDEN = /^(centroid|box)_|^volume_voxels$/;
const SHORT = /** @type {Record<string, string>} */ ({
  volume_um3: "volume", volume_voxels: "voxels", surface_area_um2: "surface", length_um: "length", mean_probability: "probability",
  touches_border: "border", uncertainty: "unsure",
});

/** @typedef {Record<string, any> & {id: number}} Row */

export class Objects {
  /** @param {import("../viewer/viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.object = "";
    this.list = "all";
    this.sort = "id";
    this.isDescending = false;
    this.offset = 0;
    /** @type {Row[]} */
    this.rows = [];
    this.selected = 0;
    viewer.openers.push(() => this.#opened());
    document.addEventListener("object-picked", (event) => this.#pick(/** @type {CustomEvent} */ (event).detail));
    document.addEventListener("next-object", (event) => this.#next(/** @type {CustomEvent} */ (event).detail));
    find("tab-objects").addEventListener("click", () => this.load());
  }

  #opened() {
    this.object = this.viewer.view?.objects[0]?.name ?? "";
    this.offset = this.selected = 0;
    this.rows = [];
    find("panel-objects").replaceChildren();
    if (find("side").dataset.tab === "objects") this.load();
  }

  /** Ask for the rows and show them. */
  async load() {
    const panel = find("panel-objects");
    const job = this.viewer.job;
    if (!job || !this.viewer.view) return;
    if (!isCompleted(this.viewer.view.state)) {
      return panel.replaceChildren(make("p", { class: "note", role: "status" }, "Objects are counted and measured once the job is done; they appear here by themselves."));
    }
    try {
      const answer = await (this.list === "all" ? this.#page(job) : this.#uncertain(job));
      if (job !== this.viewer.job) return;
      this.rows = answer.rows;
      panel.replaceChildren(this.#head(answer), this.rows.length ? this.#table(answer) : make("p", { class: "note" }, "No object was found."), this.#pager(answer), this.#downloads());
    } catch (error) {
      const text = error instanceof Refusal && error.isMissing ? "There are no measurements of this job." : /** @type {Error} */ (error).message;
      panel.replaceChildren(make("p", { class: "note", role: "status" }, text));
    }
  }

  /** @param {string} job */
  #page(job) {
    const query = new URLSearchParams({ object: this.object, sort: this.sort, descending: String(this.isDescending), offset: String(this.offset), limit: String(PAGE) });
    return askJson(jobPath(job, `/measurements?${query}`));
  }

  /** @param {string} job */
  async #uncertain(job) {
    const { rows } = await askJson(jobPath(job, `/uncertain?object=${encodeURIComponent(this.object)}&limit=${FIRST}`));
    return { rows: rows.map(fromUncertain), total: rows.length, columns: [{ name: "id", unit: null, meaning: "number of the object" }, { name: "uncertainty", unit: null, meaning: "mean over the object; 1 = the network cannot say" }, { name: "section", unit: null, meaning: "section of its middle" }] };
  }

  /** @param {any} answer */
  #head(answer) {
    const objects = this.viewer.view?.objects ?? [];
    const object = make("select", { "aria-label": "Object", onchange: () => { this.object = object.value; this.offset = 0; this.load(); } },
      ...objects.map(({ name }) => make("option", { value: name }, sentence(name))));
    object.value = this.object;
    const list = make("select", { "aria-label": "List", "data-testid": "object-list", onchange: () => { this.list = list.value; this.offset = 0; this.load(); } },
      make("option", { value: "all" }, "All objects"), make("option", { value: "uncertain" }, "Look here first: least certain"));
    list.value = this.list;
    const fraction = answer.volume_fraction === undefined ? "" : ` · ${(100 * answer.volume_fraction).toFixed(2)} % of the volume`;
    return make("div", {}, make("div", { class: "line" }, objects.length > 1 && object, list, this.#numberInput()),
      make("p", { class: "note", "data-testid": "object-count" }, `${answer.total.toLocaleString("en")} objects${fraction}. Choose one to see it.`));
  }

  #numberInput() {
    const input = make("input", { type: "number", min: 1, placeholder: "No.", class: "short", "aria-label": "Go to the object of a number", "data-testid": "object-number",
      onchange: () => this.#goToNumber(Number(input.value)) });
    return input;
  }

  /** Numbers count from 1 without gaps. @param {number} id */
  async #goToNumber(id) {
    const query = new URLSearchParams({ object: this.object, offset: String(Math.max(0, id - 1)), limit: "1" });
    const { rows } = await askJson(jobPath(/** @type {string} */ (this.viewer.job), `/measurements?${query}`));
    if (rows.length) this.#choose(rows[0]);
    else announce(`There is no object ${id}`);
  }

  /** @param {any} answer */
  #table(answer) {
    const known = answer.columns.filter((/** @type {any} */ { name }) => !HIDDEN.test(name) || (name === "volume_voxels" && !answer.voxel_size_nm));
    const columns = known.sort((/** @type {any} */ a, /** @type {any} */ b) => placeOf(a.name) - placeOf(b.name));
    const head = make("tr", {}, ...columns.map((/** @type {any} */ column) => this.#heading(column)));
    return make("div", { class: "scroll-wide" }, make("table", { class: "object-table", "data-testid": "objects" }, make("thead", {}, head),
      make("tbody", {}, ...this.rows.map((row, i) => this.#row(row, i, columns)))));
  }

  /** @param {{name: string, unit: string | null, meaning: string}} column */
  #heading({ name, unit, meaning }) {
    const isSorted = this.list === "all" && this.sort === name;
    const short = SHORT[name] ?? name.replaceAll("_", " ");
    const text = /^[a-zµ]/.test(unit ?? "") && unit !== short ? `${short} ${unit}` : short;
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

  /** An object was clicked in the picture. @param {{object: string, id: number}} picked */
  #pick({ id }) {
    this.selected = id;
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
    if (answer.total <= PAGE || this.list !== "all") return "";
    const turn = (/** @type {string} */ text, /** @type {number} */ step, /** @type {boolean} */ isEnd) =>
      make("button", { type: "button", disabled: isEnd, onclick: () => { this.offset += step; this.load(); } }, text);
    const last = Math.min(answer.total, this.offset + PAGE);
    return make("div", { class: "pager" }, turn("◀ Before", -PAGE, this.offset === 0), make("span", { class: "note" }, `${this.offset + 1}–${last}`), turn("More ▶", PAGE, last === answer.total));
  }

  #downloads() {
    const job = /** @type {string} */ (this.viewer.job);
    const address = (/** @type {string} */ format) => jobPath(job, `/measurements?object=${encodeURIComponent(this.object)}&format=${format}`);
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
    const address = jobPath(/** @type {string} */ (this.viewer.job), `/meshes/${encodeURIComponent(this.object)}/${label}.${format}`);
    button.disabled = true;
    try {
      let answer = await ask(address);
      while (answer.status === 202) {
        await pause(700);
        answer = await ask(address);
      }
      download(address, `${this.object}-${label}.${format}`);
    } catch (error) {
      this.meshes?.append(make("span", { class: "bad" }, /** @type {Error} */ (error).message));
    }
    button.disabled = false;
  }
}

/** @param {string} name */
function placeOf(name) {
  const place = LEADING.indexOf(name);
  return place < 0 ? LEADING.length : place;
}

/** A row of the list of uncertain objects, named as measurements are. @param {any} row @returns {Row} */
function fromUncertain({ id, uncertainty, z, y, x, box }) {
  const [start, stop] = box;
  return { id, uncertainty, section: Math.round(z) + 1, centroid_z: z, centroid_y: y, centroid_x: x, box_z0: start[0], box_z1: stop[0], box_y0: start[1], box_y1: stop[1], box_x0: start[2], box_x1: stop[2] };
}

/** @param {string} name @param {any} value @returns {(Node | string)[]} */
function cellOf(name, value) {
  if (value === null || value === undefined) return ["–"];
  if (typeof value === "boolean") return [value ? "cut" : ""];
  if (name === "uncertainty") {
    const share = Math.min(1, value);
    return [make("span", { class: "meter" }, draw("svg", { viewBox: "0 0 26 6", "aria-hidden": "true" }, draw("rect", { width: 26 * share, height: 6 }))), ` ${value.toFixed(2)}`];
  }
  return [typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(3))) : String(value)];
}
