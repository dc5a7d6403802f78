// Tests of the page's pure functions: `node --test tests/e2e/page.test.mjs`. pytest runs them if node is installed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const web = new URL("../../services/emstream_gateway/web/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("../samples.json", import.meta.url), "utf8")); // those of the Python tests, too
const formats = JSON.parse(process.env.EMSTREAM_TEST_FORMATS ?? "null"); // as GET /v1/formats answers
const ofFormats = { skip: formats ? false : "needs the service's formats: run tests/unit/emstream_gateway/routes/test_page.py" };
const load = (name) => import(new URL(`${name}.js`, web));
const [address, api, colours, states, words] = await Promise.all(["address", "api", "colours", "states", "words"].map((name) => load(`kit/${name}`)));
const [region, samples] = await Promise.all(["region", "samples"].map((name) => load(`predict/${name}`)));
const [facts, spans] = await Promise.all(["facts", "spans"].map((name) => load(`jobs/${name}`)));
const [layers, readout, sectionNames, sections] = await Promise.all(["layers", "readout", "section_names", "sections"].map((name) => load(`viewer/${name}`)));
const [columns, exports] = await Promise.all(["columns", "exports"].map((name) => load(`results/${name}`)));

test("an address of a view is read back as it was written", () => {
  const looks = { "cell membranes": { colour: "#35c6e8", opacity: 0.35, threshold: 0.42, isVisible: false } };
  const place = { z: 12, x: 1500.5, y: 20, zoom: 0.25, show: "outline", looks };
  const read = address.parseAddress(address.writeAddress("abc", place));
  assert.deepEqual(read, { page: "job", job: "abc", place });
});

test("a token is taken out of an address, whatever follows it", () => {
  assert.deepEqual(address.takeToken("#token=a%2Fb"), { token: "a/b", rest: "" });
  assert.deepEqual(address.takeToken("#token=ab&/job/1?z=2&x=3"), { token: "ab", rest: "#/job/1?z=2&x=3" });
  assert.deepEqual(address.takeToken("#/job/1?token=ab"), { token: "", rest: "#/job/1?token=ab" });
});

test("nonsense in an address is left out", () => {
  const { page, place } = address.parseAddress("#/job/abc?z=no&o.x=red_2_9_1&zoom=1");
  assert.equal(page, "job");
  assert.deepEqual(place, { zoom: 1, looks: {} });
  assert.equal(address.parseAddress("").page, "samples");
});

test("a tile is coloured where the probability reaches the threshold, as masks are", () => {
  const bytes = new Uint8Array([127, 127, 127, 255, 128, 128, 128, 255]);
  colours.recolour(new Uint32Array(bytes.buffer), colours.structureTable("#ff8000", 0.5, "fill"));
  assert.deepEqual([...bytes], [0, 0, 0, 0, 255, 128, 0, 255]);
  assert.equal(colours.lowestInside(0), 1);
  assert.equal(colours.lowestInside(0.4), 102);
});

test("an outline leaves the inside free", () => {
  const side = 9;
  const pixels = new Uint32Array(side * side).map((_, i) => (i % side > 0 && i % side < 8 && i >= side && i < side * 8 ? 7 : 0));
  colours.outline(pixels, side);
  assert.equal(pixels[side + 1], 7);
  assert.equal(pixels[4 * side + 4], 0);
});

test("a click means the most probable of the visible structures that have an object there", () => {
  const spots = [["mitochondria", { probability: 0.6, label: 25 }], ["nuclei", { probability: 0.9, label: 3 }], ["membranes", { probability: 1, label: null }]];
  assert.equal(readout.objectAt(spots, () => true)[0], "nuclei");
  assert.equal(readout.objectAt(spots, (name) => name !== "nuclei")[1].label, 25);
  assert.equal(readout.objectAt(spots, () => false), undefined);
});

test("of membranes the page says that profiles are enclosed, and how much the membranes are", () => {
  const bodies = { total: 3, counted: "bodies, 26-connected", volume_fraction: 0.0512, structure_fraction: 0.052 };
  assert.equal(columns.countedInWords(bodies, "mitochondria"), "3 objects · 5.12 % of the volume.");
  const profiles = { total: 531, counted: "profiles enclosed in each section", volume_fraction: 0.81, structure_fraction: 0.12 };
  assert.equal(columns.countedInWords(profiles, "membranes"), "531 enclosed profiles, which fill 81.00 % of the volume. The membranes themselves: 12.00 %.");
  assert.equal(columns.countedInWords({ total: 1 }, "nuclei"), "1 object.");
});

