import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenObjects, lacking, objectIds, ranges } from "../../src/ivos/server/static/js/pure/export_choice.js";

const objects = [{ id: 1 }, { id: 3 }, { id: 4 }];
const whole = { first: null, last: null };

test("the objects of the last export are ticked again, all where none of them is left", () => {
  assert.deepEqual([...chosenObjects(null, objects)], [1, 3, 4]);
  assert.deepEqual([...chosenObjects({ object_ids: null }, objects)], [1, 3, 4]);
  assert.deepEqual([...chosenObjects({ object_ids: [4, 2] }, objects)], [4]);
  assert.deepEqual([...chosenObjects({ object_ids: [2] }, objects)], [1, 3, 4]);
});

test("all objects are null, a part of them is a list", () => {
  assert.equal(objectIds([1, 3, 4], objects), null);
  assert.deepEqual(objectIds([1, 4], objects), [1, 4]);
  assert.deepEqual(objectIds([], objects), []);
});

test("without marks and memory there is the whole clip", () => {
  assert.deepEqual(ranges(whole, null, 8), [{ ...whole, text: "All 8 frames", preferred: true }]);
  assert.deepEqual(ranges(whole, whole, 8).length, 1);
});

test("marks are preferred, then the last range", () => {
  const marked = ranges({ first: 2, last: null }, { first: 1, last: 4 }, 8);
  assert.deepEqual(marked.map(({ text, preferred }) => [text, preferred]), [
    ["All 8 frames", false],
    ["Frames 2 to 7 (in and out marks)", true],
    ["Frames 1 to 4 (as last time)", false],
  ]);
  const again = ranges(whole, { first: 1, last: 4 }, 8);
  assert.deepEqual(again.map(({ preferred }) => preferred), [false, true]);
  assert.deepEqual([again[1].first, again[1].last], [1, 4]);
});

test("the range of the marks is not offered twice, one beyond the clip not at all", () => {
  assert.equal(ranges({ first: 1, last: 4 }, { first: 1, last: 4 }, 8).length, 2);
  assert.equal(ranges(whole, { first: 1, last: 9 }, 8).length, 1);
});

test("what an export lacks is said: frames without a mask, else a round", () => {
  assert.equal(lacking(whole, [7, null, null, 4], false), "2 of 4 frames have no mask yet: propagate first.");
  assert.equal(lacking({ first: 0, last: 1 }, [7, null, null, 4], true), "1 of 2 frames has no mask yet: propagate first.");
  assert.equal(lacking({ first: 3, last: null }, [7, null, null, 4], false), "");
  assert.equal(lacking(whole, [7, 8], true), "Changed since the last round: propagate first.");
});
