// @ts-check
/** What there is of a job: the strip under the slider, of sections that are preprocessed or have masks; and the notes on its result. */
import { draw, find, make } from "../kit/dom.js";
import { count, sentence } from "../kit/words.js";

/** @param {import("../kit/api.js").View} view */
export function showAvailability(view) {
  const depth = view.shape_zyx[0];
  const strip = draw("svg", { viewBox: `0 0 ${depth} 1`, preserveAspectRatio: "none" }, draw("rect", { class: "rail", width: depth, height: 1 }));
  for (const [name, ranges] of /** @type {const} */ ([["preprocessed", view.sections_read], ["postprocessed", view.sections_stitched]])) {
    for (const [start, stop] of ranges) strip.append(draw("rect", { class: name, x: start, width: stop - start, height: 1 }));
  }
  find("availability").replaceChildren(strip);
}

/** Show what is to be known when the result is judged, above the tabs. @param {string[]} warnings */
export function showWarnings(warnings) {
  const box = find("view-warnings");
  if (box.dataset.shown === warnings.join("\n")) return; // it may have been closed by hand
  box.dataset.shown = warnings.join("\n");
  box.hidden = warnings.length === 0;
  box.open = true;
  box.querySelector("summary").textContent = `${count(warnings.length, "note")} on this result`;
  box.querySelector("ul").replaceChildren(...warnings.map((text) => make("li", {}, sentence(text))));
}
