// @ts-check
/** The viewer of one job: opens its view, keeps it up to date while the job runs, and connects panels, layers and controls. */
import { Refusal, askJson, jobPath, pause, send } from "../kit/api.js";
import { announce, confirmed, find } from "../kit/dom.js";
import { stretch } from "../kit/colours.js";
import { isOver, stateInWords } from "../kit/states.js";
import { fillHelp, listen } from "../kit/keys.js";
import { bindBar } from "./viewer_bar.js";
import { bindingsOf } from "./viewer_keys.js";
import { Layers, MODES } from "./layers.js";
import { writeAddress } from "../kit/address.js";
import { Panels } from "./panels.js";
import { Sections, isWithin } from "./sections.js";
import { showPlace, readAt } from "./readout.js";
import { showScale } from "./scale.js";
import { sectionNames } from "./section_names.js";
import { showAvailability, showWarnings } from "./availability.js";
import { length, shapeInWords } from "../kit/words.js";

const POLL_MS = 2000;
const SOON_MS = 500;
const ADDRESS_MS = 250;

/** @typedef {{x: number, y: number, z: number, x0: number, x1: number, y0: number, y1: number, z0: number, z1: number}} Target
 *   an object: its middle and its box, in pixels, half-open */

export class Viewer {
  constructor() {
    /** @type {string | null} */
    this.job = null;
    /** @type {Panels | null} */
    this.panels = null;
    /** @type {import("../kit/api.js").View | null} */
    this.view = null;
    /** @type {Layers} set once a view is open */
    this.layers = /** @type {any} */ (null);
    /** @type {Sections} set once a view is open */
    this.sections = /** @type {any} */ (null);
    /** @type {(() => void)[]} called when another job is opened, and when the job or new masks are completed */
    this.listeners = [];
    this.z = 0;
    /** @type {Target | null} */
    this.target = null;
    /** @type {string[]} */
    this.names = [];
    bindBar(this);
    const bindings = bindingsOf(this);
    listen(bindings, () => Boolean(this.view) && !find("viewer").hidden);
    fillHelp(bindings);
  }

  /** Show a job. @param {string} job @param {import("../kit/address.js").Place} place */
  async open(job, place) {
    if (job === this.job && this.view) return this.#goTo(place);
    this.close();
    this.job = job;
    find("view-status").textContent = "Opening…";
    const view = await this.#waitForView(job);
    if (!view || this.job !== job) return;
    this.names = await namesOf(job, view);
    this.view = view;
    this.#makePanels();
    this.layers = new Layers(view, place, (change) => this.#changed(change), (thresholds) => this.#saveThresholds(thresholds));
    this.sections = new Sections(job, /** @type {Panels} */ (this.panels), (z) => this.layers.over(z),
      (layer) => this.layers.opacityOf(layer), (z) => this.#wasShown(z));
    this.sections.view = view;
    this.#describe();
    this.layers.fill(() => this.#measureStretch());
    this.#checkMode();
    this.#setWheel();
    this.#notify();
    const first = view.sections_read[0]?.[0] ?? 0;
    this.goTo(place.z ? place.z - 1 : Math.min(first, view.shape_zyx[0] - 1));
    this.#placeOnceOpen(place);
    this.#follow(job);
  }

  /** @param {string} job @returns {Promise<import("../kit/api.js").View | null>} */
  async #waitForView(job) {
    while (this.job === job) {
      try {
        const { state, shape_zyx } = await askJson(jobPath(job));
        const view = shape_zyx ? await askJson(jobPath(job, "/view")) : null;
        if (view?.sections_read.length) return view;
        find("view-status").textContent = ["failed", "cancelled"].includes(state)
          ? `Nothing to show: the job is ${state}.` : "No section is preprocessed yet. The first ones appear here by themselves.";
      } catch (error) {
        find("view-status").textContent = /** @type {Error} */ (error).message;
        if (error instanceof Refusal && error.isMissing) return null;
      }
      await pause(POLL_MS);
    }
    return null;
  }

  #makePanels() {
    this.panels = this.panels ?? new Panels((steps) => this.step(steps));
    if (this.isBound) return;
    this.isBound = true;
    this.panels.listeners.push(() => this.#moved());
    for (const viewer of this.panels.both) {
      viewer.addHandler("tile-invalidated", (/** @type {any} */ event) => this.#paint(event));
      viewer.addHandler("canvas-click", (/** @type {any} */ event) => event.quick && readAt(this, viewer, event.position));
      viewer.canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => showPlace(this, viewer, event));
    }
  }

  /** @param {any} event */
  async #paint(event) {
    const layer = this.sections?.layerOf.get(event.tiledImage);
    if (!layer || !this.layers.needsPaint(layer)) return;
    const context = await event.getData("context2d");
    if (!context || event.outdated()) return;
    if (this.layers.paint(layer, context)) await event.setData(context, "context2d");
  }

  /** @param {import("../kit/address.js").Place} place */
  #placeOnceOpen(place) {
    const panels = /** @type {Panels} */ (this.panels);
    const world = panels.left.world;
    const put = () => (place.x !== undefined || place.zoom ? panels.look(place, true) : panels.fit(true));
    if (world.getItemCount()) put();
    else world.addOnceHandler("add-item", () => setTimeout(put));
  }

