import assert from "node:assert/strict";
import { test } from "node:test";
import { paint, step } from "../../src/ivos/server/static/js/pure/brush.js";
import { composite, contour, MODES } from "../../src/ivos/server/static/js/pure/composite.js";
import { areas, decode, encode } from "../../src/ivos/server/static/js/pure/rle.js";

function random(seed) {
  let state = seed;
  return () => ((state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff);
}

test("encode and decode are inverse; runs are merged", () => {
  const next = random(7);
  for (const [width, height] of [[1, 1], [1, 9], [13, 7], [64, 48]]) {
    const pixels = Uint8Array.from({ length: width * height }, () => (next() < 0.7 ? 0 : Math.floor(next() * 4)));
    const runs = encode(pixels);
    for (let i = 2; i < runs.length; i += 2) assert.notEqual(runs[i], runs[i - 2]);
    assert.deepEqual(decode({ width, height, runs }), pixels);
    assert.equal([...areas(runs).values()].reduce((a, b) => a + b, 0), width * height);
  }
});

test("decode reuses a buffer of the right size and refuses runs that do not fill the mask", () => {
  const into = new Uint8Array(6).fill(9);
  assert.equal(decode({ width: 3, height: 2, runs: [0, 6] }, into), into);
  assert.deepEqual([...into], [0, 0, 0, 0, 0, 0]);
  assert.throws(() => decode({ width: 3, height: 2, runs: [0, 5] }), /5 pixels/);
  assert.throws(() => decode({ width: 3, height: 2, runs: [0, 7] }), RangeError);
});

test("the brush paints a disk, the eraser takes away one object only", () => {
  const size = { width: 21, height: 21 };
  const mask = new Uint8Array(441);
  const box = paint(mask, size, [10.5, 10.5], [10.5, 10.5], { radius: 5, label: 2 });
  const count = mask.filter((v) => v === 2).length;
  assert.ok(Math.abs(count - Math.PI * 25) < 8, `${count} pixels`);
  assert.ok(box && box.x0 <= 6 && box.x1 >= 15);
  mask[10 * 21 + 10] = 1;
  paint(mask, size, [10.5, 10.5], [10.5, 10.5], { radius: 8, label: 0, only: 2 });
  assert.equal(mask.filter((v) => v === 2).length, 0);
  assert.equal(mask[10 * 21 + 10], 1);
});

test("a fast drag leaves no gaps, locked labels stay, painting beyond the frame is no error", () => {
  const size = { width: 60, height: 10 };
  const mask = new Uint8Array(600);
  mask[5 * 60 + 30] = 3;
  paint(mask, size, [-20, 5.5], [80, 5.5], { radius: 1, label: 1, locked: new Set([3]) });
  for (let x = 0; x < 60; x += 1) assert.equal(mask[5 * 60 + x], x === 30 ? 3 : 1);
  assert.equal(paint(mask, size, [500, 500], [600, 600], { radius: 3, label: 1 }), null);
});

test("brush steps go up and down between 1 and 200", () => {
  let radius = 1;
  for (let i = 0; i < 60; i += 1) radius = step(radius, 1);
  assert.equal(radius, 200);
  for (let i = 0; i < 60; i += 1) radius = step(radius, -1);
  assert.equal(radius, 1);
});

const RED = [255, 0, 0];
const at = (words, i) => [words[i] & 255, (words[i] >> 8) & 255, (words[i] >> 16) & 255, words[i] >>> 24];

test("every mode draws what it says", () => {
  const width = 6;
  const labels = new Uint8Array(36);
  for (const y of [1, 2, 3, 4]) for (const x of [1, 2, 3, 4]) labels[y * width + x] = 1;
  const look = { opacity: 0.5, colours: new Map([[1, RED]]) };
  const draw = (mode, colours = look.colours) => {
    const words = new Uint32Array(36).fill(0x12345678);
    composite(labels, width, { ...look, colours, mode }, words);
    return words;
  };
  const [out, edge, core] = [0, 7, 14];
  assert.deepEqual(at(draw("tint"), core), [255, 0, 0, 128]);
  assert.ok(at(draw("tint"), edge)[3] > 200);
  assert.equal(draw("tint")[out], 0);
  assert.equal(draw("contour")[core], 0);
  assert.ok(at(draw("contour"), edge)[3] > 200);
  assert.deepEqual([at(draw("matte"), core), at(draw("matte"), out)], [[255, 255, 255, 255], [0, 0, 0, 255]]);
  for (const mode of ["checker", "green"]) {
    assert.equal(draw(mode)[core], 0);
    assert.equal(at(draw(mode), out)[3], 255);
  }
  assert.deepEqual(at(draw("matte", new Map()), core), [0, 0, 0, 255], "hidden objects count as background");
  assert.equal(draw("tint", new Map())[core], 0);
  assert.deepEqual(MODES.map(({ mode }) => mode), ["tint", "contour", "matte", "checker", "green", "side"]);
});

test("the frame's border is no outline; two touching objects have one each", () => {
  const labels = Uint8Array.from([1, 1, 2, 2, 1, 1, 2, 2]);
  const words = new Uint32Array(8);
  const colour = new Uint32Array(256);
  colour[1] = 11;
  colour[2] = 22;
  contour(labels, 4, colour, words);
  assert.deepEqual([...words], [0, 11, 22, 0, 0, 11, 22, 0]);
});
