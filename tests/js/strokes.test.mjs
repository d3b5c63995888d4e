import assert from "node:assert/strict";
import { test } from "node:test";
import { border, denormalise, distanceToPath, farEnough, finish, hit, normalise, simplify, smooth, within } from "../../src/ivos/server/static/js/pure/strokes.js";

const size = { width: 854, height: 480 };

test("a point in a pixel comes back as that pixel: times width - 1, truncated, as the server reads it", () => {
  for (let x = 0; x < size.width; x += 1) {
    const [[share]] = normalise([[x + 0.5, 0]], size);
    assert.equal(Math.trunc(share * (size.width - 1)), Math.min(x, size.width - 1));
    assert.ok(share >= 0 && share <= 1);
  }
});

test("points beyond the frame are kept on it; a 1-pixel frame gives 0", () => {
  assert.deepEqual(normalise([[-20, 9999]], size), [[0, 1]]);
  assert.deepEqual(normalise([[0.5, 0.5]], { width: 1, height: 1 }), [[0, 0]]);
});

test("denormalise inverts normalise to a hundredth of a pixel", () => {
  const [[x, y]] = denormalise(normalise([[123.4, 56.7]], size), size);
  assert.ok(Math.abs(x - 123.4) < 0.01 && Math.abs(y - 56.7) < 0.01);
});

test("simplify keeps the ends, drops what lies on a line, strays no further than the tolerance", () => {
  const line = Array.from({ length: 50 }, (_, i) => [i, i * 2]);
  assert.deepEqual(simplify(line, 0.1), [[0, 0], [49, 98]]);
  const wave = Array.from({ length: 400 }, (_, i) => [i, 30 * Math.sin(i / 20)]);
  const fewer = simplify(wave, 1);
  assert.ok(fewer.length < 60);
  for (const point of wave) assert.ok(distanceToPath(fewer, point) <= 1 + 1e-9);
  assert.deepEqual(simplify([[1, 2]], 5), [[1, 2]]);
});

test("simplify of a closed curve and of equal points does not fail", () => {
  const ring = Array.from({ length: 60 }, (_, i) => [50 * Math.cos((i * Math.PI) / 29.5), 50 * Math.sin((i * Math.PI) / 29.5)]);
  assert.ok(simplify(ring, 0.5).length > 8);
  assert.equal(simplify([[3, 3], [3, 3], [3, 3]], 0.5).length, 2);
});

test("smooth keeps the ends and rounds the corner", () => {
  const path = smooth([[0, 0], [10, 0], [10, 10]]);
  assert.deepEqual([path[0], path.at(-1)], [[0, 0], [10, 10]]);
  assert.ok(distanceToPath(path, [10, 0]) > 1);
  assert.deepEqual(smooth([[1, 1], [2, 2]]), [[1, 1], [2, 2]]);
});

test("a finished stroke has few points and stays near the hand", () => {
  const raw = Array.from({ length: 300 }, (_, i) => [i, 100 + 40 * Math.sin(i / 25) + (i % 2) * 0.6]);
  const done = finish(raw, 1);
  assert.ok(done.length < 100);
  for (const point of raw) assert.ok(distanceToPath(done, point) < 3);
  assert.equal(finish([[4, 5]], 1).length, 1);
});

test("hit finds the nearest stroke, the newest of equals, none out of reach", () => {
  const strokes = [
    { id: 1, path: normalise([[100, 100], [200, 100]], size) },
    { id: 2, path: normalise([[100, 110], [200, 110]], size) },
    { id: 3, path: normalise([[100, 110], [200, 110]], size) },
    { id: 4, path: normalise([[400, 400]], size) },
  ];
  assert.equal(hit(strokes, [150, 101], size, 8)?.id, 1);
  assert.equal(hit(strokes, [150, 111], size, 8)?.id, 3);
  assert.equal(hit(strokes, [403, 403], size, 8)?.id, 4);
  assert.equal(hit(strokes, [300, 300], size, 8), null);
  assert.equal(distanceToPath([], [0, 0]), Infinity);
});

test("points too near the last are not worth adding", () => {
  assert.ok(farEnough([], [0, 0], 5));
  assert.ok(!farEnough([[0, 0]], [1, 1], 5));
  assert.ok(farEnough([[0, 0]], [3, 4], 5));
});

test("a line leaves the frame where it crosses the border", () => {
  const size = { width: 30, height: 20 };
  assert.deepEqual([within([0, 20], size), within([30.1, 5], size), within([5, -0.1], size)], [true, false, false]);
  assert.deepEqual(border([20, 10], [40, 10], size), [30, 10]);
  assert.deepEqual(border([10, 10], [10, -10], size), [10, 0]);
  const [x, y] = border([20, 10], [40, 40], size); // the nearer of two borders
  assert.deepEqual([x.toFixed(3), y], ["26.667", 20]);
});
