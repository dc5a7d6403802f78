// @ts-check
/** Rectangles on a section, in its pixels: chosen, moved, kept inside. Pure. */

/** @typedef {{x: number, y: number, width: number, height: number}} Region @typedef {{width: number, height: number}} Size */

export const PREVIEW_SIDE = 1024;
export const LEAST_SIDE = 64;

/** Return a region in whole pixels inside the section, each side at least 64 if the section has as many. @param {Region} region @param {Size} section @returns {Region} */
export function kept(region, section) {
  const side = (/** @type {number} */ start, /** @type {number} */ length, /** @type {number} */ whole) => {
    const fitting = Math.round(Math.min(whole, Math.max(Math.min(LEAST_SIDE, whole), length || 0)));
    return [Math.round(Math.min(whole - fitting, Math.max(0, start || 0))), fitting];
  };
  const [x, width] = side(region.x, region.width, section.width);
  const [y, height] = side(region.y, region.height, section.height);
  return { x, y, width, height };
}

/** Return a region of the same size around a place. @param {Region} region @param {number} x @param {number} y @param {Size} section */
export function around(region, x, y, section) {
  return kept({ ...region, x: x - region.width / 2, y: y - region.height / 2 }, section);
}

/** Return the region that a preview starts with: the middle of the section. @param {Size} section */
export function middleOf(section) {
  const region = { x: 0, y: 0, width: PREVIEW_SIDE, height: PREVIEW_SIDE };
  return around(kept(region, section), section.width / 2, section.height / 2, section);
}

/** Return the rectangle between two corners. @param {number[]} one [x, y] @param {number[]} other @param {Size} section */
export function between(one, other, section) {
  const [x, y] = [Math.min(one[0], other[0]), Math.min(one[1], other[1])];
  return kept({ x, y, width: Math.abs(one[0] - other[0]), height: Math.abs(one[1] - other[1]) }, section);
}

/** Return the region as the service takes it: first and stop corner as (z, y, x). z: the section, from 0. @param {number} z @param {Region} region */
export function boxOf(z, { x, y, width, height }) {
  return [[z, y, x], [z + 1, y + height, x + width]];
}
