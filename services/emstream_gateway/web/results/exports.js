// @ts-check
/** The Save tab: content, structures, sections and format of an export, which the service makes and the browser downloads. */
import { Refusal, ask, askJson, here, jobPath, orIfMissing, pause, send } from "../kit/api.js";
import { announce, download, find, make } from "../kit/dom.js";
import { formats } from "../kit/formats.js";
import { isCompleted } from "../kit/states.js";
import { sentence } from "../kit/words.js";

const POLL_MS = 700;
const CONTENTS = /** @type {Record<string, string>} */ ({
  mask: "Mask: 0 and 255", labels: "Labels: one number per object", probability: "Probability: 0 to 255",
  overlay: "Overlay: highlighted sections", original: "Original sections",
});

/** Return the contents that the formats can hold, each with its description. @param {import("../kit/formats.js").ExportFormat[]} exports */
export function contentsOf(exports) {
  return [...new Set(exports.flatMap(({ contents }) => contents))].map((name) => [name, CONTENTS[name] ?? sentence(name)]);
}

export class Exports {
  /** @param {import("../viewer/viewer.js").Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    /** @type {any} */
    this.content = this.format = this.first = this.last = this.combined = this.note = this.saved = null;
    /** @type {any[]} */
    this.wanted = [];
    this.listed = "";
    viewer.listeners.push(() => this.#fill());
    find("tab-save").addEventListener("click", () => this.#list());
  }

  #fill() {
    const { view, job } = this.viewer;
    if (!view || !job) return;
    const { exports } = formats();
    const depth = view.shape_zyx[0];
    this.content = make("select", { name: "content", "data-testid": "export-content", onchange: () => this.#limit() }, ...contentsOf(exports).map(([value, text]) => make("option", { value }, text)));
    this.format = make("select", { name: "format", "data-testid": "export-format" }, ...exports.map(({ name, title, hint }) => make("option", { value: name }, `${title}: ${hint}`)));
    this.first = make("input", { type: "number", min: 1, max: depth, value: 1, "aria-label": "First section" });
    this.last = make("input", { type: "number", min: 1, max: depth, value: depth, "aria-label": "Last section" });
    this.wanted = view.objects.map((/** @type {import("../kit/api.js").ViewStructure} */ { name }) => {
      const box = make("input", { type: "checkbox", value: name });
      box.checked = true;
      return box;
    });
    this.combined = make("input", { type: "checkbox" });
    this.note = make("p", { class: "note", role: "status" });
    this.saved = make("ul", { class: "saved", "data-testid": "saved" });
    const structures = make("fieldset", {}, make("legend", {}, "Structures"), ...this.wanted.map((/** @type {any} */ box) => make("label", { class: "check" }, box, sentence(box.value))),
      view.objects.length > 1 && make("label", { class: "check" }, this.combined, "All in one volume"));
    const form = make("form", { class: "form-lines", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); this.#save(); } },
      make("label", {}, make("span", { class: "note" }, "Content"), this.content), structures,
      make("div", { class: "row" }, make("span", { class: "note" }, "Sections"), make("span", { class: "range-line" }, this.first, "to", this.last,
        make("button", { type: "button", class: "quiet", onclick: () => { this.first.value = this.last.value = String(this.viewer.z + 1); } }, "This section"))),
      make("label", {}, make("span", { class: "note" }, "Format"), this.format),
      make("button", { class: "primary", "data-testid": "export" }, "Save"), this.note);
    find("panel-save").replaceChildren(form, this.saved, make("p", { class: "note" },
      make("button", { type: "button", onclick: () => this.#picture() }, "Picture of this view"), " as PNG, as shown on the screen."));
    this.#limit();
    this.listed = "";
    if (find("side").dataset.tab === "save") this.#list();
  }

  /** Offer only the formats that keep the values of the content. */
  #limit() {
    const { exports } = formats();
    for (const [i, { exact }] of exports.entries()) this.format.options[i].disabled = !exact.includes(this.content.value);
    if (this.format.selectedOptions[0]?.disabled) this.format.value = exports.find(({ exact }) => exact.includes(this.content.value))?.name;
  }

  async #save() {
    const job = /** @type {string} */ (this.viewer.job);
    const depth = Number(this.first.max);
    const [first, last] = [this.first, this.last].map((input) => Math.min(depth, Math.max(1, Math.round(Number(input.value)) || 1)));
    const objects = this.wanted.filter((/** @type {any} */ box) => box.checked).map((/** @type {any} */ box) => box.value);
    if (!objects.length && this.content.value !== "original") return this.#report("Choose at least one structure.");
    if (last < first) return this.#report("The last section comes before the first: swap them.");
    const isAll = first === 1 && last === depth;
    const body = {
      content: this.content.value, objects: objects.length === this.wanted.length ? null : objects,
      combined: this.combined.checked, z: isAll ? null : [first - 1, last], format: this.format.value,
    };
    const words = exportInWords(body.content, [first - 1, last], depth, body.format);
    if (!this.viewer.view || !isCompleted(this.viewer.view.state)) return this.#report("Files can be saved once the job is completed.");
    this.#report("");
    try {
      const answer = await send(jobPath(job, "/exports"), body);
      await this.#follow(here(answer.headers.get("Location") ?? ""), words, true);
    } catch (error) {
      this.#report(error instanceof Refusal && error.isMissing ? "This service makes no exports: it is older than this page." : /** @type {Error} */ (error).message);
    }
  }

  /** @param {string} text */
  #report(text) {
    this.note.textContent = text;
    this.note.className = text ? "bad" : "note";
  }

  /** List the exports made before. */
  async #list() {
    const { job, view } = this.viewer;
    if (!job || this.listed === job || !view || !isCompleted(view.state)) return;
    this.listed = job;
    const found = await orIfMissing(askJson(jobPath(job, "/exports")), null).catch(() => null);
    if (job !== this.viewer.job) return;
    const depth = Number(this.first.max);
    for (const { links, content, format, z, state, sentence: reason } of found?.exports ?? []) {
      this.#follow(here(links.self), exportInWords(content, z, depth, format), false, state, reason);
    }
  }

  /** @param {string} address @param {string} words @param {boolean} isFetched @param {string} [state] @param {string | null} [reason] why it failed */
  async #follow(address, words, isFetched, state, reason) {
    this.saved.querySelector(`[data-address="${CSS.escape(address)}"]`)?.remove(); // the same export again
    const bar = make("progress", { max: 1, value: 0, "aria-label": words });
    const remove = make("button", { type: "button", class: "quiet", "aria-label": `Cancel ${words}`, onclick: () => this.#remove(address, line) }, "Cancel");
    const line = make("li", { "data-testid": "saved-line", "data-state": "running", "data-address": address }, make("span", {}, words), remove, bar);
    this.saved.prepend(line);
    try {
      if (state === "failed") throw new Error(reason ?? "The file could not be made.");
      if (state !== "done") await this.#wait(address, bar, line);
      if (!line.isConnected) return;
      line.dataset.state = "done";
      bar.remove();
      remove.textContent = "Remove";
      line.firstChild.replaceWith(make("a", { href: address, download: "" }, words));
      announce(`${words} is ready`);
      if (isFetched) download(address, "");
    } catch (error) {
      line.dataset.state = "failed";
      bar.replaceWith(make("p", { class: "bad" }, /** @type {Error} */ (error).message));
      remove.textContent = "Remove";
    }
  }

  /** @param {string} address @param {any} bar @param {any} line */
  async #wait(address, bar, line) {
    while (line.isConnected) {
      const answer = await ask(address, { method: "GET", headers: { Range: "bytes=0-0" } });
      if (answer.status !== 202) return;
      bar.value = (await answer.json()).progress ?? 0;
      await pause(POLL_MS);
    }
  }

  /** @param {string} address @param {any} line */
  async #remove(address, line) {
    line.remove();
    await send(address, undefined, "DELETE").catch((error) => this.#report(error.message));
  }

  /** Download the right panel as it is on the screen, with the scale bar. */
  #picture() {
    const shown = this.viewer.panels?.right.drawer.canvas;
    const canvas = make("canvas", { width: shown.width, height: shown.height });
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(shown, 0, 0);
    const ratio = shown.width / shown.clientWidth;
    const bar = find("scale-left").querySelector("div");
    context.fillStyle = "#fff";
    context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    context.fillText(find("scale-left").textContent, 14 * ratio, canvas.height - 22 * ratio);
    context.fillRect(14 * ratio, canvas.height - 16 * ratio, bar.clientWidth * ratio, 3 * ratio);
    canvas.toBlob((/** @type {Blob} */ blob) => {
      const address = URL.createObjectURL(blob);
      download(address, `${this.viewer.view?.name || "view"}-section-${this.viewer.z + 1}.png`);
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
  }
}

/** Name an export. @param {string} content @param {[number, number]} z half-open, from 0 @param {number} depth @param {string} format */
export function exportInWords(content, [start, stop], depth, format) {
  const part = stop - start === depth ? "all sections" : stop - start === 1 ? `section ${start + 1}` : `sections ${start + 1} to ${stop}`;
  return `${sentence(content)}, ${part}, ${format.toUpperCase()}`;
}
