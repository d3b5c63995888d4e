import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Editing } from "../../src/ivos/server/static/js/data/editing.js";
import { newStore } from "../../src/ivos/server/static/js/state.js";
import { makeActions } from "../../src/ivos/server/static/js/ui/actions.js";
import { Stage } from "../../src/ivos/server/static/js/ui/stage.js";
import { Pen } from "../../src/ivos/server/static/js/ui/pen.js";

const CLIP = { num_frames: 9, height: 20, width: 30, fps: 10, name: "a.mp4" };
const OBJECT = { id: 1, name: "Object 1", colour: "#ff0000", visible: true, locked: false, annotated: [] };

const later = globalThis.setTimeout;
globalThis.setTimeout = (...how) => later(...how).unref(); // toasts that still wait to go must not keep the tests waiting

let store;
let stage;
let pen;
let strokes;
let paints;
/** @type {Record<string, (event: any) => void>} */
const heard = {};

beforeEach(() => {
  store = newStore();
  [strokes, paints] = [[], []];
  store.set({ project: /** @type {any} */ ({ clip: CLIP, objects: [OBJECT], strokes: [] }), t: 5, view: { scale: 1, x: 0, y: 0 }, brush: 2 });
  const editing = {
    brushwork: null, store,
    addStroke: (stroke) => strokes.push(stroke),
    queue: (work) => work(), revision: () => null,
    send: (_method, _path, body) => new Promise((done) => paints.push({ ...body, done })),
    sendBrushwork: Editing.prototype.sendBrushwork, dropBrushwork: Editing.prototype.dropBrushwork, release: Editing.prototype.release,
  };
  stage = {
    store, live: null, laid: [], cursor: null, shown: 5, world: CLIP,
    canvas: {
      addEventListener: (name, call) => (heard[name] = call), focus() {}, setPointerCapture() {}, classList: { toggle() {} },
      getBoundingClientRect: () => ({ left: 0, top: 0, width: 30, height: 20 }),
    },
    editing: () => editing, schedule() {}, toFrame: Stage.prototype.toFrame, inSecond: Stage.prototype.inSecond, panels: ["result"], labels: () => new Uint8Array(600),
    get project() {
      return store.state.project;
    },
  };
  pen = new Pen(/** @type {any} */ (stage));
});

const at = (x, y) => /** @type {any} */ ({ pointerId: 1, button: 0, buttons: 1, clientX: x, clientY: y, preventDefault() {} });
const go = (t) => (store.set({ t }), (stage.shown = t));
const painted = () => stage.editing().brushwork?.labels.filter(Boolean).length ?? 0;

test("a stroke belongs to the frame on which the pen went down", () => {
  pen.down(at(5, 5));
  pen.moved(at(15, 5));
  go(6);
  pen.moved(at(25, 5));
  pen.up(at(25, 5));
  assert.deepEqual(strokes.map(({ frame }) => frame), [5]);
});

test("a drag of the brush belongs to the frame on which it began", () => {
  store.set({ tool: "brush" });
  pen.down(at(5, 5));
  go(6);
  pen.moved(at(15, 5));
  pen.up(at(15, 5));
  assert.deepEqual(paints.map(({ frame }) => frame), [5]);
});

test("a drag of the brush can be dropped, and nothing is sent", () => {
  store.set({ tool: "brush" });
  pen.down(at(5, 5));
  pen.moved(at(15, 5));
  assert.ok(painted() > 0);
  assert.equal(pen.drop(), true);
  assert.equal(stage.editing().brushwork, null);
  pen.moved(at(25, 5));
  pen.up(at(25, 5));
  assert.equal(painted() + paints.length, 0);
  assert.equal(pen.drop(), false);
});

test("an earlier drag that arrives does not end the one at work, and stays when that is dropped", async () => {
  store.set({ tool: "brush" });
  pen.down(at(5, 5));
  pen.up(at(5, 5));
  const first = painted();
  pen.down(at(15, 5));
  pen.moved(at(25, 5));
  const both = painted();
  paints[0].done();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(painted(), both);
  pen.up(at(25, 5));
  pen.down(at(15, 15));
  assert.ok(painted() > both);
  pen.drop();
  assert.equal(painted(), both);
  assert.ok(both > first && paints.length === 2);
});

