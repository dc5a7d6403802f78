// @ts-check
/** The scale bar: a round length, as wide as on the section. */
import { find, make } from "../kit/dom.js";
import { length, roundLength } from "../kit/words.js";

const WIDEST_PX = 140;

/** Draw the scale bar. @param {number} zoom screen pixels per image pixel @param {import("../kit/api.js").VoxelSize | null} voxel_nm */
export function showScale(zoom, voxel_nm) {
  const unit = voxel_nm ? voxel_nm[2] : 1;
  const long = roundLength((WIDEST_PX / zoom) * unit);
  const bar = make("div");
  bar.style.width = `${(long / unit) * zoom}px`;
  find("scale-left").replaceChildren(voxel_nm ? length(long) : `${long} pixels`, bar);
}
