// @ts-check
/** File names of sections, shown next to their numbers. Pure. */
import { fileNameOf } from "../kit/words.js";

/**
 * Return the file name of each section of a job; an empty string where it is not known, as for a stack in one file.
 * @param {string[]} files names of the uploaded files, with folders, in the order of the sections
 * @param {number[][] | null | undefined} region first and stop corner (z, y, x) of the sections that were predicted
 * @param {number} depth number of sections of the job
 * @param {string[]} ends names of the first and the last section, as the service gives them
 * @returns {string[]} as many as sections
 */
export function sectionNames(files, region, depth, ends) {
  const names = files.map(fileNameOf);
  const own = region ? names.slice(region[0][0], region[1][0]) : names;
  const known = ends.map(fileNameOf);
  if (own.length === depth && files.length > 1 && (!region || own[0] === known[0])) return own;
  const found = Array.from({ length: depth }, () => "");
  if (known.length) [found[0], found[depth - 1]] = [known[0], known[known.length - 1]];
  return found;
}
