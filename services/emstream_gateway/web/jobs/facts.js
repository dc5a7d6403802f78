// @ts-check
/** Facts about a job, in words. Pure. */
import { count, shapeInWords } from "../kit/words.js";

/** @typedef {import("../kit/api.js").Job} Job */

const CHANGED = { contrast_stretch: "stretched contrast", spread: "uncertainty map", split_touching: "touching objects split" };
const DEFAULT_MIN_VOXELS = 64;

/** Return size, structures and quality of a job; of an upload its files. @param {Job} job */
export function factsOf(job) {
  if (job.state === "uploading") return filesOf(job);
  return [shapeInWords(job.shape_zyx) || filesOf(job), job.objects.join(", "), job.settings.quality].filter(Boolean).join(" · ");
}

/** @param {Job} job */
export function filesOf(job) {
  return job.file_totals.count ? count(job.file_totals.count, "file") : "on the server’s disk";
}

/** Return the settings that differ from the defaults. @param {Record<string, any>} settings */
export function settingsInWords(settings) {
  const words = Object.entries(CHANGED).filter(([key]) => settings[key] === true).map(([, text]) => text);
  if (settings.halo === "exact") words.push("exact results at the borders of tiles");
  if (settings.min_voxels > 0 && settings.min_voxels !== DEFAULT_MIN_VOXELS) words.push(`objects of at least ${count(settings.min_voxels, "voxel")}`);
  return words.join(", ") || "defaults";
}

/** Return whether the files of a job that waits to be started are complete. @param {Job} job */
export function isUploaded(job) {
  return job.state === "uploading" && uploadedShare(job) === 1;
}

/** Return the state of an upload. @param {Job} job */
export function uploadInWords(job) {
  if (isUploaded(job)) return job.input === null ? "uploaded, not predicted yet" : "not predicted yet";
  return `uploaded to ${Math.floor(100 * uploadedShare(job))} %: choose the same files again to continue`;
}

/** Return the share of the bytes that has arrived, 0 to 1. @param {Job} job */
function uploadedShare(job) {
  const { size, received } = job.file_totals;
  return size ? received / size : Number(job.input !== null);
}
