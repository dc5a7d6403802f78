// @ts-check
/** Keyboard shortcuts, and the dialog that lists them. */
import { find, make } from "./dom.js";

/** @typedef {{keys: string[], shown: string, what: string, run: (event: KeyboardEvent) => void, end?: () => void}} Binding
 *   shown: the keys as the dialog lists them; empty for a binding that another line describes. end: run when the key is released */

/** Return whether an element takes typed text. @param {EventTarget | null} target */
function takesText(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.matches("select, textarea, input:not([type=checkbox], [type=radio], [type=range], [type=color], [type=file])");
}

/** Return whether a key belongs to the control that has the focus. @param {KeyboardEvent} event */
function isOfControl(event) {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target.matches("input[type=range], input[type=radio], [role=tab]")) return /^(Arrow|Home|End|Page)/.test(event.key);
  return target.matches("button, a, summary, tr, input") && (event.key === " " || event.key === "Enter");
}

/**
 * Run the bindings of pressed keys while `isActive`. @param {Binding[]} bindings @param {() => boolean} isActive
 */
export function listen(bindings, isActive) {
  const byKey = new Map(bindings.flatMap((binding) => binding.keys.map((key) => [key, binding])));
  /** @type {Set<Binding>} */
  const held = new Set();
  document.addEventListener("keydown", (event) => {
    if (!isActive() || document.querySelector("dialog[open]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || takesText(event.target) || isOfControl(event)) return;
    const binding = byKey.get(event.key);
    if (!binding || held.has(binding)) return;
    event.preventDefault();
    if (binding.end) held.add(binding);
    binding.run(event);
  });
  const release = () => {
    for (const binding of held) binding.end?.();
    held.clear();
  };
  document.addEventListener("keyup", (event) => {
    const binding = byKey.get(event.key);
    if (binding && held.has(binding)) release();
  });
  window.addEventListener("blur", release);
}

/** List the bindings in the dialog. @param {Binding[]} bindings */
export function fillHelp(bindings) {
  const lines = bindings.filter(({ shown }) => shown).flatMap(({ shown, what }) => [
    make("dt", {}, ...shown.split(" ").flatMap((key) => (key === "…" ? [key, " "] : [make("kbd", {}, key), " "]))),
    make("dd", {}, what),
  ]);
  find("help-keys").replaceChildren(...lines);
}

/** Let the button and `?` open the dialog, on every page. */
export function bindHelp() {
  const open = () => find("help").showModal();
  find("help-open").addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !takesText(event.target) && !document.querySelector("dialog[open]")) open();
  });
}
