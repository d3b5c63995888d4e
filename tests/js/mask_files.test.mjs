import assert from "node:assert/strict";
import { test } from "node:test";
import { framesOf } from "../../src/ivos/server/static/js/pure/mask_files.js";

test("one mask belongs to the frame on screen, whatever its name says", () => {
  assert.deepEqual(framesOf(["Untitled-1.png"], 7, 10), [7]);
});

test("of several masks each belongs to the frame that the last number in its name says", () => {
  assert.deepEqual(framesOf(["00009.png", "shot2_0003_mask.png", "00000.tif"], 7, 10), [9, 3, 0]);
});

test("names without a frame of the clip of their own are refused with their name", () => {
  assert.throws(() => framesOf(["00001.png", "mask.2.png", "mask.png"], 0, 10), /mask\.png has no number/);
  assert.throws(() => framesOf(["00001.png", "00010.png"], 0, 10), /00010\.png would belong to frame 10; the clip has frames 0 to 9/);
  assert.throws(() => framesOf(["a1.png", "b1.png"], 0, 10), /a1\.png and b1\.png would both/);
});
