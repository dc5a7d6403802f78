// @ts-check
/** Requests to the service. Every failure is a Refusal whose message is a sentence for the user. */

/**
 * @typedef {[number, number, number]} Triple (z, y, x)
 * @typedef {[number | null, number, number]} VoxelSize (z, y, x) in nm; z is null where the section thickness is unknown
 * @typedef {{done: number, total: number}} Count
 * @typedef {{name: string, size: number | null, received: number}} FileState
 * @typedef {{count: number, size: number, received: number, first: string | null, last: string | null}} FileTotals
 * @typedef {{id: string, name: string, state: string, created: number, settings: Record<string, any>,
 *   input: string | null, file_totals: FileTotals, stages: Record<string, Count>, progress: number, eta_s: number | null, warnings: string[],
 *   errors: {stage: string, unit: number, sentence: string}[], shape_zyx: Triple | null,
 *   voxel_size_nm: VoxelSize | null, objects: string[], links: Record<string, string>}} Job
 * @typedef {{name: string, threshold: number, has_spread: boolean, has_labels: boolean, colour: string,
 *   trained_on?: string}} ViewStructure
 * @typedef {{shape_zyx: Triple, voxel_size_nm: VoxelSize | null, voxel_size_source: string, levels: number, tile: number,
 *   version: string, sections_read: [number, number][], sections_stitched: [number, number][], objects: ViewStructure[],
 *   state: string, name: string, section_names: string[], warnings?: string[], thresholds_tag?: string}} View section_names: of the first and the last section
 */

/** Path under which a proxy shows the page: "/", or "/em/" for one at /em/. */
const BASE = (globalThis.location?.pathname ?? "/").replace(/[^/]*$/, "");

/** Return the address of a path of the service, under the page's own. @param {string} path such as "/v1/jobs" @param {string} [base] */
export function here(path, base = BASE) {
  return base !== "/" && path.startsWith(base) ? path : base + path.replace(/^\//, "");
}

/** A request that the service refused, or that did not reach it. */
export class Refusal extends Error {
  /** @param {string} sentence @param {number} status that of HTTP; 0 = no answer @param {Record<string, any>} [problem] */
  constructor(sentence, status, problem = {}) {
    super(sentence);
    this.status = status;
    this.problem = problem;
  }

  /** Whether the service lacks the route, or the resource at it. */
  get isMissing() {
    return this.status === 404 || this.status === 405;
  }
}

/**
 * Send a request. Throws a Refusal unless the answer is ok.
 * @param {string} path @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(here(path), options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Refusal("The service does not answer. Try again once it does.", 0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401 && path !== "/session") document.dispatchEvent(new Event("no-key"));
  const problem = await answer.json().catch(() => ({}));
  throw new Refusal(sentenceOf(problem, answer.status), answer.status, problem);
}

/** Return a problem of the service as a sentence. @param {Record<string, any>} problem @param {number} status */
export function sentenceOf(problem, status) {
  const text = problem.detail ?? `The service answered ${status}: try again, or look at its log`;
  const first = /^[a-z]+ /.test(text) ? text[0].toUpperCase() : text[0]; // a file's name stays as it is
  return `${first}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** Send a request and return the JSON of its answer. @param {string} path @param {RequestInit} [options] */
export async function askJson(path, options) {
  const answer = await ask(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** Send JSON. @param {string} path @param {any} [body] @param {string} [method] @param {Record<string, string>} [headers] */
export function send(path, body, method = "POST", headers = {}) {
  const options = body === undefined
    ? { method, headers }
    : { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
  return ask(path, options);
}

/**
 * Return the answer to a request, or a default if the service lacks what was asked for.
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

/** Return the path of a job, or of a resource under it. @param {string} job @param {string} [rest] */
export function jobPath(job, rest = "") {
  return here(`/v1/jobs/${encodeURIComponent(job)}${rest}`);
}

/** Begin a session of this browser. Throws a Refusal for an unknown key. @param {string} key a key, or the token of `emstream serve` */
export function signIn(key) {
  return send("/session", { key });
}

/** End the session of this browser. */
export function signOut() {
  return send("/session", undefined, "DELETE");
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