test("the page finds its service under the path that a proxy gives it", () => {
  assert.equal(api.here("/v1/jobs", "/"), "/v1/jobs");
  assert.equal(api.here("/v1/jobs", "/em/"), "/em/v1/jobs");
  assert.equal(api.here("/em/v1/jobs", "/em/"), "/em/v1/jobs");
});

test("grey values are stretched between black and white", () => {
  const bytes = new Uint8Array([10, 10, 10, 255, 60, 60, 60, 255, 110, 110, 110, 255]);
  const pixels = new Uint32Array(bytes.buffer);
  assert.deepEqual(colours.stretch(pixels), [10, 110]);
  colours.recolour(pixels, colours.greyTable(10, 110));
  assert.deepEqual([bytes[0], bytes[4], bytes[8]], [0, 128, 255]);
});

test("a file belongs to the sample of the table", ofFormats, () => {
  for (const { file, sample } of cases.samples) {
    const found = samples.isClutter(file, formats.clutter) ? null : samples.sampleOf(file, formats.stacks);
    assert.equal(found, sample, file);
  }
});

test("files are in the natural order of the table", () => {
  assert.deepEqual([...cases.order].reverse().sort(samples.naturally), cases.order);
});

test("folders, stacks and loose images become samples in natural order; other files are left out", ofFormats, () => {
  const given = ["b/s10.png", "b/s2.png", "a/x.mrc", "a/y.mrc", "one.tif", "1.png", "b/notes.txt", "b/.hidden"]
    .map((path) => ({ path, file: { size: 1 } }));
  const found = samples.intoSamples(given, formats);
  assert.deepEqual(found.leftOut, ["b/notes.txt"]);
  assert.deepEqual(found.samples.map((s) => [s.name, s.bytes, s.files.map((f) => f.path)]), [
    ["b", 2, ["b/s2.png", "b/s10.png"]], ["images", 1, ["1.png"]], ["one.tif", 1, ["one.tif"]], ["x.mrc", 1, ["a/x.mrc"]], ["y.mrc", 1, ["a/y.mrc"]],
  ]);
});

test("lengths, times and sizes read as people write them", () => {
  assert.deepEqual([words.length(950), words.length(1234), words.length(2e6)], ["950 nm", "1.23 µm", "2 mm"]);
  assert.deepEqual([words.duration(0.2), words.duration(600), words.duration(36000)], ["1 s", "10 min", "10.0 h"]);
  assert.deepEqual([words.roundLength(140), words.roundLength(0.9), words.roundLength(55)], [100, 0.5, 50]);
  assert.equal(words.size(64e9), "64.0 GB");
  assert.equal(words.shapeInWords([400, 10000, 16000]), "400 sections of 16,000 × 10,000 pixels");
});

test("spans of a lane are joined where the gap cannot be seen, and counted once where they overlap", () => {
  const some = [[0, 1], [1.01, 2], [5, 6]].map(([start, stop], unit) => ({ job: "a", unit, start, stop }));
  assert.deepEqual(spans.joined(some, 0.1).map(({ start, stop, units }) => [start, stop, units]), [[0, 2, 2], [5, 6, 1]]);
  assert.equal(spans.busyShare([{ start: 0, stop: 4 }, { start: 2, stop: 6 }], 0, 12), 0.5);
});

test("a sample at work is one bar, from its first unit until now", () => {
  const begun = [{ job: "b", unit: 4, start: 7 }, { job: "a", unit: 1, start: 6 }, { job: "b", unit: 3, start: 5 }];
  assert.deepEqual(spans.open(begun, 10).map(({ job, start, stop, units }) => [job, start, stop, units]), [["b", 5, 10, 2], ["a", 6, 10, 1]]);
  assert.deepEqual(spans.open([], 10), []);
});

test("a region stays inside its section, in whole pixels, whatever is asked for", () => {
  const section = { width: 3000, height: 500 };
  assert.deepEqual(region.middleOf(section), { x: 988, y: 0, width: 1024, height: 500 });
  assert.deepEqual(region.around({ x: 0, y: 0, width: 200, height: 100 }, 2990, 3, section), { x: 2800, y: 0, width: 200, height: 100 });
  assert.deepEqual(region.between([700.4, 400], [300, 100], section), { x: 300, y: 100, width: 400, height: 300 });
  assert.deepEqual(region.between([2999, 499], [2999, 499], section), { x: 2936, y: 436, width: 64, height: 64 });
  assert.deepEqual(region.kept({ x: NaN, y: -5, width: 1e9, height: 0 }, { width: 40, height: 500 }), { x: 0, y: 0, width: 40, height: 64 });
  assert.deepEqual(region.boxOf(3, { x: 1, y: 2, width: 10, height: 20 }), [[3, 2, 1], [4, 22, 11]]);
});

