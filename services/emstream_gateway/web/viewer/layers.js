// @ts-check
/** Look of the layers, with its controls: colour, opacity, threshold and visibility per structure, contrast of the original. */
import { find, make } from "../kit/dom.js";
import { greyTable, structureTable, outline, recolour, uncertaintyTable } from "../kit/colours.js";
import { isWithin } from "./sections.js";
import { sentence, voxelInWords } from "../kit/words.js";

/** @typedef {import("../kit/address.js").Look} Look */
/** @typedef {import("../kit/colours.js").Mode} Mode */
/** @typedef {"opacity" | "structure" | "original" | "mode" | "exact" | "wheel"} Change */

export const MODES = /** @type {[Mode, string][]} */ ([
  ["fill", "Fill"], ["outline", "Outline"], ["probability", "Probability"], ["labels", "Objects"], ["uncertainty", "Uncertainty"],
]);
const THIN_STRENGTH = 1.8;
const WHEEL = "emstream.wheel";

export class Layers {
  /**
   * @param {import("../kit/api.js").View} view @param {import("../kit/address.js").Place} place the looks of the address
   * @param {(change: Change) => void} onChange
   * @param {(thresholds: Record<string, number>) => Promise<void>} onSave
   */
  constructor(view, place, onChange, onSave) {
    this.view = view;
    this.onChange = onChange;
    this.onSave = onSave;
    this.mode = MODES.find(([mode]) => mode === place.show)?.[0] ?? "fill";
    this.black = 0;
    this.white = 255;
    this.isExact = false;
    this.isBlinking = false;
    this.wheel = localStorage.getItem(WHEEL) ?? "zoom";
    /** @type {Map<string, Look>} */
    this.looks = new Map(view.objects.map((structure) => [structure.name, place.looks[structure.name] ?? initialLook(structure)]));
    /** @type {Map<string, Uint32Array>} */
    this.tables = new Map();
    this.heat = uncertaintyTable();
  }

  /** Take a newer view; looks that were set stay. @param {import("../kit/api.js").View} view */
  update(view) {
    this.view = view;
    for (const structure of view.objects) {
      if (!this.looks.has(structure.name)) this.looks.set(structure.name, initialLook(structure));
    }
  }

  /** Return the layers over the original of a section; none before it has masks. @param {number} z */
  over(z) {
    if (!isWithin(this.view.sections_stitched, z)) return [];
    return this.view.objects.map(({ name, has_labels }) => {
      const suffix = this.mode === "labels" && has_labels ? ".labels" : this.mode === "uncertainty" ? ".spread" : "";
      return { name: name + suffix, extension: "png", kind: /** @type {const} */ ("structure"), structure: name };
    });
  }

  /** @param {import("./sections.js").Layer} layer */
  opacityOf(layer) {
    if (layer.kind === "original") return 1;
    const look = this.looks.get(layer.structure);
    if (!look?.isVisible || this.isBlinking) return 0;
    return ["outline", "uncertainty"].includes(this.mode) ? Math.min(1, look.opacity * THIN_STRENGTH) : look.opacity;
  }

  /**
   * Colour one tile. @param {import("./sections.js").Layer} layer @param {CanvasRenderingContext2D} context
   * @returns {boolean} whether anything was changed
   */
  paint(layer, context) {
    const table = this.#tableOf(layer);
    if (!table) return false;
    const { width, height } = context.canvas;
    const image = context.getImageData(0, 0, width, height);
    const pixels = new Uint32Array(image.data.buffer);
    recolour(pixels, table);
    if (layer.kind === "structure" && this.mode === "outline") outline(pixels, width);
    context.putImageData(image, 0, 0);
    return true;
  }

  /** Return whether a layer's tiles need other colours than they are served with. @param {import("./sections.js").Layer} layer */
  needsPaint(layer) {
    return this.#tableOf(layer) !== null;
  }

