// @ts-check
/** Colours of grey tiles: tables of 256 entries, applied to a tile's pixels. Pure. */

/** @typedef {"fill" | "outline" | "probability" | "labels" | "uncertainty"} Mode */

/** Whether this machine stores the red byte of a 32-bit pixel first. */
const IS_LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** @param {number} red @param {number} green @param {number} blue @param {number} alpha */
function pixel(red, green, blue, alpha) {
  return (IS_LITTLE ? (alpha << 24) | (blue << 16) | (green << 8) | red : (red << 24) | (green << 16) | (blue << 8) | alpha) >>> 0;
}

/** Return red, green and blue, 0 to 255. @param {string} colour "#rrggbb" @returns {[number, number, number]} */
export function channels(colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Return the smallest grey value inside the mask: probability >= threshold, p = v / 255. @param {number} threshold */
export function lowestInside(threshold) {
  return Math.max(1, Math.ceil(threshold * 255 - 1e-9));
}

/**
 * Return the table of a structure's probability: the mask in its colour, or the probability as opacity. @param {string} colour @param {number} threshold @param {Mode} mode
 * @returns {Uint32Array}
 */
export function structureTable(colour, threshold, mode) {
  const [red, green, blue] = channels(colour);
  const least = lowestInside(threshold);
  return Uint32Array.from({ length: 256 }, (_, grey) => {
    const alpha = mode === "probability" ? grey : grey >= least ? 255 : 0;
    return alpha ? pixel(red, green, blue, alpha) : 0;
  });
}

/** Colours of uncertainty, lowest first. */
const HEAT = /** @type {[number, number, number][]} */ ([[20, 11, 52], [132, 32, 107], [229, 92, 48], [246, 215, 70]]);

/** Return the table of uncertainty: transparent where it is low, then dark violet to yellow. */
export function uncertaintyTable() {
  return Uint32Array.from({ length: 256 }, (_, grey) => {
    if (grey < 8) return 0;
    const place = (grey / 255) * (HEAT.length - 1);
    const at = Math.min(HEAT.length - 2, Math.floor(place));
    const [red, green, blue] = HEAT[at].map((from, i) => Math.round(from + (HEAT[at + 1][i] - from) * (place - at)));
    return pixel(red, green, blue, Math.min(255, grey * 3));
  });
}

/** Return the table of the original, with its contrast. black, white: grey values shown as black and as white. @param {number} black @param {number} white */
export function greyTable(black, white) {
  return Uint32Array.from({ length: 256 }, (_, grey) => {
    const shown = Math.round(Math.min(1, Math.max(0, (grey - black) / Math.max(1, white - black))) * 255);
    return pixel(shown, shown, shown, 255);
  });
}

/**
 * Replace each pixel by its entry in a table; the red byte is the grey value.
 * @param {Uint32Array} pixels @param {Uint32Array} table
 */
export function recolour(pixels, table) {
  const shift = IS_LITTLE ? 0 : 24;
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[(pixels[i] >>> shift) & 255];
}

/**
 * Keep only the coloured pixels within two pixels of an empty one.
 * @param {Uint32Array} pixels recoloured, row after row @param {number} width
 */
export function outline(pixels, width) {
  const source = pixels.slice();
  const height = source.length / width;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      if (source[at] && !isBorder(source, at, x, y, width, height)) pixels[at] = 0;
    }
  }
}

/** @param {Uint32Array} source @param {number} at @param {number} x @param {number} y @param {number} width @param {number} height */
function isBorder(source, at, x, y, width, height) {
  return (x > 0 && !source[at - 1]) || (x < width - 1 && !source[at + 1])
    || (y > 0 && !source[at - width]) || (y < height - 1 && !source[at + width])
    || (x > 1 && !source[at - 2]) || (x < width - 2 && !source[at + 2])
    || (y > 1 && !source[at - 2 * width]) || (y < height - 2 && !source[at + 2 * width]);
}

/**
 * Return the black and white that stretch a picture's contrast, leaving out its darkest and lightest 0.5 %.
 * @param {Uint32Array} pixels @returns {[number, number]}
 */
export function stretch(pixels) {
  const shift = IS_LITTLE ? 0 : 24;
  const counts = new Float64Array(256);
  let total = 0;
  for (const value of pixels) {
    if (value === 0) continue;
    counts[(value >>> shift) & 255] += 1;
    total += 1;
  }
  const find = (/** @type {number} */ share) => {
    let sum = 0;
    return counts.findIndex((n) => (sum += n) >= share * total);
  };
  const [black, white] = [find(0.005), find(0.995)];
  return total && white > black ? [black, white] : [0, 255];
}
