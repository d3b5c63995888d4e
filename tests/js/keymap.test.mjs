import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, BINDINGS, chord, keyOf, readable } from "../../src/ivos/server/static/js/pure/keymap.js";
import { colourOf, contrast, css, davis, fromHex, hex, shown } from "../../src/ivos/server/static/js/pure/palette.js";

const key = (text, more = {}) => ({ key: text, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });

test("no key means two things", () => {
  const keys = BINDINGS.flatMap((binding) => binding.keys);
  assert.equal(new Set(keys).size, keys.length);
});

test("the promised keys", () => {
  const promised = {
    r: "round.both", Enter: "round.both", f: "round.forward", b: "round.backward", Escape: "cancel", w: "worst", i: "mark.in", o: "mark.out",
    v: "mode.next", h: "mask.hide", n: "object.new", x: "sign.toggle", ArrowLeft: "frame.previous", ".": "frame.next", Home: "frame.first",
    PageDown: "frame.nextMarked", " ": "play", k: "play", p: "play", "[": "brush.smaller", "]": "brush.larger", e: "tool.eraser", "0": "zoom.fit",
    "?": "help", F1: "help", a: "study.select",
  };
  for (const [text, action] of Object.entries(promised)) assert.equal(actionOf(key(text, { shiftKey: text === "?" }))?.action, action, text);
  assert.equal(actionOf(key("z", { ctrlKey: true }))?.action, "undo");
  assert.equal(actionOf(key("z", { metaKey: true }))?.action, "undo");
  assert.equal(actionOf(key("Z", { ctrlKey: true, shiftKey: true }))?.action, "redo");
  assert.equal(actionOf(key("y", { ctrlKey: true }))?.action, "redo");
  assert.equal(actionOf(key("e", { ctrlKey: true }))?.action, "export");
  assert.equal(actionOf(key("ArrowRight", { shiftKey: true }))?.action, "frame.forward10");
  const deletes = [{}, { ctrlKey: true }, { shiftKey: true }, { ctrlKey: true, shiftKey: true }].map((more) => actionOf(key("Delete", more))?.action);
  assert.deepEqual(deletes, ["delete.stroke", "delete.frame", "delete.object", "delete.all"]);
  assert.equal(actionOf(key("s")), null, "S is reserved");
  assert.equal(actionOf(key("q", { ctrlKey: true })), null, "nothing quits");
});

test("digits choose objects on every keyboard", () => {
  assert.deepEqual(actionOf(key("3", { code: "Digit3" })), { action: "object.choose", held: false, object: 3 });
  assert.equal(actionOf(key("&", { code: "Digit1" }))?.object, 1);
  assert.equal(actionOf(key("!", { code: "Digit1", shiftKey: true }))?.action, "zoom.one");
  assert.equal(actionOf(key("[", { code: "Digit8", ctrlKey: true, altKey: true }))?.action, "brush.smaller");
});

test("capitals are the same keys; held keys say so", () => {
  assert.equal(chord(key("R")), "r");
  assert.equal(actionOf(key("h"))?.held, true);
  assert.equal(actionOf(key("r"))?.held, false);
});

test("keys as people write them", () => {
  assert.equal(keyOf("undo"), "Ctrl+Z");
  assert.equal(keyOf("frame.back10"), "Shift+←");
  assert.equal(keyOf("nothing"), "");
  assert.deepEqual(["+", "Ctrl+Delete", "PageUp"].map(readable), ["+", "Ctrl+Del", "PgUp"]);
});

test("the DAVIS palette", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255].map(davis), [
    [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128], [128, 128, 128], [64, 0, 0], [192, 0, 0], [224, 224, 192],
  ]);
});

test("shown colours read on the dark panels and black text reads on them", () => {
  for (let id = 1; id <= 40; id += 1) {
    assert.ok(contrast(shown(id), [20, 23, 28]) >= 4.5, `object ${id}`);
    assert.ok(contrast(shown(id), [16, 18, 21]) >= 4.5, `object ${id}`);
  }
  assert.equal(new Set(Array.from({ length: 40 }, (_, i) => hex(shown(i + 1)))).size, 40);
});

test("colours as text", () => {
  assert.deepEqual(fromHex(hex([1, 128, 255])), [1, 128, 255]);
  assert.equal(css([1, 2, 3]), "rgb(1 2 3)");
  assert.equal(css([1, 2, 3], 0.5), "rgb(1 2 3 / 0.5)");
});

test("an object keeps the lifted colour until the user chooses another", () => {
  assert.deepEqual(colourOf({ id: 1, colour: "#800000" }), shown(1));
  assert.deepEqual(colourOf({ id: 1, colour: "#112233" }), [17, 34, 51]);
});
