// @ts-check
/** The scale bar, and where the pointer is. */
import { find, make } from "./dom.js";
import { length, roundLength } from "./words.js";

const WIDEST_PX = 140;

/** @param {number} zoom screen pixels per image pixel @param {import("./api.js").Triple | null} voxel_nm */
export function showScale(zoom, voxel_nm) {
  const unit = voxel_nm ? voxel_nm[2] : 1;
  const long = roundLength((WIDEST_PX / zoom) * unit);
  const bar = make("div");
  bar.style.width = `${(long / unit) * zoom}px`;
  find("scale-left").replaceChildren(voxel_nm ? length(long) : `${long} pixels`, bar);
}

/** @param {{x: number, y: number}} at @param {number} z @param {import("./api.js").Triple | null} voxel_nm */
export function placeInWords(at, z, voxel_nm) {
  const pixels = `x ${at.x}  y ${at.y}  z ${z + 1}`;
  if (!voxel_nm) return pixels;
  const [dz, dy, dx] = voxel_nm;
  return `${pixels}   ·   ${length(at.x * dx)}, ${length(at.y * dy)}, ${length(z * dz)}`;
}
