// @ts-check
/** Formats and stages that the service knows: loaded once, before a page is shown. */
import { askJson } from "./api.js";

/**
 * @typedef {{kind: string, suffixes: string[], is_image: boolean, is_stack: boolean}} StackFormat
 * @typedef {{name: string, title: string, hint: string, contents: string[], exact: string[]}} ExportFormat
 * @typedef {{stacks: StackFormat[], exports: ExportFormat[], clutter: string[], stages: string[]}} Formats
 */

/** @type {Formats | null} */
let loaded = null;

/** Load the formats. */
export async function loadFormats() {
  loaded = await askJson("/v1/formats");
}

/** Return the formats; they must be loaded. @returns {Formats} */
export function formats() {
  if (!loaded) throw new Error("the formats are not loaded yet");
  return loaded;
}
