// @ts-check
/** The way from files to a running job: the drop zone, the new samples, the settings, the Predict button. */
import { askJson, orIfMissing, send, jobPath } from "../kit/api.js";
import { announce, find, make } from "../kit/dom.js";
import { formats } from "../kit/formats.js";
import { Draft } from "./draft.js";
import { chosen, dropped } from "./drop.js";
import { intoSamples } from "./samples.js";
import { count, duration, enumerated, sentence } from "../kit/words.js";

const QUALITIES = ["fast", "balanced", "accurate"];
const REMEMBERED = "emstream.settings";

export class Predict {
  /** @param {() => void} onJobs called when the list of jobs has changed */
  constructor(onJobs) {
    this.onJobs = onJobs;
    /** @type {Draft[]} */
    this.drafts = [];
    /** @type {any[]} */
    this.models = [];
    this.isWanted = this.isSending = false;
    this.estimated = "";
    /** @type {Promise<void>} */
    this.turn = Promise.resolve();
    this.#bindDrop();
    find("settings").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#predict();
    });
    find("settings").addEventListener("change", () => this.#settingsChanged());
  }

  /** Offer files of the formats that the service reads. */
  offerFormats() {
    const { stacks } = formats();
    find("files-input").accept = stacks.flatMap(({ suffixes }) => suffixes).join(",");
    find("stack-kinds").textContent = enumerated(stacks.filter((format) => format.is_stack).map(({ kind }) => kind));
  }

  /** Fetch the structures that can be found, and show them. */
  async loadModels() {
    const { models } = await askJson("/v1/models");
    this.models = models;
    const kept = JSON.parse(localStorage.getItem(REMEMBERED) ?? "{}");
    const names = [...new Set(models.map((/** @type {any} */ model) => model.object))];
    const ticked = names.filter((name) => kept.objects?.includes(name));
    const preset = models.find((/** @type {any} */ model) => model.is_default)?.object ?? names[0];
    find("structures-wanted").replaceChildren(...names.map((name) => {
      const box = make("input", { type: "checkbox", name: "object", value: name });
      box.checked = ticked.length ? ticked.includes(name) : name === preset;
      return make("label", {}, box, ` ${sentence(name)}`);
    }));
    find("qualities").replaceChildren(...QUALITIES.map((quality) => {
      const radio = make("input", { type: "radio", name: "quality", value: quality });
      radio.checked = quality === (kept.quality ?? "balanced");
      return make("label", {}, radio, make("strong", {}, sentence(quality)), make("span", { class: "note" }, models.find((/** @type {any} */ model) => model.quality === quality)?.words ?? ""));
    }));
    this.#settingsChanged();
  }

  /** Return whether a job belongs to a draft. @param {string} job */
  has(job) {
    return this.drafts.some((draft) => draft.isOwner && draft.holder === job);
  }

  /** Add the files of an earlier job, to predict them with other settings. @param {import("../kit/api.js").Job} job */
  predictAgain(job) {
    if (this.drafts.some((draft) => draft.holder === job.id)) return;
    this.#enter({ name: job.name, job });
    this.onJobs();
    find("drop").scrollIntoView({ block: "start" });
  }

  #bindDrop() {
    const zone = find("drop");
    const page = document.documentElement;
    const isFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") && !find("samples").hidden;
    page.addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      zone.classList.add("over");
    });
    page.addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("over"); });
    page.addEventListener("drop", async (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      zone.classList.remove("over");
      this.add(await dropped(/** @type {DataTransfer} */ (event.dataTransfer)));
    });
    for (const [button, input] of [["choose-folder", "folder-input"], ["choose-files", "files-input"]]) {
      find(button).addEventListener("click", () => find(input).click());
      find(input).addEventListener("change", () => {
        this.add(chosen(find(input).files));
        find(input).value = "";
      });
    }
    find("choose-path").addEventListener("click", () => {
      find("path-form").hidden = !find("path-form").hidden;
      find("choose-path").setAttribute("aria-expanded", String(!find("path-form").hidden));
      find("path").focus();
    });
    find("path-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      const path = find("path").value.trim();
      this.#enter({ name: path.split("/").filter(Boolean).pop() ?? path, path });
      find("path").value = "";
    });
  }

  /** Add files as samples. @param {import("./samples.js").Given[]} given */
  add(given) {
    const { samples, leftOut } = intoSamples(given, formats());
    const note = find("left-out");
    note.hidden = leftOut.length === 0 && samples.length > 0;
    note.textContent = samples.length || !given.length
      ? `Left out, not section images: ${leftOut.slice(0, 5).join(", ")}${leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : ""}.`
      : `None of these files is a section image or a stack: choose ${enumerated(formats().stacks.map(({ kind }) => kind))} files.`;
    for (const sample of samples) this.#enter({ name: sample.name, sample });
    if (samples.length) announce(`${count(samples.length, "sample")} added`);
  }

  /** @param {import("./draft.js").Source} source */
  async #enter(source) {
    const draft = new Draft(source, () => this.#changed(), (gone) => {
      this.drafts = this.drafts.filter((other) => other !== gone);
      this.#changed();
    }, (of, region) => this.#preview(of, region));
    this.drafts.push(draft);
    find("drafts").append(draft.element);
    this.#changed();
    this.turn = this.turn.then(() => draft.run()); // one sample after the other: the first is ready early
    await this.turn;
  }

  #changed() {
    find("predict").hidden = this.drafts.length === 0;
    find("drop").classList.toggle("small", this.drafts.length > 0);
    const { good, problems } = sorted(this.drafts);
    const isReady = good.every((draft) => draft.state === "ready");
    const hasStructure = this.settings.objects.length > 0;
    find("predict-button").disabled = !good.length || !hasStructure || this.isSending;
    find("predict-button").textContent = this.isWanted && !isReady ? "Starts when the files are ready" : good.length > 1 ? `Predict ${good.length} samples` : "Predict";
    find("predict-note").textContent = problems.join(" ") || (hasStructure ? "" : "Choose at least one structure to find.");
    find("predict-note").className = problems.length ? "note bad" : "note";
    if (this.isWanted && isReady && good.length) this.#predict();
    this.#estimate();
  }

  /** The form's settings, as the service takes them. */
  get settings() {
    const form = new FormData(find("settings"));
    return {
      objects: form.getAll("object").map(String),
      quality: String(form.get("quality") ?? "balanced"),
      contrast_stretch: form.has("contrast_stretch"),
      spread: form.has("spread"),
      ...(form.has("exact") ? { halo: "exact" } : {}),
      ...(form.has("split_touching") ? { split_touching: true } : {}),
      ...(form.get("min_voxels") ? { min_voxels: Number(form.get("min_voxels")) } : {}),
    };
  }

  #settingsChanged() {
    const { objects, quality } = this.settings;
    localStorage.setItem(REMEMBERED, JSON.stringify({ objects, quality }));
    const measured = this.models.filter((model) => objects.includes(model.object) && model.quality === quality && model.measured);
    find("estimate").title = measured.map((model) => `${model.object}: ${model.measured}`).join("\n");
    this.#changed();
  }

  async #estimate() {
    const voxels = this.drafts.reduce((sum, { inspection }) => sum + (inspection?.shape_zyx.reduce((a, b) => a * b, 1) ?? 0), 0);
    const { objects, quality } = this.settings;
    const voxel = this.drafts[0]?.settings.voxel_size_nm;
    const query = `voxels=${voxels}&quality=${quality}&objects=${encodeURIComponent(objects.join(","))}${voxel ? `&voxel_size_nm=${[voxel[0] ?? voxel[1], voxel[1], voxel[2]].join(",")}` : ""}`;
    if (query === this.estimated) return;
    this.estimated = query;
    const found = voxels && objects.length ? await orIfMissing(askJson(`/v1/estimate?${query}`), null).catch(() => null) : null;
    if (query !== this.estimated) return;
    const measured = this.models.filter((model) => objects.includes(model.object) && model.quality === quality && model.measured);
    find("estimate").replaceChildren(
      ...(found?.seconds ? ["Takes about ", make("strong", {}, duration(found.seconds)), ` (measured on ${found.based_on}). `] : []),
      ...measured.slice(0, 3).map((model) => `${sentence(model.object)}: ${model.measured}${model.trained_on ? `; trained on ${model.trained_on}` : ""}. `));
  }

  async #predict() {
    this.isWanted = true;
    const { good } = sorted(this.drafts);
    if (this.isSending || !good.every((draft) => draft.state === "ready")) return good.length && this.#showWaiting();
    this.isSending = true;
    try {
      for (const draft of good) await this.#start(draft);
      announce("Started");
    } catch (error) {
      find("predict-note").textContent = /** @type {Error} */ (error).message;
      find("predict-note").className = "note bad";
    }
    this.isWanted = this.isSending = false;
    const failure = find("predict-note").textContent;
    this.#changed();
    if (failure && this.drafts.length) {
      find("predict-note").textContent = failure;
      find("predict-note").className = "note bad";
    }
    this.onJobs();
  }

  #showWaiting() {
    find("predict-button").textContent = "Starts when the files are ready";
  }

  /** @param {Draft} draft */
  async #start(draft) {
    await send("/v1/jobs", { name: draft.name, ...draft.source, settings: { ...this.settings, ...draft.settings } });
    this.drafts = this.drafts.filter((other) => other !== draft);
    draft.close();
    draft.element.remove();
    if (draft.isOwner) await send(jobPath(draft.holder), undefined, "DELETE"); // the new job has its files
  }

  /** @param {Draft} draft @param {number[][]} region */
  async #preview(draft, region) {
    const settings = { ...this.settings, ...draft.settings, region };
    try {
      const answer = await send("/v1/jobs", { name: `${draft.name} (preview)`, ...draft.source, settings });
      const { jobs } = await answer.json();
      this.onJobs();
      location.hash = `#/job/${jobs[0].id}`;
    } catch (error) {
      find("predict-note").textContent = /** @type {Error} */ (error).message;
      find("predict-note").className = "note bad";
    }
  }
}

/**
 * Return the samples that can be predicted, now or once they are ready, and a sentence for each of the others.
 * @template {{problem: string}} T
 * @param {T[]} drafts
 * @returns {{good: T[], problems: string[]}}
 */
export function sorted(drafts) {
  return { good: drafts.filter((draft) => !draft.problem), problems: drafts.map((draft) => draft.problem).filter(Boolean) };
}
