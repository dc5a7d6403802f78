// @ts-check
/** Keyboard shortcuts of the viewer. */
import { find } from "../kit/dom.js";

/**
 * Return the shortcuts.
 * @param {import("./viewer.js").Viewer} viewer
 * @returns {import("../kit/keys.js").Binding[]}
 */
export function bindingsOf(viewer) {
  const panels = () => /** @type {import("./panels.js").Panels} */ (viewer.panels);
  return [
    { keys: ["PageUp", ","], shown: "PageUp ,", what: "the previous section (with Shift: ten)", run: (e) => viewer.step(e.shiftKey ? -10 : -1) },
    { keys: ["PageDown", "."], shown: "PageDown .", what: "the next section (with Shift: ten)", run: (e) => viewer.step(e.shiftKey ? 10 : 1) },
    { keys: ["Home"], shown: "Home", what: "the first section", run: () => viewer.goTo(0) },
    { keys: ["End"], shown: "End", what: "the last section", run: () => viewer.goTo(Infinity) },
    { keys: ["g", "G"], shown: "G", what: "go to a section: type its number", run: () => { find("z-number").focus(); find("z-number").select(); } },
    { keys: ["ArrowLeft"], shown: "← → ↑ ↓", what: "move the view", run: () => panels().panBy(-0.15, 0) },
    { keys: ["ArrowRight"], shown: "", what: "", run: () => panels().panBy(0.15, 0) },
    { keys: ["ArrowUp"], shown: "", what: "", run: () => panels().panBy(0, -0.15) },
    { keys: ["ArrowDown"], shown: "", what: "", run: () => panels().panBy(0, 0.15) },
    { keys: ["+", "="], shown: "+ −", what: "zoom in, zoom out", run: () => panels().zoomBy(1.3) },
    { keys: ["-"], shown: "", what: "", run: () => panels().zoomBy(1 / 1.3) },
    { keys: ["0"], shown: "0", what: "the whole section", run: () => panels().fit() },
    { keys: [" ", "b", "B"], shown: "Space B", what: "hide the highlight while held (blink)", run: () => viewer.blink(true), end: () => viewer.blink(false) },
    { keys: ["m", "M"], shown: "M", what: "next way to show the highlight", run: () => viewer.nextMode() },
    { keys: ["["], shown: "[ ]", what: "lower, raise the threshold of the visible structures", run: () => viewer.shiftThreshold(-0.02) },
    { keys: ["]"], shown: "", what: "", run: () => viewer.shiftThreshold(0.02) },
    ...Array.from({ length: 9 }, (_, i) => ({
      keys: [String(i + 1)], shown: i ? "" : "1 … 9", what: i ? "" : "show or hide a structure", run: () => viewer.layers.toggle(i),
    })),
    { keys: ["n", "N"], shown: "N", what: "the next of the least certain objects", run: () => document.dispatchEvent(new CustomEvent("next-object", { detail: 1 })) },
    { keys: ["p", "P"], shown: "P", what: "the one before it", run: () => document.dispatchEvent(new CustomEvent("next-object", { detail: -1 })) },
    { keys: ["s", "S"], shown: "S", what: "tab Save", run: () => find("tab-save").click() },
    { keys: ["l", "L"], shown: "L", what: "tab Layers", run: () => find("tab-layers").click() },
    { keys: ["o", "O"], shown: "O", what: "tab Objects", run: () => find("tab-objects").click() },
  ];
}