/** Enough of a document for messages to the user. */
function quietly(work) {
  const node = () => ({ append() {}, remove() {}, setAttribute() {}, addEventListener() {}, children: [] });
  globalThis.document = /** @type {any} */ ({ getElementById: node, createElement: node, createElementNS: node, querySelector: () => null });
  try {
    return work();
  } finally {
    delete globalThis.document;
  }
}

test("the brush waits for what is on its way to the mask, but for its own drags", () => {
  const editing = stage.editing();
  store.set({ tool: "brush" });
  editing.waiting = 1;
  quietly(() => pen.down(at(5, 5)));
  assert.equal(editing.brushwork, null);
  editing.waiting = 0;
  pen.down(at(5, 5));
  pen.up(at(5, 5));
  assert.equal(paints.length, 1);
  editing.waiting = 1; // that drag
  pen.down(at(15, 5));
  pen.up(at(15, 5));
  assert.equal(paints.length, 2);
  editing.waiting = 3; // and a stroke
  quietly(() => pen.down(at(25, 5)));
  pen.up(at(25, 5));
  assert.equal(paints.length, 2);
});

test("no stroke begins while the server does not answer", () => {
  store.set({ offline: true });
  quietly(() => pen.down(at(5, 5)));
  pen.up(at(15, 5));
  assert.equal(strokes.length, 0);
});

test("a stroke stays in the panel where it began", () => {
  stage.panels = ["plain", "result"];
  stage.world = { width: 72, height: 20 };
  pen.down(at(25, 5));
  pen.moved(at(60, 5));
  pen.up(at(60, 5));
  pen.down(at(60, 5));
  pen.moved(at(10, 5));
  pen.up(at(10, 5));
  assert.deepEqual(strokes.map(({ path }) => path.at(-1)[0]), [1, 0]); // at its border
});

test("the eraser takes away, whatever else takes away too", () => {
  stage.labels = () => new Uint8Array(600).fill(1);
  store.set({ tool: "eraser", sign: "remove" });
  pen.down(at(5, 5));
  assert.ok(painted() < 600);
  store.set({ tool: "brush", sign: "add" });
  pen.up(at(5, 5));
});

test("only its own pointer's cancel drops a stroke", () => {
  pen.down(at(5, 5));
  heard.pointercancel({ pointerId: 2 });
  pen.moved(at(15, 5));
  pen.up(at(15, 5));
  assert.equal(strokes.length, 1);
  pen.down(at(5, 5));
  heard.pointercancel({ pointerId: 1 });
  pen.up(at(15, 5));
  assert.equal(strokes.length, 1);
});

test("the frame follows the pointer when it is panned", () => {
  const moves = [];
  stage.move = (view) => moves.push(view);
  store.set({ spaceHeld: true });
  pen.down(at(5, 5));
  pen.moved({ ...at(9, 8), movementX: 40, movementY: 30 }); // screen pixels, on a scaled display
  assert.deepEqual([moves[0].x, moves[0].y], [4, 3]);
});

const paths = () => strokes.map(({ path }) => path.map(([x, y]) => [Math.round(x * 29), Math.round(y * 19)]));

test("a stroke ends at the border of the frame, and another begins where the pen comes back", () => {
  pen.down(at(25, 5));
  for (const [x, y] of [[28, 5], [40, 5], [40, 15], [28, 15], [25, 15]]) pen.moved(at(x, y));
  assert.equal(strokes.length, 0, "nothing is sent before the pen is lifted: Esc takes all of it back");
  pen.up(at(25, 15));
  const [first, second] = paths();
  assert.equal(strokes.length, 2);
  assert.deepEqual([first[0], first.at(-1)], [[25, 5], [29, 5]]);
  assert.deepEqual([second[0], second.at(-1)], [[29, 15], [25, 15]]);
});

test("a hand that wavers along the border draws one stroke", () => {
  pen.down(at(28, 2));
  for (let y = 3; y < 18; y += 1) pen.moved(at(y % 2 ? 31 : 28, y));
  pen.up(at(29, 18));
  assert.equal(strokes.length, 1);
});

