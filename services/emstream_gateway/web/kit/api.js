// @ts-check
/** What the service is asked. Every refusal is a Refusal whose message is a sentence for the user. */

/**
 * @typedef {[number, number, number]} Triple (z, y, x)
 * @typedef {{done: number, total: number}} Count
 * @typedef {{name: string, size: number | null, received: number}} FileState
 * @typedef {{count: number, size: number, received: number, first: string | null, last: string | null}} FileTotals
 * @typedef {{id: string, name: string, state: string, created: number, settings: Record<string, any>,
 *   input: string | null, file_totals: FileTotals, stages: Record<string, Count>, progress: number, eta_s: number | null, warnings: string[],
 *   errors: {stage: string, unit: number, sentence: string}[], shape_zyx: Triple | null,
 *   voxel_size_nm: Triple | null, objects: string[], links: Record<string, string>}} Job
 * @typedef {{name: string, threshold: number, has_spread: boolean, has_labels: boolean, colour: string}} ViewObject
 * @typedef {{shape_zyx: Triple, voxel_size_nm: Triple | null, voxel_size_source: string, levels: number, tile: number,
 *   version: string, sections_read: [number, number][], sections_stitched: [number, number][], objects: ViewObject[],
 *   state: string, name: string, section_names: string[]}} View
 */

/** The service, or the way to it, said no. */
export class Refusal extends Error {
  /** @param {string} sentence @param {number} status 0 = no answer @param {Record<string, any>} [problem] */
  constructor(sentence, status, problem = {}) {
    super(sentence);
    this.status = status;
    this.problem = problem;
  }

  /** Whether the service does not have what was asked: a route, or a thing. */
  get isMissing() {
    return this.status === 404 || this.status === 405;
  }
}

/**
 * @param {string} path @param {RequestInit} [options]
 * @returns {Promise<Response>} one that is ok
 */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Refusal("The service does not answer. It is asked again as soon as it does.", 0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) document.dispatchEvent(new Event("no-key"));
  const problem = await answer.json().catch(() => ({}));
  throw new Refusal(sentenceOf(problem, answer.status), answer.status, problem);
}

/** @param {Record<string, any>} problem @param {number} status */
function sentenceOf(problem, status) {
  const text = problem.detail ?? `The service answered ${status}: try again, or look at its log`;
  const first = /^[a-z]+ /.test(text) ? text[0].toUpperCase() : text[0]; // a file's name stays as it is
  return `${first}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** @param {string} path @param {RequestInit} [options] */
export async function askJson(path, options) {
  const answer = await ask(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** @param {string} path @param {any} [body] @param {string} [method] */
export function send(path, body, method = "POST") {
  const options = body === undefined
    ? { method }
    : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return ask(path, options);
}

/**
 * What an address gives, or a default where the service does not have it.
 * @template T
 * @param {Promise<T>} asked @param {T} otherwise
 * @returns {Promise<T>}
 */
export async function orIfMissing(asked, otherwise) {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Refusal && error.isMissing) return otherwise;
    throw error;
  }
}

/** @param {string} job @param {string} [rest] */
export function jobPath(job, rest = "") {
  return `/v1/jobs/${encodeURIComponent(job)}${rest}`;
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
