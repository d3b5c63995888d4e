import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, duration, plural, timecode } from "../../src/ivos/server/static/js/pure/format.js";
import { Budget, frameAfter, wanted } from "../../src/ivos/server/static/js/pure/playback.js";
import { columnsOf, frameAt, frameLeft, frameMiddle, neighbour, niceStep, ticks, trustColour } from "../../src/ivos/server/static/js/pure/timeline_layout.js";

test("the middle of a frame is that frame; beyond the ends are the first and last", () => {
  for (const frames of [1, 2, 132, 5000]) {
    const track = { left: 92, width: 1100, frames };
    for (let t = 0; t < frames; t += 1) assert.equal(frameAt(track, frameMiddle(track, t)), t);
    assert.equal(frameAt(track, -50), 0);
    assert.equal(frameAt(track, 1e6), frames - 1);
    assert.equal(frameLeft(track, frames), 1192);
  }
});

test("labels of ticks are round numbers with room between them", () => {
  for (const frames of [1, 10, 132, 4567]) {
    const track = { left: 0, width: 900, frames };
    const labelled = ticks(track).filter((tick) => tick.label !== null);
    assert.equal(labelled[0].label, "0");
    for (let i = 1; i < labelled.length; i += 1) assert.ok(labelled[i].x - labelled[i - 1].x >= 63.9);
    assert.ok(ticks(track).length <= 150);
  }
  assert.deepEqual([0.3, 1, 3, 11, 50, 51].map(niceStep), [1, 1, 5, 20, 50, 100]);
});

test("more frames than pixels: a column shows its worst frame; fewer: every frame shows", () => {
  assert.deepEqual(columnsOf([0.9, 0.2, null, 0.8, null, null], 3, Math.min), [0.2, 0.8, null]);
  assert.deepEqual(columnsOf([0.9, null], 2, Math.min), [0.9, null]);
  assert.deepEqual(columnsOf([], 2, Math.max), [null, null]);
});

test("trust colours run from red to teal; no result has none", () => {
  assert.equal(trustColour(null), null);
  assert.equal(trustColour(NaN), null);
  assert.ok(trustColour(0)[0] > trustColour(1)[0]);
  assert.ok(trustColour(1)[2] > trustColour(0.7)[2]);
});

test("neighbouring annotated frames", () => {
  assert.equal(neighbour([40, 3, 90], 40, 1), 90);
  assert.equal(neighbour([40, 3, 90], 40, -1), 3);
  assert.equal(neighbour([40], 40, 1), null);
});

test("playback keeps to the range and loops", () => {
  const range = { first: 10, last: 19 };
  assert.equal(frameAfter(10, 0.5, 10, range), 15);
  assert.equal(frameAfter(15, 0.5, 10, range), 10);
  assert.equal(frameAfter(99, 0, 10, range), 10);
  assert.equal(frameAfter(0, 3.04, 25, { first: 0, last: 131 }), 76);
});

test("frames are wanted nearest first, ahead before behind, never outside the clip", () => {
  assert.deepEqual(wanted(1, { first: 0, last: 3 }, 3, 3), [1, 2, 0, 3]);
  assert.deepEqual(wanted(0, { first: 0, last: 0 }, 9, 9), [0]);
});

test("in a loop the first frame of the range is wanted after the last one, and none outside", () => {
  const range = { first: 10, last: 14 };
  assert.deepEqual(wanted(13, range, 3, 1, true), [13, 14, 12, 10, 11]);
  assert.deepEqual(wanted(14, range, 60, 2, true).toSorted((a, b) => a - b), [10, 11, 12, 13, 14]);
  assert.deepEqual(wanted(20, range, 3, 0, true), [20]); // outside: playback begins at the first one
});

test("the budget drops the least recently used and tells", () => {
  const gone = [];
  const budget = new Budget(10, (value) => gone.push(value));
  budget.set(1, "a", 5);
  budget.set(2, "b", 5);
  budget.get(1);
  budget.set(3, "c", 5);
  assert.deepEqual([gone, budget.has(1), budget.used], [["b"], true, 10]);
  budget.set(4, "huge", 50);
  assert.ok(budget.has(4), "one entry beyond the limit is kept, nothing else");
  assert.equal(budget.entries.size, 1);
  budget.clear();
  assert.equal(budget.used, 0);
});

test("numbers read as people write them", () => {
  assert.deepEqual([0.42, 12.3, 59.7, 200, 3600, 3900, Infinity].map(duration), ["0.4 s", "12 s", "1 min", "3 min 20 s", "1 h", "1 h 5 min", "–"]);
  assert.deepEqual([0, 999, 3.4e6, 120e6, 4 << 30].map(bytes).slice(0, 4), ["0 B", "999 B", "3.4 MB", "120 MB"]);
  assert.deepEqual([timecode(0, 25), timecode(80, 25), timecode(1831, 30)], ["0:00.00", "0:03.20", "1:01.03"]);
  assert.deepEqual([plural(1, "frame"), plural(0, "frame")], ["1 frame", "0 frames"]);
  assert.deepEqual([ago(0, 30e3), ago(0, 300e3), ago(0, 7200e3), ago(0, 3 * 86400e3)], ["just now", "5 min ago", "2 hours ago", "3 days ago"]);
});
