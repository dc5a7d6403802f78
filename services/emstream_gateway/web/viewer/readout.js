// @ts-check
/** Readout of the pointer's place, in pixels and lengths, and of the structures under a click. */
import { askJson, jobPath, orIfMissing } from "../kit/api.js";
import { find } from "../kit/dom.js";
import { isWithin } from "./sections.js";
import { length } from "../kit/words.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

/** Return the pixel of the section at a place of a panel, or null outside. @param {Viewer} viewer @param {any} panel @param {{x: number, y: number}} position */
function pixelAt(viewer, panel, position) {
  if (!viewer.view || !viewer.panels) return null;
  const { x, y } = viewer.panels.pixelAt(panel, position);
  const [, height, width] = viewer.view.shape_zyx;
  return x >= 0 && y >= 0 && x < width && y < height ? { x, y } : null;
}

/** Show the pointer's place. @param {Viewer} viewer @param {any} panel @param {PointerEvent} event */
export function showPlace(viewer, panel, event) {
  const box = panel.canvas.getBoundingClientRect();
  const at = pixelAt(viewer, panel, { x: event.clientX - box.left, y: event.clientY - box.top });
  find("readout").textContent = at ? placeInWords(at, viewer.z, viewer.view?.voxel_size_nm ?? null) : "";
}

/** Show the probabilities under a click, and choose the object there. @param {Viewer} viewer @param {any} panel @param {any} position */
export async function readAt(viewer, panel, position) {
  const at = pixelAt(viewer, panel, position);
  if (!at || !isWithin(viewer.view?.sections_stitched ?? [], viewer.z)) return;
  const path = jobPath(/** @type {string} */ (viewer.job), `/at?z=${viewer.z}&y=${at.y}&x=${at.x}`);
  const found = await orIfMissing(askJson(path), null).catch(() => null);
  if (!found) return;
  const spots = /** @type {[string, {probability: number, label: number | null}][]} */ (Object.entries(found.objects));
  find("readout").textContent = spots.map(([name, { probability, label }]) =>
    `${name} ${Math.round(probability * 100)} %${label ? ` (object ${label})` : ""}`).join("   ·   ");
  const hit = objectAt(spots, (name) => viewer.layers.looks.get(name)?.isVisible !== false);
  if (hit) document.dispatchEvent(new CustomEvent("object-picked", { detail: { structure: hit[0], id: hit[1].label } }));
}

/**
 * Return the structure whose object a click means: a visible one, the most probable where several overlap.
 * @param {[string, {probability: number, label: number | null}][]} spots @param {(name: string) => boolean} isVisible
 */
export function objectAt(spots, isVisible) {
  const found = spots.filter(([name, { label }]) => label && isVisible(name));
  return found.sort(([, a], [, b]) => b.probability - a.probability)[0];
}

/** Return a place as text; sections count from 1, pixels from 0. @param {{x: number, y: number}} at @param {number} z the section, from 0 @param {import("../kit/api.js").VoxelSize | null} voxel_nm */
export function placeInWords(at, z, voxel_nm) {
  const pixels = `section ${z + 1}   ·   x ${at.x}, y ${at.y}`;
  if (!voxel_nm) return pixels;
  const [dz, dy, dx] = voxel_nm;
  return `${pixels}   ·   ${length(at.x * dx)}, ${length(at.y * dy)}${dz ? `, ${length(z * dz)} deep` : ""}`;
}
