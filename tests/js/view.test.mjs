import assert from "node:assert/strict";
import { test } from "node:test";
import { centred, fit, inside, keepInSight, pan, same, toImage, toScreen, wheelFactor, zoomAt } from "../../src/ivos/server/static/js/pure/view.js";

const image = { width: 854, height: 480 };
const stage = { width: 1000, height: 700 };

test("fit shows the whole image, centred, as large as possible", () => {
  const view = fit(image, stage, 10);
  const corner = toScreen(view, { x: 854, y: 480 });
  assert.ok(view.x >= 10 - 1e-9 && view.y >= 10 - 1e-9);
  assert.ok(Math.abs(view.x - (stage.width - corner.x)) < 1e-9 && Math.abs(view.y - (stage.height - corner.y)) < 1e-9);
  assert.ok(Math.abs(view.x - 10) < 1e-9 || Math.abs(view.y - 10) < 1e-9);
});

test("fit survives a stage without room and a 1x1 image", () => {
  assert.ok(fit(image, { width: 0, height: 0 }).scale > 0);
  assert.ok(Number.isFinite(fit({ width: 1, height: 1 }, stage).x));
});

test("zooming leaves the point under the cursor where it is, also at the limits", () => {
  let view = fit(image, stage);
  const cursor = { x: 321, y: 123 };
  const before = toImage(view, cursor);
  for (const factor of [1.3, 0.2, 7, 50, 1000, 1e-6]) {
    view = zoomAt(view, cursor, factor);
    const now = toImage(view, cursor);
    assert.ok(Math.hypot(now.x - before.x, now.y - before.y) < 1e-6);
    assert.ok(view.scale >= 0.05 && view.scale <= 40);
  }
});

test("screen and image coordinates are inverse to each other", () => {
  const view = { scale: 1.7, x: -40, y: 12.5 };
  const point = toScreen(view, toImage(view, { x: 77, y: 431 }));
  assert.ok(Math.hypot(point.x - 77, point.y - 431) < 1e-9);
});

test("1:1 has scale 1 and is centred; panning adds up", () => {
  const view = centred(image, stage);
  assert.equal(view.scale, 1);
  assert.equal(view.x, (1000 - 854) / 2);
  assert.ok(same(pan(pan(view, 5, -3), -5, 3), view));
});

test("some of the image always stays in sight", () => {
  for (const [dx, dy] of [[9999, 0], [-9999, 0], [0, 9999], [0, -9999]]) {
    const view = keepInSight(pan(fit(image, stage), dx, dy), image, stage);
    const end = toScreen(view, { x: image.width, y: image.height });
    assert.ok(view.x <= stage.width - 40 && end.x >= 40 && view.y <= stage.height - 40 && end.y >= 40);
  }
});

test("wheel: up zooms in, down zooms out by the same, one event never jumps", () => {
  assert.ok(wheelFactor(-100, 0) > 1);
  assert.ok(Math.abs(wheelFactor(-3, 1) * wheelFactor(3, 1) - 1) < 1e-12);
  assert.ok(wheelFactor(-1e9, 2) < 2);
});

test("inside is half open", () => {
  assert.ok(inside({ x: 0, y: 0 }, image));
  assert.ok(!inside({ x: 854, y: 0 }, image));
  assert.ok(!inside({ x: -0.01, y: 0 }, image));
});
