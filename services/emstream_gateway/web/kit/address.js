// @ts-check
/** The address after #: the page; in the viewer the place, section and colours as well, so that a view can be shared. Pure. */

/**
 * @typedef {{colour: string, opacity: number, threshold: number, isVisible: boolean}} Look how a structure is shown
 * @typedef {{z?: number, x?: number, y?: number, zoom?: number, show?: string, looks: Record<string, Look>}} Place
 * @typedef {{page: string, job?: string, place: Place}} Address
 */

/**
 * Read an address. Parts that make no sense are left out. zoom: screen pixels per image pixel; x, y: the middle, in pixels of the section; z: the section, counted from 1.
 * @param {string} hash
 * @returns {Address}
 */
export function parseAddress(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page, job] = path.split("/").map(decodeURIComponent);
  /** @type {Place} */
  const place = { looks: {} };
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === "show") place.show = value;
    else if (key === "z" || key === "x" || key === "y" || key === "zoom") {
      if (Number.isFinite(Number(value))) place[key] = Number(value);
    } else if (key.startsWith("o.")) {
      const look = parseLook(value);
      if (look) place.looks[key.slice(2)] = look;
    }
  }
  return { page: page || "samples", job: job || undefined, place };
}

/** Return the token in an address, and the address without it. @param {string} hash @returns {{token: string, rest: string}} */
export function takeToken(hash) {
  const found = /^#token=([^&]*)&?(.*)$/.exec(hash);
  return found ? { token: decodeURIComponent(found[1]), rest: found[2] && `#${found[2]}` } : { token: "", rest: hash };
}

/** Write the address of a view. @param {string} job @param {Place} place */
export function writeAddress(job, place) {
  const query = new URLSearchParams();
  for (const key of /** @type {const} */ (["z", "x", "y", "zoom"])) {
    const value = place[key];
    if (value !== undefined) query.set(key, String(Number(value.toPrecision(6))));
  }
  if (place.show) query.set("show", place.show);
  for (const [name, look] of Object.entries(place.looks)) query.set(`o.${name}`, writeLook(look));
  return `#/job/${encodeURIComponent(job)}?${query}`;
}

/** @param {Look} look */
function writeLook(look) {
  const numbers = [look.opacity, look.threshold].map((number) => String(Number(number.toFixed(3))));
  return [look.colour.replace("#", ""), ...numbers, look.isVisible ? "1" : "0"].join("_");
}

/** @param {string} text @returns {Look | null} */
function parseLook(text) {
  const [colour, opacity, threshold, shown] = text.split("_");
  const isComplete = /^[0-9a-f]{6}$/.test(colour) && [opacity, threshold].every((t) => Number(t) >= 0 && Number(t) <= 1);
  if (!isComplete) return null;
  return { colour: `#${colour}`, opacity: Number(opacity), threshold: Number(threshold), isVisible: shown !== "0" };
}
