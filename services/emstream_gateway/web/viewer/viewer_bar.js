// @ts-check
/** Controls of the viewer above and below its panels. */
import { find, make } from "../kit/dom.js";
import { MODES } from "./layers.js";

/** Connect the controls. @param {import("./viewer.js").Viewer} viewer */
export function bindBar(viewer) {
  find("modes").append(...MODES.map(([mode, name]) => make("label", {},
    make("input", { type: "radio", name: "mode", value: mode, onchange: () => viewer.setMode(mode) }), name)));
  find("z-slider").addEventListener("input", () => viewer.goTo(Number(find("z-slider").value)));
  find("z-number").addEventListener("change", () => viewer.goTo(Number(find("z-number").value) - 1));
  find("previous").addEventListener("click", () => viewer.step(-1));
  find("next").addEventListener("click", () => viewer.step(1));
  find("zoom-in").addEventListener("click", () => viewer.panels?.zoomBy(1.5));
  find("zoom-out").addEventListener("click", () => viewer.panels?.zoomBy(1 / 1.5));
  find("zoom-fit").addEventListener("click", () => viewer.panels?.fit());
  find("zoom-one").addEventListener("click", () => viewer.panels?.look({ zoom: 1 }));
  find("share").addEventListener("click", () => share(viewer));
}

/** Copy the address of the view. @param {import("./viewer.js").Viewer} viewer */
async function share(viewer) {
  history.replaceState(null, "", viewer.address());
  const button = find("share");
  button.textContent = await navigator.clipboard.writeText(location.href).then(() => "Copied", () => "It is in the address bar");
  setTimeout(() => { button.textContent = "Copy link"; }, 1600);
}
