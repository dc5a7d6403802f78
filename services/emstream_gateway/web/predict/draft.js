// @ts-check
/** The card of a new sample: its upload, the properties found in its files, corrections, and a preview. */
import { ask, jobPath, orIfMissing, pause, send } from "../kit/api.js";
import { find, make } from "../kit/dom.js";
import { PreviewChoice } from "./preview.js";
import { Upload } from "./upload.js";
import { areUnequal, count, duration, fileNameOf, sentence, shapeInWords, size, voxelInWords } from "../kit/words.js";

/**
 * @typedef {{shape_zyx: [number, number, number], dtype: string, dataset: string | null,
 *   datasets: {name: string, shape: number[], dtype: string}[], voxel_size_nm: import("../kit/api.js").VoxelSize | null,
 *   voxel_size_source: string, voxel_size_doubt?: string | null, sections: string[], warnings: string[]}} Inspection
 */

/**
 * @typedef {{name: string, sample?: import("./samples.js").Sample, path?: string, job?: import("../kit/api.js").Job}} Source
 *   files to upload, a path on the server, or a job whose files the service has
 */

const POLL_MS = 500;
const AXES = /** @type {const} */ (["x", "y", "z"]);

export class Draft {
  /**
   * @param {Source} source
   * @param {(draft: Draft) => void} onChange @param {(draft: Draft) => void} onRemove
   * @param {(draft: Draft, region: number[][]) => Promise<void>} onPreview
   */
  constructor(source, onChange, onRemove, onPreview) {
    this.name = source.name;
    this.path = source.path ?? null;
    this.sample = source.sample ?? null;
    this.job = source.job ?? null;
    this.onChange = onChange;
    this.onRemove = onRemove;
    this.onPreview = onPreview;
    this.upload = source.sample ? new Upload(source.sample, () => this.#showSending()) : null;
    /** @type {PreviewChoice | null} */
    this.preview = null;
    this.pathJob = "";
    /** @type {"sending" | "inspecting" | "ready" | "refused"} */
    this.state = "sending";
    /** @type {Inspection | null} */
    this.inspection = null;
    this.dataset = "";
    this.voxels = ["", "", ""];
    /** @type {any[]} */
    this.voxelInputs = [];
    /** @type {any} */
    this.voxelNote = null;
    this.stated = "";
    this.origin = "";
    this.areUnequalRight = false;
    this.question = make("div", { class: "warn", role: "alert", "data-testid": "voxel-question", hidden: true });
    this.wasRefused = false;
    this.element = make("article", { class: "card draft", "aria-label": this.name, "data-testid": "draft" });
    this.#build();
  }

  #build() {
    const sample = this.sample;
    this.body = make("div");
    this.bar = make("progress", { max: 1, value: 0, "aria-label": `Upload of ${this.name}` });
    this.sent = make("span", { class: "note" });
    this.sending = make("div", { class: "sending", hidden: !sample }, this.bar, this.sent);
    this.element.append(
      make("header", {}, make("h3", {}, this.name),
        make("span", { class: "note" }, this.#amount()),
        make("button", { type: "button", class: "quiet", "aria-label": `Remove ${this.name}`, onclick: () => this.remove() }, "Remove")),
      this.sending, this.body);
  }

  #amount() {
    if (this.sample) return `${count(this.sample.files.length, "file")}, ${size(this.sample.bytes)}`;
    return this.job?.file_totals.count ? count(this.job.file_totals.count, "file") : this.path ?? this.job?.input ?? "on the server’s disk";
  }

  /** Id of the job that holds the files: of the upload, of the path, or an earlier one. */
  get holder() {
    return this.upload?.job || this.pathJob || this.job?.id || "";
  }

  /** Whether that job exists for this draft alone and is deleted with it. */
  get isOwner() {
    return this.job === null || this.job.state === "uploading";
  }

