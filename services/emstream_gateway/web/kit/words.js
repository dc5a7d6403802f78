// @ts-check
/** Numbers in words. Pure. */

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;
}

/** @param {number} nanometres */
export function length(nanometres) {
  if (nanometres >= 1e6) return `${trimmed(nanometres / 1e6)} mm`;
  if (nanometres >= 1000) return `${trimmed(nanometres / 1000)} µm`;
  return `${trimmed(nanometres)} nm`;
}

/** @param {number} value */
function trimmed(value) {
  return String(Number(value.toPrecision(3)));
}

/** @param {number} number @param {string} one @param {string} [several] */
export function count(number, one, several = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : several}`;
}

/** @param {number[] | null | undefined} shape (z, y, x) */
export function shapeInWords(shape) {
  if (!shape) return "";
  const [z, y, x] = shape;
  return `${count(z, "section")} of ${x.toLocaleString("en")} × ${y.toLocaleString("en")} pixels`;
}

/**
 * Name a region: sections count from 1, pixels from 0, both ends included.
 * @param {[number[], number[]] | null | undefined} region first and stop corner, (z, y, x)
 */
export function regionInWords(region) {
  if (!region) return "everything";
  const [[z, y, x], [zStop, yStop, xStop]] = region;
  const sections = zStop - z === 1 ? `section ${z + 1}` : `sections ${z + 1} to ${zStop}`;
  return `${sections}, x ${x} to ${xStop - 1}, y ${y} to ${yStop - 1}`;
}

/** Return a voxel size as the command line has it too. @param {(number | null)[] | null | undefined} voxel (z, y, x) in nm; z null if unknown */
export function voxelInWords(voxel) {
  if (!voxel) return "voxel size unknown";
  const [z, y, x] = voxel.map((edge) => edge && Number(edge.toPrecision(4)));
  return `${x === y ? x : `${x} × ${y}`} nm pixels, ${z ? `${z} nm sections` : "sections of unknown thickness"}`;
}

const MOST_UNEQUAL = 1.5;

/** Return whether the sides of a pixel differ more than microscopes make them. @param {number} y @param {number} x */
export function areUnequal(y, x) {
  return Math.max(y, x) > MOST_UNEQUAL * Math.min(y, x);
}

/**
 * Return the length of a scale bar: 1, 2 or 5 times a power of ten, at most `widest`.
 * @param {number} widest
 */
export function roundLength(widest) {
  const power = 10 ** Math.floor(Math.log10(widest));
  const factor = [5, 2, 1].find((step) => step * power <= widest) ?? 1;
  return factor * power;
}

const PLACE_IN_FILE = /^(page|plane|section|z) \d+$/;

/** Return the own file name of a section; empty for one of a stack in one file, which the service names by its place. @param {string} name */
export function fileNameOf(name) {
  return PLACE_IN_FILE.test(name) ? "" : name.split("/").pop() ?? "";
}

/** List names in a sentence: "a, b or c". @param {string[]} names */
export function enumerated(names) {
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names[names.length - 1]}` : names.join("");
}

/** Return a text with a capital first letter. @param {string} text */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}