test("times on the axis are round and few", () => {
  assert.deepEqual(spans.ticks(3, 62), [10, 20, 30, 40, 50, 60]);
  assert.deepEqual(spans.ticks(0, 14400).slice(0, 3), [0, 1800, 3600]);
  for (const range of [60, 300, 1800, 14400]) assert.ok(spans.ticks(7, 7 + range).length <= 9);
});

test("every state of a job is over, moving or an upload, and is named as the service names it", () => {
  const moving = ["queued", "running"];
  const over = ["completed", "completed_with_errors", "failed", "cancelled"];
  for (const state of [...moving, ...over, "uploading"]) {
    assert.equal(states.isMoving(state), moving.includes(state), state);
    assert.equal(states.isOver(state), over.includes(state), state);
  }
  assert.deepEqual(over.filter(states.isCompleted), ["completed", "completed_with_errors"]);
  assert.equal(states.stateInWords("completed_with_errors"), "completed with errors");
});

test("a problem of the service is a sentence; the name of a file keeps its first letter", () => {
  assert.equal(api.sentenceOf({ detail: "the file is empty" }, 422), "The file is empty.");
  assert.equal(api.sentenceOf({ detail: "notes.png is no picture!" }, 422), "notes.png is no picture!");
  assert.match(api.sentenceOf({}, 503), /^The service answered 503: .*\.$/);
});

test("a missing resource gives the default, any other refusal stays one", async () => {
  assert.equal(await api.orIfMissing(Promise.reject(new api.Refusal("no", 404)), 7), 7);
  await assert.rejects(api.orIfMissing(Promise.reject(new api.Refusal("no", 409)), 7), api.Refusal);
  assert.equal(api.jobPath("a b", "/view"), "/v1/jobs/a%20b/view");
});

test("counts, voxel sizes and regions read as people write them; sections count from 1", () => {
  assert.deepEqual([words.count(1, "file"), words.count(1200, "file")], ["1 file", "1,200 files"]);
  assert.equal(words.voxelInWords([50, 5, 5]), "5 nm pixels, 50 nm sections");
  assert.equal(words.voxelInWords([50, 5, 4]), "4 × 5 nm pixels, 50 nm sections");
  assert.equal(words.voxelInWords(null), "voxel size unknown");
  assert.equal(words.voxelInWords([null, 5.5, 5.5]), "5.5 nm pixels, sections of unknown thickness");
  assert.equal(words.areUnequal(5, 30), true);
  assert.equal(words.areUnequal(4, 6), false);
  assert.equal(words.regionInWords([[1, 100, 20], [2, 300, 400]]), "section 2, x 20 to 399, y 100 to 299");
  assert.equal(words.regionInWords([[0, 0, 0], [3, 10, 10]]), "sections 1 to 3, x 0 to 9, y 0 to 9");
  assert.equal(words.regionInWords(null), "everything");
  assert.deepEqual([["a"], ["a", "b"], ["a", "b", "c"]].map(words.enumerated), ["a", "a or b", "a, b or c"]);
  assert.equal(words.sentence("cell membranes"), "Cell membranes");
});

test("a colour is split into its channels, and uncertainty is transparent where it is low", () => {
  assert.deepEqual(colours.channels("#ff8000"), [255, 128, 0]);
  const bytes = new Uint8Array(colours.uncertaintyTable().buffer);
  assert.deepEqual([...bytes.slice(0, 4)], [0, 0, 0, 0]);
  assert.deepEqual([...bytes.slice(-4)], [246, 215, 70, 255]);
});

test("a probability becomes the opacity of its colour", () => {
  const bytes = new Uint8Array([51, 51, 51, 255]);
  colours.recolour(new Uint32Array(bytes.buffer), colours.structureTable("#204060", 0.9, "probability"));
  assert.deepEqual([...bytes], [0x20, 0x40, 0x60, 51]);
});

test("the facts of a job are its size, structures and quality; of an upload its files", () => {
  const file_totals = { count: 5, size: 10, received: 4, first: "a", last: "b" };
  const job = { state: "running", shape_zyx: [5, 300, 400], objects: ["mitochondria", "nuclei"], settings: { quality: "fast" }, file_totals, input: null };
  assert.equal(facts.factsOf(job), "5 sections of 400 × 300 pixels · mitochondria, nuclei · fast");
  assert.equal(facts.factsOf({ ...job, state: "uploading" }), "5 files");
  assert.equal(facts.filesOf({ ...job, file_totals: { ...file_totals, count: 0 } }), "on the server’s disk");
});

