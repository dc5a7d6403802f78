// @ts-check
/**
 * Upload of a sample in pieces. After a lost connection it continues where it stopped; after a reload as well, once the
 * same files are chosen again: the service keeps the job in the state `uploading`.
 */
import { Refusal, ask, askJson, jobPath, orIfMissing, pause, send } from "../kit/api.js";

const PIECE_BYTES = 32 << 20;
const FILES_AT_ONCE = 3;
const RETRY_S = [1, 2, 4, 8, 15];

export class Upload {
  /** @param {import("./samples.js").Sample} sample @param {() => void} onProgress */
  constructor(sample, onProgress) {
    this.sample = sample;
    this.onProgress = onProgress;
    this.job = "";
    /** @type {Map<string, number>} */
    this.arrived = new Map();
    this.isWaiting = false;
    this.stopping = new AbortController();
    this.began = performance.now();
    this.before = 0;
  }

  /** Bytes that have arrived. */
  get received() {
    let sum = 0;
    for (const bytes of this.arrived.values()) sum += bytes;
    return sum;
  }

  /** Seconds left, once the rate is known. */
  get seconds() {
    const elapsed = (performance.now() - this.began) / 1000;
    const since = this.received - this.before;
    return elapsed > 1 && since > 0 ? ((this.sample.bytes - this.received) * elapsed) / since : null;
  }

  /** Send everything; returns the job's id. Throws a Refusal if the service refuses a file. */
  async run() {
    await this.#begin();
    const waiting = [...this.sample.files];
    const sendSome = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#sendFile(next);
    };
    await Promise.all(Array.from({ length: FILES_AT_ONCE }, sendSome));
    return this.job;
  }

  async #begin() {
    const known = await this.#unfinished();
    if (known) {
      this.job = known.id;
      for (const file of known.files) this.arrived.set(file.name, file.received);
    } else {
      const files = this.sample.files.map(({ path, file }) => ({ name: path, size: file.size }));
      const answer = await send("/v1/jobs", { name: this.sample.name, files });
      this.job = (await answer.json()).jobs[0].id;
    }
    this.before = this.received;
    this.began = performance.now();
  }

  /** Return a job of the same files whose upload was interrupted. @returns {Promise<{id: string, files: import("../kit/api.js").FileState[]} | null>} */
  async #unfinished() {
    const { jobs } = await askJson("/v1/jobs?limit=100");
    const wanted = new Map(this.sample.files.map(({ path, file }) => [path, file.size]));
    const alike = jobs.filter((/** @type {import("../kit/api.js").Job} */ job) => job.state === "uploading" && job.name === this.sample.name
      && job.file_totals.count === wanted.size && job.file_totals.size === this.sample.bytes);
    for (const { id } of alike) {
      const job = await orIfMissing(askJson(jobPath(id)), null);
      if (job?.files.every((/** @type {import("../kit/api.js").FileState} */ file) => wanted.get(file.name) === file.size)) return job;
    }
    return null;
  }

  /** @param {import("./samples.js").Given} given */
  async #sendFile({ path, file }) {
    const address = jobPath(this.job, `/files/${path.split("/").map(encodeURIComponent).join("/")}`);
    let failures = 0;
    let offset = this.arrived.get(path) ?? 0;
    let isFirst = true;
    while (offset < file.size || (isFirst && file.size === 0)) {
      isFirst = false;
      try {
        const body = file.slice(offset, offset + PIECE_BYTES);
        const answer = await ask(`${address}?offset=${offset}`, { method: "PUT", body, signal: this.stopping.signal });
        offset = (await answer.json()).received;
        failures = 0;
      } catch (error) {
        if (this.stopping.signal.aborted) throw error;
        offset = await this.#afterFailure(error, address, offset, failures);
        failures += 1;
      }
      this.#note(path, offset);
    }
  }

  /** Return the offset to continue at. @param {any} error @param {string} address @param {number} offset @param {number} failures */
  async #afterFailure(error, address, offset, failures) {
    if (!(error instanceof Refusal)) throw error;
    if (typeof error.problem.received === "number") return error.problem.received;
    if (error.status !== 0 && error.status !== 408 && error.status < 500) throw error;
    this.isWaiting = true;
    this.onProgress();
    await pause(1000 * RETRY_S[Math.min(failures, RETRY_S.length - 1)]);
    const state = await askJson(address).catch(() => null);
    return state?.received ?? offset;
  }

  /** @param {string} path @param {number} received */
  #note(path, received) {
    this.isWaiting = false;
    this.arrived.set(path, received);
    this.onProgress();
  }

  /** Stop, and delete the uploaded files. */
  async cancel() {
    this.stopping.abort();
    if (this.job) await send(jobPath(this.job), undefined, "DELETE").catch(() => {});
  }
}