  /** @param {import("../kit/address.js").Place} place */
  #goTo(place) {
    if (place.z) this.goTo(place.z - 1);
    if (place.x !== undefined) this.panels?.look(place);
  }

  /** Show a section. @param {number} z counts from 0 */
  goTo(z) {
    if (!this.view) return;
    const former = this.z;
    this.z = Math.max(0, Math.min(this.view.shape_zyx[0] - 1, Math.round(z)));
    if (this.z !== former) find("readout").textContent = ""; // it describes the former section
    find("z-slider").value = String(this.z);
    find("z-number").value = String(this.z + 1);
    this.#describeSection();
    this.#showSection();
    this.#keepAddress();
  }

  #showSection() {
    if (isWithin(this.view?.sections_read ?? [], this.z)) this.sections.show(this.z);
    else this.sections.hide();
  }

  /** @param {number} steps */
  step(steps) {
    this.goTo(this.z + steps);
  }

  /** Move to an object, and frame it in its sections. @param {Target} target */
  lookAt(target) {
    this.target = target;
    this.goTo(target.z);
    const panels = /** @type {Panels} */ (this.panels);
    const width = panels.left.viewport.getContainerSize().x;
    const extent = Math.max(target.x1 - target.x0, target.y1 - target.y0, 1);
    if (this.sections.shown === this.z) this.#frameTarget(); // otherwise once the section is shown
    panels.look({ x: target.x, y: target.y, zoom: Math.min(2, Math.max(0.2, width / (extent * 3))) });
  }

  /** Take the frame off the object that was framed. */
  lookAway() {
    this.target = null;
    this.panels?.frame(null);
  }

  #frameTarget() {
    const isHere = this.target && this.z >= this.target.z0 && this.z < this.target.z1;
    this.panels?.frame(isHere ? this.target : null);
  }

  /** @param {number} z */
  #wasShown(z) {
    const status = find("view-status");
    status.dataset.ready = String(z);
    status.dataset.layers = String(this.layers.over(z).length);
    this.#describeSection();
    this.#frameTarget();
    if (z === this.z) announce(`Section ${z + 1}`);
  }

  #describe() {
    const view = /** @type {import("../kit/api.js").View} */ (this.view);
    const depth = view.shape_zyx[0];
    find("view-name").textContent = view.name || "Unnamed sample";
    document.title = `${view.name || "sample"} – emstream`;
    find("view-facts").textContent = `${shapeInWords(view.shape_zyx)}${view.state === "completed" ? "" : ` · ${stateInWords(view.state)}`}`;
    find("z-slider").max = find("z-number").max = String(depth);
    find("z-slider").max = String(depth - 1);
    showAvailability(view);
    showWarnings(view.warnings ?? []);
    this.#describeSection();
  }

  #describeSection() {
    const view = /** @type {import("../kit/api.js").View} */ (this.view);
    const depth = view.shape_zyx[0];
    const name = this.names[this.z] ?? "";
    const thickness = view.voxel_size_nm?.[0];
    const place = thickness ? ` · ${length(this.z * thickness)} deep` : "";
    find("z-facts").textContent = `of ${depth}${name ? ` · ${name}` : ""}${place}`;
    find("z-facts").title = find("z-facts").textContent;
    find("z-slider").setAttribute("aria-valuetext", `Section ${this.z + 1} of ${depth}`);
    find("view-status").textContent = isWithin(view.sections_read, this.z)
      ? isWithin(view.sections_stitched, this.z) ? "" : `This section has no masks${isOver(view.state) ? "." : " yet."}`
      : `This section is not preprocessed${isOver(view.state) ? "." : " yet."}`;
  }

  /** Follow a job until it is over: sections appear as they are preprocessed and get their masks. @param {string} job */
  async #follow(job) {
    if (!this.view || isOver(this.view.state)) return;
    while (this.job === job && this.view && !isOver(this.view.state)) {
      await pause(POLL_MS);
      const isGone = await this.refresh().then(() => false, (error) => error instanceof Refusal && error.isMissing);
      if (isGone) return void (find("view-status").textContent = "This job was deleted.");
    }
    if (this.job === job) this.#notify();
  }

  /** Fetch the view again, and show it. */
  async refresh() {
    const job = this.job;
    const view = job ? await askJson(jobPath(job, "/view")) : null;
    if (!view || job !== this.job) return;
    this.view = view;
    this.sections.view = view;
    this.layers.update(view);
    this.#describe();
    this.#checkMode();
    this.#showSection();
  }

  /** @param {import("./layers.js").Change} change */
  #changed(change) {
    if (change === "wheel") this.#setWheel();
    else if (change === "opacity") this.sections.applyOpacity();
    else if (change === "original" || change === "structure") this.sections.recolour(change);
    else this.sections.isExact = this.layers.isExact;
    if (change === "mode") this.sections.recolour("structure");
    if (change === "mode" || change === "exact") this.goTo(this.z);
    this.#keepAddress();
  }

  #setWheel() {
    if (this.panels) this.panels.wheel = this.layers.wheel;
  }

  /** @param {Record<string, number>} thresholds */
  async #saveThresholds(thresholds) {
    const job = /** @type {string} */ (this.job);
    const text = "The masks, objects and measurements of this job are made again with the new threshold and replace the ones that are there.";
    if (!(await confirmed("Replace the masks?", text, "Replace them"))) return;
    const tag = this.view?.thresholds_tag;
    await send(jobPath(job, "/thresholds"), thresholds, "PUT", tag ? { "If-Match": tag } : {});
    announce("The threshold is saved. Masks, objects and measurements are made again.");
    await this.refresh();
    while (this.job === job && this.view && !isOver(this.view.state)) {
      await pause(SOON_MS);
      await this.refresh();
    }
    this.layers.fill(() => this.#measureStretch());
    this.#notify();
  }

  #notify() {
    for (const listener of this.listeners) listener();
  }

  /** Return the grey values that stretch the visible part of the original. @returns {[number, number]} */
  #measureStretch() {
    if (this.layers.black !== 0 || this.layers.white !== 255) return [this.layers.black, this.layers.white];
    const canvas = this.panels?.left.drawer.canvas;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return stretch(new Uint32Array(pixels.buffer));
  }

  #moved() {
    showScale(/** @type {Panels} */ (this.panels).zoom, this.view?.voxel_size_nm ?? null);
    this.#keepAddress();
  }

  #keepAddress() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      if (this.job && this.panels && location.hash.startsWith("#/job/")) history.replaceState(null, "", this.address());
    }, ADDRESS_MS);
  }

  /** Return the address of the view. */
  address() {
    const panels = /** @type {Panels} */ (this.panels);
    return writeAddress(/** @type {string} */ (this.job), {
      z: this.z + 1, ...panels.middle, zoom: panels.zoom, show: this.layers.mode, looks: Object.fromEntries(this.layers.looks),
    });
  }

  #checkMode() {
    for (const input of find("modes").querySelectorAll("input")) {
      input.checked = input.value === this.layers.mode;
      if (input.value === "labels") input.disabled = !this.view?.objects.some((structure) => structure.has_labels);
    }
  }

  /** @param {import("../kit/colours.js").Mode} mode */
  setMode(mode) {
    this.layers.mode = mode;
    this.#checkMode();
    this.layers.changed("mode");
  }

  /** Hide or show the highlight. @param {boolean} isHidden */
  blink(isHidden) {
    this.layers.isBlinking = isHidden;
    this.sections.applyOpacity();
  }

  /** Show the highlight in the next way. */
  nextMode() {
    const enabled = MODES.map(([mode]) => mode).filter((mode) => mode !== "labels" || this.view?.objects.some((structure) => structure.has_labels));
    this.setMode(enabled[(enabled.indexOf(this.layers.mode) + 1) % enabled.length]);
  }

  /** Change the thresholds of all visible structures. @param {number} change */
  shiftThreshold(change) {
    for (const [name, look] of this.layers.looks) if (look.isVisible) this.layers.setThreshold(name, look.threshold + change);
  }

  /** Close the job. */
  close() {
    this.sections?.close();
    for (const viewer of this.panels?.both ?? []) viewer.world.removeAll();
    this.job = this.view = this.target = null;
    this.panels?.frame(null);
    delete find("view-status").dataset.ready;
  }
}

/** Fetch the file names of a job's sections. @param {string} job @param {import("../kit/api.js").View} view */
async function namesOf(job, view) {
  const { files, settings } = await askJson(jobPath(job));
  const names = files.map((/** @type {import("../kit/api.js").FileState} */ file) => file.name);
  return sectionNames(names, settings.region, view.shape_zyx[0], view.section_names);
}
