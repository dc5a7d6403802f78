// @ts-check
/** Files to samples: a folder is one, a stack file is one, loose images are one together. Pure. */

/**
 * @typedef {{path: string, file: File}} Given path: with its folders, as the user sees it
 * @typedef {{name: string, files: Given[], bytes: number}} Sample
 */

const IMAGES = new Set(["png", "jpg", "jpeg", "tif", "tiff"]);
const STACKS = new Set(["h5", "hdf5", "hdf", "he5", "ims", "mrc", "mrcs", "rec", "st", "ali", "preali", "map"]);
const TIFF_STACKS = new Set(["tif", "tiff", "btf", "tf8"]);

/** @param {string} path */
function suffixOf(path) {
  return path.includes(".") ? path.slice(path.lastIndexOf(".") + 1).toLowerCase() : "";
}

/** @param {string} path */
function folderOf(path) {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

/** @param {string} path */
function isHidden(path) {
  return path.split("/").some((part) => part.startsWith(".") || /^(thumbs\.db|desktop\.ini|__macosx)$/i.test(part));
}

/**
 * Names with numbers in the order of the numbers: s2 before s10.
 * @param {string} one @param {string} other
 */
export function naturally(one, other) {
  return order.compare(one, other) || (one < other ? -1 : one > other ? 1 : 0);
}
const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/**
 * @param {Given[]} given
 * @returns {{samples: Sample[], leftOut: string[]}} leftOut: files that are no sections
 */
export function intoSamples(given) {
  /** @type {Map<string, Sample>} */
  const samples = new Map();
  const leftOut = [];
  for (const one of given) {
    const key = isHidden(one.path) ? null : keyOf(one.path);
    if (key === null) {
      if (!isHidden(one.path)) leftOut.push(one.path);
      continue;
    }
    const sample = samples.get(key) ?? { name: nameOf(key), files: [], bytes: 0 };
    sample.files.push(one);
    sample.bytes += one.file.size;
    samples.set(key, sample);
  }
  for (const sample of samples.values()) sample.files.sort((a, b) => naturally(a.path, b.path));
  return { samples: [...samples.values()].sort((a, b) => naturally(a.name, b.name)), leftOut };
}

/** What the files of one sample share; null for a file that is no section. @param {string} path @returns {string | null} */
function keyOf(path) {
  const suffix = suffixOf(path);
  const folder = folderOf(path);
  if (STACKS.has(suffix) || (!folder && TIFF_STACKS.has(suffix))) return path;
  if (IMAGES.has(suffix) || TIFF_STACKS.has(suffix)) return folder || "images";
  return null;
}

/** @param {string} key */
function nameOf(key) {
  return key.split("/").pop() || key;
}
