// @ts-check
/**
 * Tiles of the visible section and of its neighbours, in both panels.
 *
 * 1. A section's images are added hidden, and load their tiles; 2. once all have the tiles that the view needs, they are
 * shown and the former ones hidden, so that nothing flashes; 3. then the neighbours' images are added, and those of
 * sections further away removed.
 */
import { jobPath } from "../kit/api.js";

const NEIGHBOURS = [1, -1, 2]; // steps to the sections that are loaded ahead
const KEPT = 3; // steps to the furthest section that stays loaded
const WAIT_MS = 1500; // for tiles, before a section is shown without them

/**
 * @typedef {{name: string, extension: string, kind: "original" | "structure", structure: string}} Layer
 * @typedef {{key: string, items: {layer: Layer, viewer: any, image: any}[], added: Promise<any>,
 *   outdated: Set<"original" | "structure">}} Shown outdated: kinds of layers whose colours have changed since
 */

/** Return whether a section is in one of the half-open ranges. @param {[number, number][]} ranges @param {number} z */
export function isWithin(ranges, z) {
  return ranges.some(([start, stop]) => z >= start && z < stop);
}

export class Sections {
  /**
   * @param {string} job @param {import("./panels.js").Panels} panels
   * @param {(z: number) => Layer[]} layersOf returns the layers over the original in the right panel
   * @param {(layer: Layer) => number} opacityOf
   * @param {(z: number) => void} onShown
   */
  constructor(job, panels, layersOf, opacityOf, onShown) {
    this.job = job;
    this.panels = panels;
    this.layersOf = layersOf;
    this.opacityOf = opacityOf;
    this.onShown = onShown;
    /** @type {import("../kit/api.js").View | null} */
    this.view = null;
    this.isExact = false;
    /** @type {Map<number, Shown>} */
    this.sets = new Map();
    /** @type {Shown | null} */
    this.visible = null;
    this.shown = -1;
    this.wanted = -1;
    this.isBusy = this.isPainting = false;
    this.isClosed = false;
    /** @type {WeakMap<object, Layer>} */
    this.layerOf = new WeakMap();
  }

  /** Show a section as soon as its tiles are loaded. @param {number} z */
  async show(z) {
    this.wanted = z;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (!this.isClosed && this.wanted >= 0 && !this.#isUpToDate(this.wanted)) await this.#load(this.wanted);
    } finally {
      this.isBusy = false;
    }
    if (!this.isClosed) this.#preload();
  }