test("only settings that differ from the defaults are listed", () => {
  assert.equal(facts.settingsInWords({ spread: false, measure: true, min_voxels: 64, halo: null }), "defaults");
  assert.equal(facts.settingsInWords({ spread: true, split_touching: true, min_voxels: 1000 }), "uncertainty map, touching objects split, objects of at least 1,000 voxels");
  assert.equal(facts.settingsInWords({ halo: "exact" }), "exact results at the borders of tiles");
});

test("an upload says how far it is", () => {
  const upload = (size, received, input = null) => ({ state: "uploading", input, file_totals: { count: 2, size, received, first: null, last: null } });
  assert.equal(facts.uploadInWords(upload(9, 4)), "uploaded to 44 %: choose the same files again to continue");
  assert.equal(facts.uploadInWords(upload(9, 9)), "uploaded, not predicted yet");
  assert.equal(facts.uploadInWords(upload(0, 0, "/data/a")), "not predicted yet");
  assert.equal(facts.isUploaded({ ...upload(9, 9), state: "running" }), false);
});

test("a section in a file of its own has its name, one of a stack in one file has none", () => {
  assert.deepEqual(["cortex/s7.png", "s8.png", "page 1", "plane 0", "section 12"].map(words.fileNameOf), ["s7.png", "s8.png", "", "", ""]);
});

test("a section is shown with its file's name, in a region too, where it is known", () => {
  const names = sectionNames.sectionNames;
  const files = ["c/s1.png", "c/s2.png", "c/s3.png"];
  assert.deepEqual(names(files, null, 3, ["s1.png", "s3.png"]), ["s1.png", "s2.png", "s3.png"]);
  assert.deepEqual(names(files, [[1, 0, 0], [3, 9, 9]], 2, ["s2.png", "s3.png"]), ["s2.png", "s3.png"]);
  assert.deepEqual(names([], null, 3, ["s1.png", "s3.png"]), ["s1.png", "", "s3.png"]);
  assert.deepEqual(names(["stack.tif"], null, 2, ["page 1", "page 2"]), ["", ""]);
  assert.deepEqual(names(["stack.tif"], null, 1, ["page 1"]), [""]);
  assert.deepEqual(names([], null, 2, []), ["", ""]);
});

test("a section is in a half-open range", () => {
  const ranges = [[0, 2], [4, 5]];
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((z) => sections.isWithin(ranges, z)), [true, true, false, false, true, false]);
});

test("the readout counts sections from 1 and pixels from 0, with lengths where they are known", () => {
  assert.equal(readout.placeInWords({ x: 0, y: 20 }, 4, null), "section 5   ·   x 0, y 20");
  assert.match(readout.placeInWords({ x: 200, y: 20 }, 4, [50, 5, 5]), /1 µm, 100 nm, 200 nm/);
});

test("every way to show the highlight has a name", () => {
  assert.deepEqual(layers.MODES.map(([mode]) => mode), ["fill", "outline", "probability", "labels", "uncertainty"]);
});

test("the columns that matter come first, places stay hidden, voxels are shown only without lengths", () => {
  const all = ["box_z0", "uncertainty", "odd", "volume_voxels", "volume_um3", "centroid_x", "id"].map((name) => ({ name, unit: null, meaning: "" }));
  assert.deepEqual(columns.shownColumns(all, true).map(({ name }) => name), ["id", "volume_um3", "uncertainty", "odd"]);
  assert.deepEqual(columns.shownColumns(all, false).map(({ name }) => name), ["id", "volume_um3", "volume_voxels", "uncertainty", "odd"]);
});

test("headings are short and carry units of length only", () => {
  assert.equal(columns.headingOf({ name: "volume_um3", unit: "µm³" }), "volume µm³");
  assert.equal(columns.headingOf({ name: "area_um2", unit: "µm²" }), "area µm²");
  assert.equal(columns.headingOf({ name: "mean_probability", unit: "1" }), "probability");
  assert.equal(columns.headingOf({ name: "volume_voxels", unit: "voxels" }), "voxels");
  assert.equal(columns.headingOf({ name: "some_new_one", unit: null }), "some new one");
});

test("values have three digits, and a word where there is no number", () => {
  assert.deepEqual([0.123456, 12, null, true, false, "x"].map(columns.valueInWords), ["0.123", "12", "–", "yes", "", "x"]);
});

