// @ts-check
/** Tabs at the side of the panels, chosen by pointer or arrow keys. */
import { find } from "../kit/dom.js";

const NAMES = ["layers", "objects", "save"];

/** Connect the tabs. */
export function bindTabs() {
  for (const name of NAMES) {
    find(`tab-${name}`).addEventListener("click", () => choose(name));
    find(`tab-${name}`).addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = NAMES[(NAMES.indexOf(name) + step + NAMES.length) % NAMES.length];
      find(`tab-${next}`).click();
      find(`tab-${next}`).focus();
    });
  }
}

/** @param {string} chosen */
function choose(chosen) {
  find("side").dataset.tab = chosen;
  for (const name of NAMES) {
    find(`tab-${name}`).setAttribute("aria-selected", String(name === chosen));
    find(`tab-${name}`).tabIndex = name === chosen ? 0 : -1;
    find(`panel-${name}`).hidden = name !== chosen;
  }
}