  /** @param {import("./sections.js").Layer} layer @returns {Uint32Array | null} null = as served */
  #tableOf(layer) {
    if (layer.kind === "original") {
      return this.black === 0 && this.white === 255 ? null : this.#table("original", () => greyTable(this.black, this.white));
    }
    if (layer.name.endsWith(".labels")) return null;
    if (layer.name.endsWith(".spread")) return this.heat;
    const look = this.looks.get(layer.structure);
    if (!look) return null;
    return this.#table(layer.structure, () => structureTable(look.colour, look.threshold, this.mode));
  }

  /** @param {string} name @param {() => Uint32Array} compute */
  #table(name, compute) {
    const known = this.tables.get(name) ?? compute();
    this.tables.set(name, known);
    return known;
  }

  /** Report a change, and forget the tables that it makes wrong. @param {Change} change */
  changed(change) {
    if (change !== "opacity") this.tables.clear();
    this.onChange(change);
  }

  /** Change the look of a structure. @param {string} name @param {Partial<Look>} change */
  set(name, change) {
    const look = /** @type {Look} */ (this.looks.get(name));
    Object.assign(look, change);
    this.changed("colour" in change || "threshold" in change ? "structure" : "opacity");
  }

  /** The thresholds that differ from the ones of the masks. */
  get unsaved() {
    /** @type {Record<string, number>} */
    const found = {};
    for (const { name, threshold } of this.view.objects) {
      const wanted = this.looks.get(name)?.threshold ?? threshold;
      if (Math.abs(wanted - threshold) > 0.0005) found[name] = Number(wanted.toFixed(3));
    }
    return found;
  }

  /** Show the controls. @param {() => [number, number]} measureStretch returns the black and white that stretch the visible part */
  fill(measureStretch) {
    const missing = missingInWords(this.view.voxel_size_nm);
    const notice = missing ? make("p", { class: "notice", "data-testid": "voxel-notice" }, missing) : null;
    find("panel-layers").replaceChildren(...[
      notice, ...this.view.objects.map((structure) => this.#card(structure)), this.#saveBox(), this.#originalCard(measureStretch),
    ].filter((part) => part !== null));
    this.#showUnsaved();
  }

  /** @param {import("../kit/api.js").ViewStructure} object */
  #card({ name, threshold, trained_on }) {
    const look = /** @type {Look} */ (this.looks.get(name));
    const card = make("section", { class: "layer", "aria-label": name, "data-structure": name });
    const mark = () => card.classList.toggle("hidden-layer", !look.isVisible);
    const shown = make("input", { type: "checkbox", "aria-label": `Show ${name}`, class: "shown",
      onchange: () => { this.set(name, { isVisible: shown.checked }); mark(); } });
    shown.checked = look.isVisible;
    const colour = make("input", { type: "color", value: look.colour, "aria-label": `Colour of ${name}`,
      oninput: () => this.set(name, { colour: colour.value }) });
    const thresholdSlider = slide("Threshold", look.threshold, 0.01, 0.99, 0.01, (v) => v.toFixed(2), (value) => {
      this.set(name, { threshold: value });
      this.#showUnsaved();
    }, `${name}: threshold`);
    card.append(
      make("header", {}, colour, make("h3", {}, sentence(name)), shown),
      slide("Opacity", look.opacity, 0, 1, 0.05, (v) => `${Math.round(v * 100)} %`, (value) => this.set(name, { opacity: value }), `${name}: opacity`),
      thresholdSlider,
      make("button", { type: "button", class: "quiet reset", title: `The masks were made with ${threshold}`, hidden: true,
        onclick: () => this.setThreshold(name, threshold) }, `Back to ${threshold.toFixed(2)}`),
      trained_on ? make("p", { class: "note", "data-testid": "trained-on" }, `Trained on ${trained_on}.`) : "",
    );
    mark();
    return card;
  }

  /** Set a threshold by other means than its slider. @param {string} name @param {number} threshold */
  setThreshold(name, threshold) {
    const input = find("panel-layers").querySelector(`[data-structure="${CSS.escape(name)}"] [aria-label$="threshold"]`);
    input.value = String(Math.min(0.99, Math.max(0.01, threshold)));
    input.dispatchEvent(new Event("input"));
  }

  /** Show or hide a structure. @param {number} index */
  toggle(index) {
    /** @type {NodeListOf<HTMLInputElement>} */
    const boxes = find("panel-layers").querySelectorAll(".shown");
    boxes[index]?.click();
  }

  #saveBox() {
    const note = make("p", { class: "note" }, "Saving makes masks, objects and measurements again, from the stored probabilities.");
    const button = make("button", { type: "button", class: "primary", "data-testid": "save-threshold" });
    const box = make("div", { class: "layer", id: "save-thresholds", hidden: true }, note, button);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await this.onSave(this.unsaved);
      } catch (error) {
        note.textContent = /** @type {Error} */ (error).message;
        note.className = "bad";
      }
      button.disabled = false;
      this.#showUnsaved();
    });
    return box;
  }

  #showUnsaved() {
    const unsaved = this.unsaved;
    const names = Object.entries(unsaved);
    find("save-thresholds").hidden = names.length === 0;
    find("save-thresholds").querySelector("button").textContent =
      `Save ${names.map(([name, value]) => (names.length > 1 ? `${name} ${value}` : `threshold ${value}`)).join(", ")}`;
    for (const card of find("panel-layers").querySelectorAll("[data-structure]")) {
      card.querySelector(".reset").hidden = !(card.dataset.structure in unsaved);
    }
  }

  /** @param {() => [number, number]} measureStretch */
  #originalCard(measureStretch) {
    const black = slide("Black", this.black, 0, 254, 1, String, (value) => { this.black = value; this.changed("original"); }, "Grey value shown as black");
    const white = slide("White", this.white, 1, 255, 1, String, (value) => { this.white = value; this.changed("original"); }, "Grey value shown as white");
    const put = (/** @type {[number, number]} */ pair) => [black, white].forEach((line, i) => {
      const input = line.querySelector("input");
      input.value = String(pair[i]);
      input.dispatchEvent(new Event("input"));
    });
    const exact = make("input", { type: "checkbox", onchange: () => { this.isExact = exact.checked; this.changed("exact"); } });
    return make("section", { class: "layer", "aria-label": "Original" },
      make("header", {}, make("h3", {}, "Original"),
        make("button", { type: "button", class: "quiet", onclick: () => put(measureStretch()) }, "Auto"),
        make("button", { type: "button", class: "quiet", onclick: () => put([0, 255]) }, "Reset")),
      black, white,
      make("label", { class: "check" }, exact, "Exact pixels (slower: no JPEG)"),
      this.#wheelChoice(),
      make("p", { class: "note" }, sentence(voxelInWords(this.view.voxel_size_nm)), this.view.voxel_size_nm ? ` (${this.view.voxel_size_source}).` : "."));
  }

  #wheelChoice() {
    const select = make("select", { "data-testid": "wheel", onchange: () => { this.wheel = select.value; localStorage.setItem(WHEEL, this.wheel); this.onChange("wheel"); } },
      make("option", { value: "zoom" }, "zooms; with Shift: sections"), make("option", { value: "step" }, "steps sections; with Shift: zooms"));
    select.value = this.wheel;
    return make("label", { class: "wheel" }, make("span", { class: "note" }, "Mouse wheel"), select);
  }
}