  #showSending() {
    const upload = /** @type {Upload} */ (this.upload);
    const { bytes } = upload.sample;
    this.bar.value = bytes ? upload.received / bytes : 1;
    const left = upload.seconds ? `, ${duration(upload.seconds)} left` : "";
    this.sent.textContent = upload.isWaiting
      ? "Connection lost. The upload continues by itself" : `${size(upload.received)} of ${size(bytes)}${left}`;
  }

  /** Upload the files and inspect them; an error is shown as a sentence on the card. */
  async run() {
    try {
      await this.upload?.run();
      if (this.path && !this.pathJob) await this.#makePathJob(this.path);
      this.state = "inspecting";
      this.sending.hidden = true;
      this.body.replaceChildren(make("p", { class: "note", role: "status" }, "Reading the file headers…"));
      await this.#inspect();
      this.state = "ready";
      this.#showInspection();
    } catch (error) {
      if (this.upload?.stopping.signal.aborted) return;
      this.state = "refused";
      this.wasRefused = true;
      this.sending.hidden = true;
      this.#showRefusal(error);
    }
    this.onChange(this);
  }

  /** Make a job of a path that does not start yet, so that it can be inspected. @param {string} path */
  async #makePathJob(path) {
    const answer = await send("/v1/jobs", { name: this.name, input: path, start: false });
    this.pathJob = (await answer.json()).jobs[0].id;
  }

  async #inspect() {
    const job = this.holder;
    const query = new URLSearchParams(this.dataset ? { dataset: this.dataset } : {});
    const voxel = this.wasRefused ? this.settings.voxel_size_nm : undefined;
    if (voxel?.[0]) query.set("voxel_size_nm", voxel.join(","));
    if ((await orIfMissing(send(jobPath(job, `/inspect?${query}`)), null)) === null) return;
    for (;;) {
      const answer = await ask(jobPath(job, "/inspection"));
      if (answer.status === 200) {
        this.inspection = await answer.json();
        return;
      }
      await pause(POLL_MS);
    }
  }

  /** @param {any} error */
  #showRefusal(error) {
    const datasets = error.problem?.datasets ?? [];
    this.body.replaceChildren(
      make("ul", { class: "sentences bad", role: "alert" }, make("li", {}, error.message)),
      datasets.length ? make("p", { class: "line" }, "Data set", this.#datasetChoice(datasets, "")) : "",
      this.holder ? make("form", { class: "line", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); this.#lookAgain(); } },
        "Voxel size", this.#voxelLine(), make("button", { class: "quiet", "data-testid": "look-again" }, "Read it again")) : "");
  }

  /** Inspect the files again, with the voxel size that was entered. */
  async #lookAgain() {
    this.state = "sending";
    this.onChange(this);
    await this.run();
  }

  #showInspection() {
    const found = this.inspection;
    this.close();
    if (!found) {
      this.body.replaceChildren(make("dl", {}, make("dt", {}, "Voxel size"), make("dd", {}, this.#voxelLine())));
      return;
    }
    if (found.voxel_size_nm && this.voxels.every((v) => !v)) {
      this.voxels = [...found.voxel_size_nm].reverse().map((edge) => edge ? String(Number(edge.toPrecision(5))) : "");
    }
    this.stated = this.voxels.join();
    this.body.replaceChildren(
      make("dl", {},
        make("dt", {}, "Stack"), make("dd", { "data-testid": "shape" }, `${shapeInWords(found.shape_zyx)}, ${found.dtype}`),
        ...(found.datasets.length > 1 ? [make("dt", {}, "Data set"), make("dd", {}, this.#datasetChoice(found.datasets, found.dataset ?? ""))] : []),
        make("dt", {}, "Voxel size"), make("dd", {}, this.#voxelLine(), this.#voxelNote(found), this.question),
        ...this.#order(found)),
      make("ul", { class: "sentences warn" }, ...found.warnings.filter((text) => !/^the (voxel size|section thickness) is not/i.test(text)).map((text) => make("li", {}, text))),
      this.#previewOf(found));
    this.#showVoxelNotes();
  }

  /** @param {Inspection["datasets"]} datasets @param {string} chosen */
  #datasetChoice(datasets, chosen) {
    const select = make("select", { "aria-label": `Data set of ${this.name}`, onchange: () => this.#chooseDataset(select.value) },
      !chosen && make("option", { value: "" }, "Choose one"),
      ...datasets.map(({ name, shape, dtype }) => make("option", { value: name }, `${name} (${shape.join(" × ")}, ${dtype})`)));
    select.value = this.dataset || chosen;
    return select;
  }

  /** @param {string} dataset */
  async #chooseDataset(dataset) {
    this.dataset = dataset;
    this.voxels = ["", "", ""];
    this.state = "sending";
    await this.run();
  }

  #voxelLine() {
    const inputs = AXES.map((axis, i) => make("input", {
      type: "number", min: "0.01", max: "999999", step: "any", value: this.voxels[i], "aria-label": `Voxel size ${axis} in nanometres`,
      "data-testid": `voxel-${axis}`, oninput: (/** @type {any} */ event) => this.#setVoxel(i, event.target.value),
    }));
    this.voxelInputs = inputs;
    return make("span", { class: "voxel" }, "Pixel: x", inputs[0], "y", inputs[1], "nm. Section thickness: z", inputs[2], "nm");
  }

  /** Set one edge; y follows x until it is given itself. @param {number} index @param {string} text */
  #setVoxel(index, text) {
    const isSquare = index === 0 && this.voxels[1] === this.voxels[0];
    this.voxels[index] = text;
    if (isSquare) {
      this.voxels[1] = text;
      this.voxelInputs[1].value = text;
    }
    this.areUnequalRight = false;
    this.#showVoxelNotes();
    this.preview?.refresh();
    this.onChange(this);
  }

  /** @param {Inspection} found */
  #voxelNote(found) {
    this.origin = found.voxel_size_nm ? `${sentence(found.voxel_size_source)}. Correct it if it is wrong.` : "";
    this.voxelNote = make("span", { "data-testid": "voxel-note" });
    return this.voxelNote;
  }

  /** Say what is not known of the voxel size, and question what can hardly be right. */
  #showVoxelNotes() {
    const voxel = this.settings.voxel_size_nm;
    const missing = !voxel ? "Unknown. Enter it: the networks then see the right scale, and sizes are in micrometres."
      : voxel[0] ? "" : "The section thickness is not in the file. Enter it to get volumes, surfaces and meshes.";
    if (this.voxelNote) {
      this.voxelNote.className = missing ? "warn" : "note";
      this.voxelNote.textContent = missing || (this.voxels.join() === this.stated ? this.origin : "");
    }
    const parts = this.#questionParts(voxel);
    this.question.hidden = parts.length === 0;
    this.question.replaceChildren(...parts);
  }

  /** @param {import("../kit/api.js").VoxelSize | undefined} voxel @returns {(string | Element)[]} */
  #questionParts(voxel) {
    if (this.isDoubted && !(voxel && areUnequal(voxel[1], voxel[2]))) return [sentence(this.inspection?.voxel_size_doubt ?? "")];
    if (!voxel || !areUnequal(voxel[1], voxel[2])) return [];
    const [z, y, x] = voxel;
    const turned = z && !areUnequal(z, y) ? make("button", { type: "button", class: "quiet", "data-testid": "voxel-turn", onclick: () => this.#turn() },
      `Use ${voxelInWords([x, y, z])}`) : "";
    const box = make("input", { type: "checkbox", checked: this.areUnequalRight, "data-testid": "voxel-confirm", onchange: () => {
      this.areUnequalRight = box.checked;
      this.onChange(this);
    } });
    return [`Pixels are hardly ever so unequal: ${voxelInWords(voxel)}. The order may be x, y, z. `, turned, make("label", { class: "line" }, box, "It is right as it is")];
  }

  /** Read the three numbers in the other order. */
  #turn() {
    this.voxels.reverse();
    this.voxelInputs.forEach((input, i) => { input.value = this.voxels[i]; });
    this.#showVoxelNotes();
    this.preview?.refresh();
    this.onChange(this);
  }

  /** Whether the file's voxel size stands in the fields, and cannot be right. */
  get isDoubted() {
    return Boolean(this.inspection?.voxel_size_doubt) && this.voxels.join() === this.stated;
  }

  /** @param {Inspection} found */
  #order(found) {
    const names = found.sections.map(fileNameOf).filter(Boolean);
    if (names.length < 2) return [];
    const last = found.shape_zyx[0] > names.length ? "…" : names[names.length - 1];
    return [make("dt", {}, "Order"), make("dd", { "data-testid": "order" }, `${names[0]} → ${last} `,
      make("details", {}, make("summary", {}, "All names"), make("ol", { class: "names" }, ...names.map((name) => make("li", {}, name))),
        make("p", { class: "note" }, "Sections are sorted by the numbers in their names. If this is not their order, rename the files and drop them again.")))];
  }

  /** @param {Inspection} found */
  #previewOf(found) {
    this.preview = new PreviewChoice(this.holder, found, () => this.settings.voxel_size_nm, (box) => this.onPreview(this, box));
    return this.preview.element;
  }

  /** The user's settings for this sample alone. */
  get settings() {
    const [x, y, z] = this.voxels.map(Number);
    return {
      ...(x > 0 && y > 0 ? { voxel_size_nm: /** @type {import("../kit/api.js").VoxelSize} */ ([z > 0 ? z : null, y, x]) } : {}),
      ...(this.areUnequalRight ? { unequal_pixels: true } : {}),
      ...(this.#chosenDataset ? { dataset: this.#chosenDataset } : {}),
    };
  }

  /** The data set that was inspected, if there are several. */
  get #chosenDataset() {
    return this.dataset || ((this.inspection?.datasets.length ?? 0) > 1 ? this.inspection?.dataset : "");
  }

  /** A sentence about a problem that prevents prediction, or nothing. */
  get problem() {
    if (this.state === "refused") return `${this.name} cannot be predicted as it is: correct it on its card, or remove it.`;
    const [x, y, z] = this.voxels;
    if (this.voxels.some((text) => text !== "" && !(Number(text) > 0)) || Boolean(x) !== Boolean(y) || (z && !x)) {
      return `The voxel size of ${this.name} needs numbers above 0: x and y of its pixels, and z if it is known.`;
    }
    if (x && areUnequal(Number(y), Number(x))) {
      return this.areUnequalRight ? "" : `The voxel size of ${this.name} is unlikely: correct or confirm it on its card.`;
    }
    return this.isDoubted ? `The voxel size of ${this.name} cannot be right: correct it on its card.` : "";
  }

  /** The input of a new job of this sample. */
  get source() {
    return { input_of: this.holder };
  }

  /** Stop fetching pictures. */
  close() {
    this.preview?.close();
    this.preview = null;
  }

  /** Remove the sample, with its uploaded files. */
  async remove() {
    this.close();
    this.element.remove();
    this.onRemove(this);
    if (this.upload) await this.upload.cancel();
    else if (this.isOwner && this.holder) await send(jobPath(this.holder), undefined, "DELETE").catch(() => {});
    find("drop").querySelector("button").focus();
  }
}
