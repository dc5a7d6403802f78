// @ts-check
/** Two OpenSeadragon panels that zoom and pan as one: the one last touched leads, the other copies its bounds. */
import { find } from "../kit/dom.js";

const OpenSeadragon = /** @type {any} */ (globalThis).OpenSeadragon;
const OPTIONS = {
  drawer: "canvas",
  showNavigationControl: false,
  imageSmoothingEnabled: true,
  maxZoomPixelRatio: 16,
  minZoomImageRatio: 0.7,
  visibilityRatio: 0.3,
  animationTime: 0.35,
  springStiffness: 9,
  immediateRender: true,
  preserveImageSizeOnResize: true,
  imageLoaderLimit: 6,
  maxImageCacheCount: 600,
  zoomPerScroll: 1.25,
  zoomPerClick: 1,
  gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  prefixUrl: "",
  keyboardNavEnabled: false,
  crossOriginPolicy: false,
};

export class Panels {
  /** @param {(steps: number) => void} onStep called when the mouse wheel steps through sections */
  constructor(onStep) {
    this.left = this.#make("left");
    this.right = this.#make("right");
    this.leader = this.left;
    this.wheel = "zoom";
    this.onStep = onStep;
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.#join(this.left, this.right);
    this.#join(this.right, this.left);
  }

  /** @param {string} id */
  #make(id) {
    const viewer = OpenSeadragon({ ...OPTIONS, element: find(id) });
    viewer.canvas.setAttribute("aria-label", `${id === "left" ? "Original" : "Highlighted"} section. Arrow keys pan, plus and minus zoom`);
    viewer.canvas.setAttribute("role", "application");
    viewer.addHandler("canvas-key", (/** @type {any} */ event) => { event.preventDefaultAction = true; event.preventDefault = false; });
    return viewer;
  }

  /** @param {any} one @param {any} other */
  #join(one, other) {
    for (const event of ["canvas-enter", "canvas-press", "canvas-pinch"]) one.addHandler(event, () => { this.leader = one; });
    one.addHandler("canvas-scroll", (/** @type {any} */ event) => {
      this.leader = one;
      if ((this.wheel === "step") === Boolean(event.originalEvent.shiftKey)) return;
      event.preventDefaultAction = true;
      this.onStep(event.scroll > 0 ? -1 : 1);
    });
    one.addHandler("viewport-change", () => {
      if (this.leader !== one) return;
      other.viewport.fitBounds(one.viewport.getBounds(true), true);
      this.#moved();
    });
    one.addHandler("resize", () => setTimeout(() => this.#copy()));
  }

  #moved() {
    const crisp = this.zoom > 1.01;
    for (const viewer of this.both) {
      if (viewer.drawer._imageSmoothingEnabled === crisp) viewer.drawer.setImageSmoothingEnabled(!crisp);
    }
    for (const listener of this.listeners) listener();
  }

  get both() {
    return [this.left, this.right];
  }

  /** The width of a section in pixels; the viewport's unit of length. */
  get imageWidth() {
    return this.leader.world.getItemAt(0)?.source.dimensions.x ?? 1;
  }

  /** Screen pixels per image pixel. */
  get zoom() {
    const viewport = this.leader.viewport;
    return (viewport.getContainerSize().x * viewport.getZoom(true)) / this.imageWidth;
  }

  /** The middle of the view, in pixels of the section. */
  get middle() {
    const centre = this.leader.viewport.getCenter(true);
    return { x: centre.x * this.imageWidth, y: centre.y * this.imageWidth };
  }

  /** Move both panels to a place. @param {{x?: number, y?: number, zoom?: number}} place @param {boolean} [isAtOnce] */
  look(place, isAtOnce = false) {
    const viewport = this.leader.viewport;
    if (place.x !== undefined && place.y !== undefined) {
      viewport.panTo(new OpenSeadragon.Point(place.x / this.imageWidth, place.y / this.imageWidth), isAtOnce);
    }
    if (place.zoom) viewport.zoomTo((place.zoom * this.imageWidth) / viewport.getContainerSize().x, undefined, isAtOnce);
    if (isAtOnce) this.#copy();
  }

  #copy() {
    for (const viewer of this.both) {
      if (viewer !== this.leader) viewer.viewport.fitBounds(this.leader.viewport.getBounds(true), true);
    }
    this.#moved();
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.leader.viewport.zoomBy(factor);
    this.leader.viewport.applyConstraints();
  }

  /** @param {number} across @param {number} down parts of the visible width and height */
  panBy(across, down) {
    const bounds = this.leader.viewport.getBounds();
    this.leader.viewport.panBy(new OpenSeadragon.Point(bounds.width * across, bounds.height * down));
    this.leader.viewport.applyConstraints();
  }

  /** Show the whole section. @param {boolean} [isAtOnce] */
  fit(isAtOnce = false) {
    this.leader.viewport.goHome(isAtOnce);
    if (isAtOnce) this.#copy();
  }

  /**
   * Draw a frame around a part of the section in both panels, or remove it.
   * @param {{x0: number, x1: number, y0: number, y1: number} | null} box in pixels, half-open
   */
  frame(box) {
    for (const viewer of this.both) {
      viewer.clearOverlays();
      if (!box) continue;
      const [x, y, width, height] = [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0].map((pixels) => pixels / this.imageWidth);
      const element = document.createElement("div");
      element.className = "frame";
      viewer.addOverlay({ element, location: new OpenSeadragon.Rect(x, y, width, height) });
    }
  }

  /** Return the pixel of the section at a place of a panel. @param {any} viewer @param {{x: number, y: number}} position */
  pixelAt(viewer, { x, y }) {
    const point = viewer.viewport.pointFromPixel(new OpenSeadragon.Point(x, y), true);
    return { x: Math.floor(point.x * this.imageWidth), y: Math.floor(point.y * this.imageWidth) };
  }
}
