// @ts-check
/** Files of a drop or a file dialog, with the folders that contain them. */

/** @typedef {import("./samples.js").Given} Given */

/** Return the dropped files, those in dropped folders included. @param {DataTransfer} transfer @returns {Promise<Given[]>} */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.length) return [...transfer.files].map((file) => ({ path: file.name, file }));
  return (await Promise.all(entries.map((entry) => filesWithin(entry, "")))).flat();
}

/** Return the files of a file dialog. @param {FileList} files @returns {Given[]} */
export function chosen(files) {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** @param {any} entry @param {string} folder @returns {Promise<Given[]>} */
async function filesWithin(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ path, file: /** @type {File} */ (file) }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader returns at most a hundred at a time
    const some = /** @type {any[]} */ (await new Promise((resolve, reject) => reader.readEntries(resolve, reject)));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map((inner) => filesWithin(inner, `${path}/`)))).flat();
}
