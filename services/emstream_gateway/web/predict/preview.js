// @ts-check
/** Choice of a region to preview: a section, and a rectangle on a small picture of it or in numbers. */
import { ask, jobPath, pause } from "../kit/api.js";
import { draw, make } from "../kit/dom.js";
import { around, between, boxOf, kept, middleOf } from "./region.js";
import { fileNameOf, length } from "../kit/words.js";

/** @typedef {import("./region.js").Region} Region */

const POLL_MS = 400;
const CLICK_PIXELS = 4;
const FIELDS = /** @type {const} */ ([["x", "x"], ["y", "y"], ["width", "width"], ["height", "height"]]);

export class PreviewChoice {
  /**
   * @param {string} job whose files were inspected @param {import("./draft.js").Inspection} inspection
   * @param {() => import("../kit/api.js").VoxelSize | undefined} voxelSize in nm, if it is known
   * @param {(box: number[][]) => Promise<void>} onPreview
   */
  constructor(job, { shape_zyx, sections }, voxelSize, onPreview) {
    const [depth, height, width] = shape_zyx;
    this.job = job;
    this.depth = depth;
    this.names = sections.map(fileNameOf);
    this.size = { width, height };
    this.voxelSize = voxelSize;
    this.onPreview = onPreview;
    this.z = Math.ceil(depth / 2) - 1;
    this.region = middleOf(this.size);
    this.closing = new AbortController();
    this.asked = -1;
    this.address = "";
    this.element = make("section", { class: "preview", "aria-label": "Preview" }, this.#picture(), this.#controls());
    this.#show();
    this.#load();
  }

  /** Stop fetching pictures. */
  close() {
    this.closing.abort();
    if (this.address) URL.revokeObjectURL(this.address);
  }

  #picture() {
    const { width, height } = this.size;
    this.image = draw("image", { width, height });
    this.frame = draw("rect", { class: "frame" });
    this.shade = draw("path", { class: "shade", "fill-rule": "evenodd" });
    this.svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "map", "data-testid": "preview-map", role: "img",
      "aria-label": "The section; drag a rectangle on it, or enter numbers next to it" }, this.image, this.shade, this.frame);
    this.svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.#drag(event));
    return this.svg;
  }

  #controls() {
    const { depth } = this;
    this.slider = make("input", { type: "range", min: 1, max: depth, value: this.z + 1, "aria-label": "Section to preview, as a slider",
      oninput: () => this.#goTo(Number(this.slider.value)), onchange: () => this.#load() });
    this.number = make("input", { type: "number", min: 1, max: depth, value: this.z + 1, "aria-label": "Section to preview", "data-testid": "preview-z",
      onchange: () => { this.#goTo(Number(this.number.value)); this.#load(); } });
    this.fields = FIELDS.map(([key, words]) => make("input", { type: "number", min: 0, step: 1, "aria-label": `Region: ${words}`, "data-testid": `preview-${key}`,
      onchange: () => this.#set({ ...this.region, [key]: Number(this.fields.find((/** @type {any} */ f) => f.dataset.testid === `preview-${key}`).value) }) }));
    this.name = make("span", { class: "note", "data-testid": "preview-name" }, this.names[this.z]);
    this.extent = make("span", { class: "note" });
    const whole = make("button", { type: "button", class: "quiet", onclick: () => this.#set({ x: 0, y: 0, ...this.size }) }, "Whole section");
    const run = make("button", { type: "button", "data-testid": "preview", onclick: async () => {
      run.disabled = true;
      await this.onPreview(boxOf(this.z, this.region)).finally(() => { run.disabled = false; });
    } }, "Preview");
    return make("div", {},
      make("p", { class: "note" }, "Try a part of one section first: drag a rectangle on the picture, or click to move the rectangle."),
      make("p", { class: "line" }, "Section", this.slider, this.number, `of ${depth}`, this.name),
      make("details", {}, make("summary", {}, "Region in numbers"),
        make("p", { class: "numbers" }, ...FIELDS.map(([, words], i) => make("label", {}, words, this.fields[i])))),
      make("p", { class: "line" }, run, whole, this.extent));
  }

  /** @param {number} section counted from 1 */
  #goTo(section) {
    this.z = Math.min(this.depth, Math.max(1, Math.round(section) || 1)) - 1;
    this.slider.value = this.number.value = String(this.z + 1);
    this.name.textContent = this.names[this.z] ?? "";
  }

  /** @param {Region} region */
  #set(region) {
    this.region = kept(region, this.size);
    this.#show();
  }

  /** Draw the rectangle, and show its size. */
  #show() {
    const { x, y, width, height } = this.region;
    for (const [key, value] of Object.entries(this.region)) this.frame.setAttribute(key, String(value));
    this.shade.setAttribute("d", `M0 0H${this.size.width}V${this.size.height}H0ZM${x} ${y}h${width}v${height}h${-width}Z`);
    this.fields?.forEach((/** @type {any} */ field, /** @type {number} */ i) => { field.value = String(this.region[FIELDS[i][0]]); });
    const voxel = this.voxelSize();
    const scaled = voxel ? `, ${length(width * voxel[2])} × ${length(height * voxel[1])}` : "";
    this.extent.textContent = `${width.toLocaleString("en")} × ${height.toLocaleString("en")} pixels${scaled}`;
  }

  /** Show the size again, after the voxel size was changed. */
  refresh() {
    this.#show();
  }

  /** Draw a new rectangle by a drag, or move the present one by a click. @param {PointerEvent} event */
  #drag(event) {
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    const began = this.#at(event);
    const move = (/** @type {PointerEvent} */ next) => {
      if (Math.hypot(next.clientX - event.clientX, next.clientY - event.clientY) > CLICK_PIXELS) this.#set(between(began, this.#at(next), this.size));
    };
    const end = (/** @type {PointerEvent} */ last) => {
      this.svg.removeEventListener("pointermove", move);
      const isClick = Math.hypot(last.clientX - event.clientX, last.clientY - event.clientY) <= CLICK_PIXELS;
      if (isClick) this.#set(around(this.region, began[0], began[1], this.size));
    };
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", end, { once: true });
  }

  /** Return the pointer's place, in pixels of the section. @param {PointerEvent} event @returns {[number, number]} */
  #at(event) {
    const box = this.svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.size.width, ((event.clientY - box.top) / box.height) * this.size.height];
  }

  /** Fetch the section's picture, which a worker makes. If there is none, the numbers are enough. */
  async #load() {
    const { signal } = this.closing;
    const z = this.asked = this.z;
    this.svg.classList.add("waiting");
    try {
      for (;;) {
        const answer = await ask(jobPath(this.job, `/inspection/sections/${z}.png`), { signal });
        if (this.asked !== z || signal.aborted) return;
        if (answer.status === 200) return this.#put(URL.createObjectURL(await answer.blob()));
        await pause(POLL_MS);
        if (this.asked !== z || signal.aborted) return;
      }
    } catch {
      if (!signal.aborted) this.svg.classList.remove("waiting");
    }
  }

  /** @param {string} address */
  #put(address) {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = address;
    this.image.setAttribute("href", address);
    this.svg.classList.remove("waiting");
  }
}
