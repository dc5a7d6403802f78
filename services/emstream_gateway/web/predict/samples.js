// @ts-check
/** Samples: the files among many that make one job together, by the service's rule and its formats. Pure. */

/** @typedef {import("../kit/formats.js").Formats} Formats */

/**
 * @typedef {{path: string, file: File}} Given path: with its folders, as the user sees it
 * @typedef {{name: string, files: Given[], bytes: number}} Sample
 */

/** Name of the sample that images without a folder make. */
const LOOSE = "images";

/** @param {string} path */
function suffixOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.lastIndexOf(".") > 0 ? name.slice(name.lastIndexOf(".")).toLowerCase() : "";
}

/** @param {string} path */
function folderOf(path) {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

/** Return whether a file is hidden, or left by a file manager. @param {string} path @param {string[]} clutter */
export function isClutter(path, clutter) {
  const parts = path.split("/");
  return parts[parts.length - 1].startsWith(".") || parts.some((part) => clutter.includes(part.toLowerCase()));
}

/**
 * Return the sample of a file; null if its suffix is none of a section image or a stack.
 * A stack is a sample by itself: one that may be an image as well only without a folder. The images of a folder are a
 * sample together.
 * @param {string} path @param {Formats["stacks"]} stacks
 */
export function sampleOf(path, stacks) {
  const format = stacks.find(({ suffixes }) => suffixes.includes(suffixOf(path)));
  if (!format) return null;
  const folder = folderOf(path);
  return format.is_stack && !(format.is_image && folder) ? path : folder || LOOSE;
}

/**
 * Compare names in natural order: s2 before s10. Case does not count.
 * @param {string} one @param {string} other
 */
export function naturally(one, other) {
  const [a, b] = [one, other].map((name) => name.toLowerCase().split(/([0-9]+)/));
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const order = i % 2 ? compare(BigInt(a[i]), BigInt(b[i])) : compare(a[i], b[i]);
    if (order) return order;
  }
  return a.length - b.length || compare(one, other);
}

/** @template T @param {T} one @param {T} other */
function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}

/**
 * Group files into samples, in natural order.
 * @param {Given[]} given @param {Pick<Formats, "stacks" | "clutter">} formats
 * @returns {{samples: Sample[], leftOut: string[]}} leftOut: files that are neither section images nor stacks, nor clutter
 */
export function intoSamples(given, { stacks, clutter }) {
  /** @type {Map<string, Sample>} */
  const samples = new Map();
  const leftOut = [];
  for (const one of given.filter(({ path }) => !isClutter(path, clutter))) {
    const key = sampleOf(one.path, stacks);
    if (key === null) {
      leftOut.push(one.path);
      continue;
    }
    const sample = samples.get(key) ?? { name: key.split("/").pop() || key, files: [], bytes: 0 };
    sample.files.push(one);
    sample.bytes += one.file.size;
    samples.set(key, sample);
  }
  for (const sample of samples.values()) sample.files.sort((a, b) => naturally(a.path, b.path));
  return { samples: [...samples.values()].sort((a, b) => naturally(a.name, b.name)), leftOut };
}