  /** @param {number} z */
  #isUpToDate(z) {
    const set = this.sets.get(z);
    return this.shown === z && set !== undefined && set === this.visible && set.key === this.#keyOf(z);
  }

  /** @param {number} z */
  async #load(z) {
    const set = this.#ensure(z);
    await set.added;
    if (this.visible === null) this.#swapIn(set, z);
    await until(() => this.isClosed || set.items.every(({ image }) => image.getFullyLoaded()), WAIT_MS);
    if (set.outdated.size) await repaint(set);
    if (this.isClosed || this.wanted < 0) return;
    this.#swapIn(set, z);
    await frame(); // OpenSeadragon draws in a frame of its own
    await frame();
    if (!this.isClosed) this.onShown(z);
  }

  /** @param {Shown} set @param {number} z */
  #swapIn(set, z) {
    const former = this.visible;
    this.visible = set;
    this.shown = z;
    this.applyOpacity();
    if (former && former !== set) {
      for (const { image } of former.items) image.setOpacity(0);
      if (![...this.sets.values()].includes(former)) this.#drop(former);
    }
  }

  /** Show nothing: the section wanted is not preprocessed yet. */
  hide() {
    this.wanted = this.shown = -1;
    for (const { image } of this.visible?.items ?? []) image.setOpacity(0);
    this.visible = null;
  }

  /** Give each visible layer its present opacity. */
  applyOpacity() {
    for (const { layer, image } of this.visible?.items ?? []) {
      const opacity = this.opacityOf(layer);
      if (image.getOpacity() !== opacity) image.setOpacity(opacity);
    }
  }

  /** Colour the tiles of a kind of layer again: visible ones at once, hidden ones before they are shown. @param {"original" | "structure"} kind */
  async recolour(kind) {
    for (const set of this.sets.values()) set.outdated.add(kind);
    if (this.isPainting) return;
    this.isPainting = true;
    while (this.visible?.outdated.size && !this.isClosed) await repaint(this.visible);
    this.isPainting = false;
  }

  /** @param {number} z */
  #keyOf(z) {
    return [this.view?.version, this.isExact, ...this.layersOf(z).map((layer) => layer.name)].join(" ");
  }

  /** @param {number} z @returns {Shown} */
  #ensure(z) {
    const known = this.sets.get(z);
    const key = this.#keyOf(z);
    if (known?.key === key) return known;
    if (known && known !== this.visible) this.#drop(known);
    const original = /** @type {Layer} */ ({ name: "raw", extension: this.isExact ? "png" : "jpg", kind: "original", structure: "" });
    const layers = this.layersOf(z);
    /** @type {Shown["items"]} */
    const items = [];
    const wanted = [[this.panels.left, original], [this.panels.right, original], ...layers.map((layer) => [this.panels.right, layer])];
    const added = Promise.all(wanted.map(([viewer, layer]) => this.#add(viewer, layer, z, items)));
    const set = { key, items, added, outdated: new Set() };
    this.sets.set(z, set);
    return set;
  }

  /** @param {any} viewer @param {Layer} layer @param {number} z @param {Shown["items"]} items */
  #add(viewer, layer, z, items) {
    return new Promise((resolve) => {
      viewer.addTiledImage({
        tileSource: this.#source(layer, z),
        opacity: 0,
        preload: true,
        success: (/** @type {any} */ { item }) => {
          this.layerOf.set(item, layer);
          items.push({ layer, viewer, image: item });
          resolve(item);
        },
        error: resolve,
      });
    });
  }

  /** @param {Layer} layer @param {number} z */
  #source(layer, z) {
    const view = /** @type {import("../kit/api.js").View} */ (this.view);
    const [, height, width] = view.shape_zyx;
    const base = jobPath(this.job, `/tiles/${encodeURIComponent(layer.name)}/${z}`);
    const last = view.levels - 1;
    return {
      width,
      height,
      tileSize: view.tile,
      minLevel: 0,
      maxLevel: last,
      getTileUrl: (/** @type {number} */ level, /** @type {number} */ x, /** @type {number} */ y) =>
        `${base}/${last - level}/${x}_${y}.${layer.extension}?v=${encodeURIComponent(view.version)}`,
    };
  }

  async #preload() {
    const z = this.shown;
    const depth = this.view?.shape_zyx[0] ?? 0;
    for (const [at, set] of this.sets) {
      if (set !== this.visible && Math.abs(at - z) > KEPT) {
        this.sets.delete(at);
        this.#drop(set);
      }
    }
    for (const step of NEIGHBOURS) {
      const at = z + step;
      if (at >= 0 && at < depth && isWithin(this.view?.sections_read ?? [], at)) await this.#ensure(at).added;
      if (this.isBusy || this.isClosed) return;
    }
  }

  /** @param {Shown} set */
  async #drop(set) {
    await set.added;
    for (const { viewer, image } of set.items) if (viewer.world) viewer.world.removeItem(image);
  }

  close() {
    this.isClosed = true;
  }
}

/** Wait until a condition is true, at most for a time. @param {() => boolean} isTrue @param {number} wait_ms */
function until(isTrue, wait_ms) {
  const end = performance.now() + wait_ms;
  return new Promise((/** @type {(value: void) => void} */ resolve) => {
    const look = () => (isTrue() || performance.now() > end ? resolve() : requestAnimationFrame(look));
    look();
  });
}

/** @param {Shown} set */
async function repaint(set) {
  const kinds = new Set(set.outdated);
  set.outdated.clear();
  await Promise.all(set.items.filter(({ layer }) => kinds.has(layer.kind)).map(({ image }) => image.requestInvalidate(true)));
}

function frame() {
  return new Promise(requestAnimationFrame);
}