/** @param {import("../kit/api.js").ViewStructure} structure @returns {Look} */
function initialLook({ colour, threshold }) {
  return { colour, opacity: 0.5, threshold, isVisible: true };
}

/**
 * Make a slider with its name and value.
 * @param {string} name @param {number} value @param {number} min @param {number} max @param {number} step
 * @param {(value: number) => string} inWords @param {(value: number) => void} onChange @param {string} label
 */
function slide(name, value, min, max, step, inWords, onChange, label) {
  const shown = make("output", {}, inWords(value));
  const input = make("input", { type: "range", min, max, step, "aria-label": label });
  input.value = String(value);
  input.addEventListener("input", () => {
    shown.textContent = inWords(Number(input.value));
    input.setAttribute("aria-valuetext", shown.textContent);
    onChange(Number(input.value));
  });
  return make("label", { class: "slide" }, make("span", {}, name), input, shown);
}

/** Return the sentence on what is not known of a voxel size, or nothing. @param {import("../kit/api.js").VoxelSize | null} voxel */
function missingInWords(voxel) {
  if (!voxel) return "The voxel size is unknown: lengths are in pixels. Predict again with the voxel size to get micrometres.";
  return voxel[0] ? "" : "The section thickness is unknown: there are areas, no volumes and no surfaces. Predict again with it to get them.";
}
