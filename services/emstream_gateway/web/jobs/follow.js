// @ts-check
/** A job's changes as they happen: server-sent events, or polling if these are interrupted. */
import { Refusal, askJson, jobPath, pause } from "../kit/api.js";
import { isOver } from "../kit/states.js";

const POLL_MS = 2000;

/**
 * Call `onChange` at each change until the job is over. Returns a function that stops it.
 * @param {string} id @param {(job: import("../kit/api.js").Job) => void} onChange
 */
export function follow(id, onChange) {
  let isStopped = false;
  const events = new EventSource(jobPath(id, "/events"));
  const stop = () => {
    isStopped = true;
    events.close();
  };
  events.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    if (isOver(job.state)) stop();
    onChange(job);
  });
  events.addEventListener("error", () => {
    if (isStopped) return;
    stop();
    isStopped = false;
    poll();
  });
  async function poll() {
    while (!isStopped) {
      await pause(POLL_MS);
      try {
        const job = await askJson(jobPath(id));
        if (isStopped) return;
        onChange(job);
        if (isOver(job.state)) return;
      } catch (error) {
        if (error instanceof Refusal && error.isMissing) return;
      }
    }
  }
  return stop;
}
