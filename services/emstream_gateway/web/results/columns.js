// @ts-check
/** Columns and cells of the table of objects. Pure. */
import { count } from "../kit/words.js";

/** @typedef {{name: string, unit: string | null, meaning: string}} Column */
/** @typedef {Record<string, any> & {id: number}} Row */

const LEADING = ["id", "volume_um3", "volume_voxels", "section_area_um2", "area_um2", "area_voxels", "uncertainty", "surface_area_um2", "length_um", "sphericity", "mean_probability", "touches_border"];
const HIDDEN = /^(centroid|box)_|^volume_voxels$/;
const SHORT = /** @type {Record<string, string>} */ ({
  volume_voxels: "voxels", surface_area_um2: "surface", mean_probability: "probability", touches_border: "border",
});

/** Columns of the list of uncertain objects. */
export const UNCERTAIN_COLUMNS = [
  { name: "id", unit: null, meaning: "number of the object" },
  { name: "uncertainty", unit: null, meaning: "mean over the object; 0 = certain, 1 = most uncertain" },
  { name: "section", unit: null, meaning: "section of the object's middle, counted from 1" },
];

/**
 * Return the columns to show, in their order; voxels only if volumes are unknown.
 * @param {Column[]} columns @param {boolean} hasVoxelSize
 */
export function shownColumns(columns, hasVoxelSize) {
  const shown = columns.filter(({ name }) => !HIDDEN.test(name) || (name === "volume_voxels" && !hasVoxelSize));
  return shown.sort((a, b) => placeOf(a.name) - placeOf(b.name));
}

/** @param {string} name */
function placeOf(name) {
  const place = LEADING.indexOf(name);
  return place < 0 ? LEADING.length : place;
}

/** Return a column's name, with its unit if it is one of length. @param {Pick<Column, "name" | "unit">} column */
export function headingOf({ name, unit }) {
  const short = SHORT[name] ?? name.replace(/_um[23]?$/, "").replaceAll("_", " ");
  return /^[a-zµ]/.test(unit ?? "") && unit !== short ? `${short} ${unit}` : short;
}

/** Return a value as text; numbers with three digits. @param {any} value */
export function valueInWords(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "";
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(3))) : String(value);
}

/**
 * Say how many objects there are, and which share of the volume they fill; of membranes, that these are enclosed profiles.
 * @param {{total: number, counted?: string, volume_fraction?: number, structure_fraction?: number | null}} facts @param {string} structure
 */
export function countedInWords({ total, counted, volume_fraction, structure_fraction }, structure) {
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)} %`;
  const isEnclosed = counted?.startsWith("profiles");
  const fill = volume_fraction === undefined ? "" : isEnclosed ? `, which fill ${percent(volume_fraction)} of the volume` : ` · ${percent(volume_fraction)} of the volume`;
  const own = isEnclosed && typeof structure_fraction === "number" ? ` The ${structure} themselves: ${percent(structure_fraction)}.` : "";
  return `${isEnclosed ? count(total, "enclosed profile") : count(total, "object")}${fill}.${own}`;
}

/** Return a row of the list of uncertain objects with the names of measurements. @param {any} row @returns {Row} */
export function fromUncertain({ id, uncertainty, z, y, x, box }) {
  const [start, stop] = box;
  return { id, uncertainty, section: Math.round(z) + 1, centroid_z: z, centroid_y: y, centroid_x: x, box_z0: start[0], box_z1: stop[0], box_y0: start[1], box_y1: stop[1], box_x0: start[2], box_x1: stop[2] };
}
