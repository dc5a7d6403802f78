// @ts-check
/** The states of a job, in the words of the service. Pure. */

const OVER = new Set(["completed", "completed_with_errors", "failed", "cancelled"]);

/** Return whether the service does no more work on a job. @param {string} state */
export function isOver(state) {
  return OVER.has(state);
}

/** Return whether a job has all of its results. @param {string} state */
export function isCompleted(state) {
  return state === "completed" || state === "completed_with_errors";
}

/** Return whether the service works on a job or will do so. @param {string} state */
export function isMoving(state) {
  return state === "queued" || state === "running";
}

/** @param {string} state */
export function stateInWords(state) {
  return state.replaceAll("_", " ");
}
