// The page's pure functions. `node --test tests/e2e/page.test.mjs`; pytest runs it where node is there.
import assert from "node:assert/strict";
import test from "node:test";

const web = new URL("../../services/emstream_gateway/web/", import.meta.url);
const [address, colours, words, samples, spans, region] = await Promise.all(
  ["kit/address", "kit/colours", "kit/words", "predict/samples", "jobs/spans", "predict/region"].map((name) => import(new URL(`${name}.js`, web))),
);

test("an address of a view is read back as it was written", () => {
  const looks = { "cell membranes": { colour: "#35c6e8", opacity: 0.35, threshold: 0.42, isVisible: false } };
  const place = { z: 12, x: 1500.5, y: 20, zoom: 0.25, show: "outline", looks };
  const read = address.parseAddress(address.writeAddress("abc", place));
  assert.deepEqual(read, { page: "job", job: "abc", place });
});

test("nonsense in an address is left out", () => {
  const { page, place } = address.parseAddress("#/job/abc?z=no&o.x=red_2_9_1&zoom=1");
  assert.equal(page, "job");
  assert.deepEqual(place, { zoom: 1, looks: {} });
  assert.equal(address.parseAddress("").page, "samples");
});

test("a tile is coloured where the probability reaches the threshold, as masks are", () => {
  const bytes = new Uint8Array([127, 127, 127, 255, 128, 128, 128, 255]);
  colours.recolour(new Uint32Array(bytes.buffer), colours.objectTable("#ff8000", 0.5, "fill"));
  assert.deepEqual([...bytes], [0, 0, 0, 0, 255, 128, 0, 255]);
  assert.equal(colours.cut(0), 1);
  assert.equal(colours.cut(0.4), 102);
});

test("an outline leaves the inside free", () => {
  const side = 9;
  const pixels = new Uint32Array(side * side).map((_, i) => (i % side > 0 && i % side < 8 && i >= side && i < side * 8 ? 7 : 0));
  colours.outline(pixels, side);
  assert.equal(pixels[side + 1], 7);
  assert.equal(pixels[4 * side + 4], 0);
});

test("grey values are stretched between black and white", () => {
  const bytes = new Uint8Array([10, 10, 10, 255, 60, 60, 60, 255, 110, 110, 110, 255]);
  const pixels = new Uint32Array(bytes.buffer);
  assert.deepEqual(colours.stretch(pixels), [10, 110]);
  colours.recolour(pixels, colours.greyTable(10, 110));
  assert.deepEqual([bytes[0], bytes[4], bytes[8]], [0, 128, 255]);
});

test("folders, stacks and loose images become samples in natural order", () => {
  const given = ["b/s10.png", "b/s2.png", "a/x.mrc", "a/y.mrc", "one.tif", "1.png", "b/notes.txt", "b/.hidden"]
    .map((path) => ({ path, file: { size: 1 } }));
  const found = samples.intoSamples(given);
  assert.deepEqual(found.leftOut, ["b/notes.txt"]);
  assert.deepEqual(found.samples.map((s) => [s.name, s.files.map((f) => f.path)]), [
    ["b", ["b/s2.png", "b/s10.png"]], ["images", ["1.png"]], ["one.tif", ["one.tif"]], ["x.mrc", ["a/x.mrc"]], ["y.mrc", ["a/y.mrc"]],
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

test("what is at work is one bar for each sample, from its first unit until now", () => {
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