test("an uncertain object is a row like a measured one; its section counts from 1", () => {
  const row = columns.fromUncertain({ id: 3, uncertainty: 0.4, z: 2.4, y: 5, x: 6, box: [[1, 2, 3], [4, 5, 6]] });
  assert.deepEqual([row.id, row.section, row.centroid_z, row.box_z0, row.box_z1, row.box_x1], [3, 3, 2.4, 1, 4, 6]);
  assert.deepEqual(columns.UNCERTAIN_COLUMNS.map(({ name }) => name), ["id", "uncertainty", "section"]);
});

test("every content that a format can hold is offered with a description", ofFormats, () => {
  assert.deepEqual(exports.contentsOf(formats.exports).map(([name]) => name), ["mask", "labels", "probability", "overlay", "original"]);
  assert.deepEqual(exports.contentsOf([{ contents: ["mask", "new"] }]), [["mask", "Mask: 0 and 255"], ["new", "New"]]);
});

test("an export is named with its sections counted from 1", () => {
  assert.equal(exports.exportInWords("mask", [0, 5], 5, "tiff"), "Mask, all sections, TIFF");
  assert.equal(exports.exportInWords("overlay", [1, 2], 5, "png"), "Overlay, section 2, PNG");
  assert.equal(exports.exportInWords("labels", [1, 4], 5, "h5"), "Labels, sections 2 to 4, H5");
});

test("layers over a section exist once it has masks, and follow the looks of their structures", () => {
  globalThis.localStorage = { getItem: () => null };
  const objects = [{ name: "nuclei", threshold: 0.5, colour: "#ff0000", has_spread: true, has_labels: false }];
  const looks = { nuclei: { colour: "#00ff00", opacity: 0.4, threshold: 0.7, isVisible: true } };
  const changes = [];
  const shown = new layers.Layers({ objects, sections_stitched: [[0, 2]] }, { show: "outline", looks }, (change) => changes.push(change), async () => {});
  assert.equal(shown.mode, "outline");
  assert.deepEqual(shown.over(2), []);
  const [layer] = shown.over(1);
  assert.deepEqual([layer.name, layer.structure], ["nuclei", "nuclei"]);
  assert.deepEqual(shown.unsaved, { nuclei: 0.7 });
  assert.ok(shown.opacityOf(layer) > 0.4, "an outline is thin, so it is drawn stronger");
  shown.set("nuclei", { isVisible: false });
  assert.equal(shown.opacityOf(layer), 0);
  shown.set("nuclei", { threshold: 0.5 });
  assert.deepEqual(shown.unsaved, {});
  assert.deepEqual(changes, ["opacity", "structure"]);
  shown.mode = "uncertainty";
  assert.equal(shown.over(0)[0].name, "nuclei.spread");
  shown.mode = "labels";
  assert.equal(shown.over(0)[0].name, "nuclei", "labels are shown only of structures that have some");
});

test("the original needs colours of its own only once its contrast is changed", () => {
  globalThis.localStorage = { getItem: () => null };
  const shown = new layers.Layers({ objects: [], sections_stitched: [] }, { looks: {} }, () => {}, async () => {});
  const original = { name: "raw", kind: "original", structure: "" };
  assert.equal(shown.needsPaint(original), false);
  shown.white = 100;
  assert.equal(shown.needsPaint(original), true);
  assert.equal(shown.opacityOf(original), 1);
});

test("an upload continues after the bytes that have arrived", async () => {
  const { Upload } = await load("predict/upload");
  const asked = [];
  let failures = 1;
  globalThis.fetch = async (path, options) => {
    asked.push(`${options?.method ?? "GET"} ${path}`);
    const answer = (body, status = 200) => new Response(JSON.stringify(body), { status });
    if (path.startsWith("/v1/jobs?")) return answer({ jobs: [{ id: "j", name: "cortex", state: "uploading", file_totals: { count: 1, size: 5 } }] });
    if (path === "/v1/jobs/j") return answer({ id: "j", files: [{ name: "cortex/a 1.png", size: 5, received: 2 }] });
    if (options.method === "PUT" && failures) {
      failures -= 1;
      return answer({ detail: "offset 2 is wrong", received: 3 }, 409);
    }
    return answer({ received: 5 });
  };
  const progress = [];
  const file = new Blob(["12345"]);
  const upload = new Upload({ name: "cortex", bytes: 5, files: [{ path: "cortex/a 1.png", file }] }, () => progress.push(upload.received));
  assert.equal(await upload.run(), "j");
  assert.deepEqual(asked.slice(2), ["PUT /v1/jobs/j/files/cortex/a%201.png?offset=2", "PUT /v1/jobs/j/files/cortex/a%201.png?offset=3"]);
  assert.deepEqual(progress, [3, 5]);
});