test("a drag that left the frame and came back is dropped whole", () => {
  pen.down(at(25, 5));
  for (const [x, y] of [[28, 5], [45, 5], [45, 15], [25, 15]]) pen.moved(at(x, y));
  assert.equal(pen.drop(), true);
  pen.up(at(25, 15));
  assert.equal(strokes.length, 0);
});

test("the brush paints what it covers, not what lies beside the frame", () => {
  store.set({ tool: "brush" });
  pen.down(at(15, 5));
  const before = painted();
  pen.moved(at(15, -20));
  pen.moved(at(28, -20));
  assert.ok(painted() > before);
  const labels = stage.editing().brushwork.labels;
  assert.equal(labels.slice(20, 30).filter(Boolean).length, 0, "nothing on the upper border to the right");
});

const finger = (id, x, y) => ({ ...at(x, y), pointerId: id, pointerType: "touch", isPrimary: id === 1 });

test("two fingers move the view and draw nothing", () => {
  const moves = [];
  Object.assign(stage, { move: (view) => moves.push(view), zoom: (factor) => moves.push(factor) });
  pen.down(finger(1, 5, 5));
  pen.moved(finger(1, 6, 5));
  pen.down(finger(2, 15, 5));
  pen.moved(finger(2, 25, 5));
  pen.up(finger(2, 25, 5));
  pen.up(finger(1, 6, 5));
  assert.equal(strokes.length, 0);
  assert.deepEqual(moves.map((each) => (typeof each === "number" ? each.toFixed(2) : each.x)), [5, "2.11"]);
});

test("a pen draws although a hand lies on the screen, and its other end takes away", () => {
  pen.down(finger(1, 5, 15));
  const tip = { ...at(5, 5), pointerId: 9, pointerType: "pen" };
  pen.down(tip);
  pen.moved({ ...tip, clientX: 20 });
  pen.moved(finger(1, 6, 15));
  pen.up({ ...tip, clientX: 20 });
  pen.up(finger(1, 6, 15));
  assert.deepEqual(strokes.map(({ kind }) => kind), ["add"]);
  pen.down(finger(1, 5, 15)); // the hand again
  pen.down(finger(2, 9, 15));
  pen.down({ ...tip, button: 5, buttons: 32 });
  pen.up({ ...tip, button: 5, buttons: 0 });
  assert.deepEqual(strokes.map(({ kind }) => kind), ["add", "remove"]);
});

test("a second finger that comes late does not take a stroke back", () => {
  pen.down(finger(1, 5, 5));
  pen.drag.began -= 1000;
  pen.moved(finger(1, 15, 5));
  pen.down(finger(2, 25, 15));
  pen.moved(finger(1, 20, 5));
  pen.up(finger(1, 20, 5));
  pen.up(finger(2, 25, 15));
  assert.equal(strokes.length, 1);
});

test("in a study a key that may not leave the frame does not end the stroke, and no key ends a pan", () => {
  const actions = makeActions(/** @type {any} */ ({ store, stage, pen, editing: () => stage.editing() }));
  store.set({ study: /** @type {any} */ ({ slider_locked: true, frame: 5, round: 0, phase: "scribble" }) });
  pen.down(at(5, 5));
  quietly(() => actions["frame.next"]());
  assert.equal(pen.drag?.kind, "stroke");
  pen.up(at(5, 5));
  store.set({ study: null });
  pen.down({ ...at(5, 5), button: 1 });
  actions["frame.next"]();
  assert.equal(pen.drag?.kind, "pan");
});

test("going to another frame ends the drag", () => {
  const actions = makeActions(/** @type {any} */ ({ store, stage, pen, editing: () => stage.editing() }));
  pen.down(at(5, 5));
  pen.moved(at(15, 5));
  actions["frame.next"]();
  stage.shown = 6;
  pen.moved(at(25, 5));
  pen.up(at(25, 5));
  assert.deepEqual(paths()[0].at(-1), [15, 5]);
  assert.deepEqual([strokes.length, strokes[0].frame, store.state.t], [1, 5, 6]);
});
