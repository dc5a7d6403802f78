// @ts-check
/** The strip under the slider: the sections that are preprocessed, and the ones that have masks. */
import { draw, find } from "../kit/dom.js";

/** @param {import("../kit/api.js").View} view */
export function showAvailability(view) {
  const depth = view.shape_zyx[0];
  const strip = draw("svg", { viewBox: `0 0 ${depth} 1`, preserveAspectRatio: "none" }, draw("rect", { class: "rail", width: depth, height: 1 }));
  for (const [name, ranges] of /** @type {const} */ ([["preprocessed", view.sections_read], ["postprocessed", view.sections_stitched]])) {
    for (const [start, stop] of ranges) strip.append(draw("rect", { class: name, x: start, width: stop - start, height: 1 }));
  }
  find("availability").replaceChildren(strip);
}
