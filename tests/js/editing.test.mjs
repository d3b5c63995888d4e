import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Editing } from "../../src/ivos/server/static/js/data/editing.js";
import { makeActions } from "../../src/ivos/server/static/js/ui/actions.js";
import { newStore } from "../../src/ivos/server/static/js/state.js";

const CLIP = { num_frames: 4, height: 4, width: 4, fps: 12, name: "a.mp4" };
const project = (id, seq, more = {}) => ({ id, seq, name: id, made_at: "", clip: CLIP, objects: [], strokes: [], paints: [], revisions: [null, null, null, null], before: null, running: null, ...more });
const settle = async () => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
};
const json = (content, status = 200) => new Response(JSON.stringify(content), { status });

/** Every request, answered by the test. @type {{method: string, path: string, body: any, answer: (response: Response) => void}[]} */
let requests;
let store;
let reports;
let open;
const before = globalThis.fetch;

beforeEach(() => {
  [requests, store, reports, open] = [[], newStore(), [], []];
  globalThis.document = { hidden: true, addEventListener() {}, removeEventListener() {} }; // a hidden tab does not poll
  globalThis.fetch = (path, { method, body, signal }) =>
    new Promise((answer, reject) => {
      requests.push({ method, path: path.replace("/api/projects", ""), body: body && JSON.parse(body), answer });
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
});
afterEach(() => {
  for (const editing of open) editing.close();
  globalThis.fetch = before;
  delete globalThis.document;
});

function edit(id, seq, more) {
  const editing = new Editing(project(id, seq, more), store, (error) => error.name !== "AbortError" && reports.push(error));
  open.push(editing);
  return editing;
}

/** A round's stream that the test writes. */
function wire() {
  let controller;
  const body = new ReadableStream({ start: (made) => (controller = made) });
  const write = (line) => controller.enqueue(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  return { response: new Response(body), write, close: () => controller.close() };
}

test("a round of a project that was left changes nothing on the page", async () => {
  const a = edit("a", 3);
  a.round.start("both", null, null);
  await settle();
  const lines = wire();
  requests[0].answer(lines.response);
  await settle();
  lines.write({ event: "started", total: 4 });
  await settle();
  assert.equal(store.state.round.total, 4);
  a.close();
  const b = edit("b", 0);
  lines.write({ event: "frame", frame: 1, revision: 9, runs: [1, 16], done: 1, total: 4 });
  lines.write({ event: "done", project: project("a", 5) });
  lines.close();
  await settle();
  assert.equal(store.state.project.id, "b");
  assert.equal(store.state.round, null);
  assert.deepEqual(store.state.visited, []);
  assert.equal(b.revision(1, false), null);
  assert.deepEqual(reports, []);
  assert.deepEqual(requests.map(({ path }) => path), ["/a/rounds"]);
});

test("a round that was asked for begins although the project is left at once", async () => {
  const a = edit("a", 3);
  a.addStroke({ frame: 0 });
  a.round.start("both", null, null);
  await settle();
  a.close();
  edit("b", 0);
  requests[0].answer(json({ project: project("a", 4), masks: [] }));
  await settle();
  assert.deepEqual(requests.map(({ path, body }) => [path, body.seq]), [["/a/strokes", 3], ["/a/rounds", 4]]);
  requests[1].answer(wire().response);
  await settle();
  assert.equal(store.state.project.id, "b");
  assert.equal(store.state.round, null);
  assert.deepEqual(reports, []);
});

test("strokes on their way when the project is left reach it, and no other", async () => {
  const a = edit("a", 3);
  a.addStroke({ frame: 0 });
  a.addStroke({ frame: 1 });
  await settle();
  a.close();
  edit("b", 0);
  requests[0].answer(json({ project: project("a", 4), masks: [] }));
  await settle();
  assert.deepEqual(requests.map(({ path, body }) => [path, body.seq, body.frame]), [["/a/strokes", 3, 0], ["/a/strokes", 4, 1]]);
  requests[1].answer(json({ project: project("a", 5), masks: [] }));
  await settle();
  assert.equal(store.state.project.id, "b");
  assert.equal(store.state.waitingSince, null);
});

test("an answer that was overtaken by a newer one is not shown", () => {
  const a = edit("a", 3);
  a.accept(project("a", 6));
  a.accept(project("a", 5));
  assert.equal(store.state.project.seq, 6);
  a.accept(project("a", 6, { name: "renamed" }));
  assert.equal(store.state.project.name, "renamed");
});

const job = (more) => ({ number: 3, format: "palette", status: "running", done: 1, total: 4, name: "a.zip", bytes: null, message: null, url: null, path: "/a.zip", ...more });

test("an export at work is followed again after a reload, to its file", async () => {
  edit("a", 3, { export: job({}) });
  assert.equal(store.state.exporting.done, 1);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(requests[0].path, "/a/exports/3");
  const done = job({ status: "done", done: 4, bytes: 9, url: "/api/projects/a/exports/3/file" });
  requests[0].answer(json(done));
  await settle();
  requests[1].answer(json(project("a", 3, { export: done })));
  await settle();
  assert.equal(store.state.exporting.status, "done");
  assert.equal(store.state.project.export.bytes, 9);
});

test("an export that another tab began can be followed and cancelled", async () => {
  const a = edit("a", 3);
  a.exports.attach();
  await settle();
  requests[0].answer(json(project("a", 3, { export: job({}) })));
  await settle();
  assert.equal(store.state.exporting.number, 3);
  a.exports.cancel();
  await settle();
  assert.equal(requests[1].path, "/a/exports/3/cancel");
});

/** What a browser keeps for a page. */
function storage() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
}

test("strokes that a dying server did not take are sent when the project is opened again", async () => {
  globalThis.localStorage = storage();
  try {
    const drawn = [0.1, 0.2, 0.3].map((x) => ({ frame: 1, object_id: 1, kind: "add", path: [[x, 0.5]] }));
    drawn.push({ ...drawn[1], kind: "remove" }); // a dot on a dot
    const a = edit("a", 3);
    for (const stroke of drawn) a.addStroke(stroke);
    await settle();
    globalThis.fetch = () => Promise.reject(new TypeError("refused")); // the first request is never answered
    requests[0].answer(new Response("", { status: 500 }));
    await settle();
    a.close();
    assert.match(reports[1].message, /sent when you open the project again/);
    const asked = [];
    globalThis.fetch = async (path, { body }) => {
      asked.push(JSON.parse(body));
      const strokes = [drawn[1], ...asked].map((stroke, i) => ({ ...stroke, id: i, round: null }));
      return json({ project: project("a", 5, { strokes }), masks: [] });
    };
    edit("a", 4, { strokes: [{ ...drawn[1], id: 0, round: null }] }); // it had arrived after all
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(asked.map(({ path, kind }) => [path[0][0], kind]), [[0.3, "add"], [0.2, "remove"]]);
    edit("a", 5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(asked.length, 2);
  } finally {
    delete globalThis.localStorage;
  }
});

test("strokes of a project are not sent to one of the same id that was made at another time", async () => {
  globalThis.localStorage = storage();
  try {
    const a = edit("a", 3, { made_at: "2026-01-01" });
    const answering = globalThis.fetch;
    globalThis.fetch = () => Promise.reject(new TypeError("refused"));
    await a.addStroke({ frame: 1, object_id: 1, kind: "add", path: [[0.1, 0.5]] });
    globalThis.fetch = answering;
    a.close();
    edit("a", 0, { made_at: "2026-02-02" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(requests.length, 0);
    edit("a", 3, { made_at: "2026-01-01" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(requests.length, 1);
  } finally {
    delete globalThis.localStorage;
  }
});

test("a drag of the brush over a mask that another tab has changed meanwhile is refused", async () => {
  const a = edit("a", 1);
  const labels = () => ({ t: 1, labels: new Uint8Array(16).fill(1), version: 1, held: 1, revision: a.revision(1, false) });
  a.brushwork = labels();
  const theirs = project("a", 2, { revisions: [null, 9, null, null] });
  a.accept(theirs); // what the long poll brings
  await a.sendBrushwork(0);
  assert.deepEqual([requests.length, a.brushwork], [0, null]);
  assert.match(reports[0].message, /changed while you painted/);
  a.brushwork = { ...labels(), held: 2 };
  const sent = [a.sendBrushwork(0), a.sendBrushwork(0)]; // the second one goes upon the first
  for (const [i, revision] of [11, 12].entries()) {
    await settle();
    requests[i].answer(json({ project: project("a", 3 + i, { revisions: [null, revision, null, null] }), masks: [] }));
  }
  await Promise.all(sent);
  assert.deepEqual([requests.map(({ body }) => body.seq), reports.length, a.brushwork], [[2, 3], 1, null]);
});

test("a stroke on its way can be deleted: by the number that it then has", async () => {
  const a = edit("a", 3);
  a.addStroke({ frame: 0, path: [[0, 0]] });
  const [{ id }] = store.state.sending;
  a.deleteDrawn([id]);
  await settle();
  requests[0].answer(json({ project: project("a", 4, { strokes: [{ id: 4, frame: 0, path: [[0, 0]], round: null }] }), masks: [] }));
  await settle();
  assert.deepEqual([requests[1].path, requests[1].body], ["/a/strokes/delete", { seq: 4, ids: [4] }]);
});

test("a round is under way from the key on, not from the last stroke's answer on", async () => {
  const a = edit("a", 3);
  a.addStroke({ frame: 0, path: [[0, 0]] });
  a.round.start("both", null, null);
  assert.ok(store.state.round);
  await settle();
  assert.deepEqual(requests.map(({ path }) => path), ["/a/strokes"]);
  requests[0].answer(json({ project: project("a", 4), masks: [] }));
  await settle();
  assert.ok(store.state.round);
  assert.deepEqual(requests.map(({ path }) => path), ["/a/strokes", "/a/rounds"]);
});

test("masks of different frames and revisions never stand for each other", () => {
  const a = edit("a", 3);
  const revision = 64 * 2 ** 26 + 7; // after an object was removed at event 64
  a.masks.put({ frame: 0, revision, runs: [0, 16] });
  const first = a.masks.version(0, revision);
  a.masks.put({ frame: 0, revision, runs: [1, 16] }); // the round comes to the frame again
  assert.notEqual(a.masks.version(0, revision), first);
  assert.deepEqual([...a.masks.get(0, revision)], [1, 16]);
  assert.equal(a.masks.get(1, 7), undefined);
});

test("a round that is stopped before it was sent does not start", async () => {
  const a = edit("a", 3);
  a.addStroke({ frame: 0, object_id: 1, kind: "add", path: [], start_ms: 0, end_ms: 1 });
  a.round.start("both", null, null);
  await a.round.cancel();
  await settle();
  requests[0].answer(json({ project: project("a", 4), masks: [] }));
  await settle();
  assert.deepEqual(requests.map(({ path }) => path), ["/a/strokes"]);
  assert.equal(store.state.round, null);
  a.round.start("both", null, null);
  await settle();
  assert.equal(requests.at(-1).path, "/a/rounds");
});

test("a round that is stopped while it begins is stopped when it has begun", async () => {
  const a = edit("a", 3);
  a.round.start("both", null, null);
  await settle();
  await a.round.cancel();
  assert.deepEqual(requests.map(({ path }) => path), ["/a/rounds"]);
  const lines = wire();
  requests[0].answer(lines.response);
  lines.write({ event: "started", total: 4 });
  await settle();
  assert.equal(requests.at(-1).path, "/a/rounds/cancel");
});

test("where the chosen object is no more, another one is chosen", () => {
  const object = (id) => ({ id, name: `Object ${id}`, colour: "#ff0000", visible: true, locked: false, annotated: [] });
  const a = edit("a", 3, { objects: [object(1), object(2)] });
  store.set({ objectId: 2 });
  a.accept(project("a", 4, { objects: [object(1)] }));
  assert.equal(store.state.objectId, 1);
});

test("strokes and brushwork are deleted on the frame where the key was pressed", async () => {
  const stroke = (id, frame) => ({ id, frame, object_id: 1, kind: "add", path: [], start_ms: 0, end_ms: 1, round: null });
  const paints = [{ id: 7, frame: 0, object_ids: [1] }, { id: 8, frame: 1, object_ids: [1] }, { id: 9, frame: 0, object_ids: [1, 2] }];
  const a = edit("a", 3, { strokes: [stroke(1, 0), stroke(2, 1)], paints });
  const actions = makeActions(/** @type {any} */ ({ store, editing: () => a, pen: { drop: () => false } }));
  a.addStroke({ frame: 0, object_id: 1, kind: "add", path: [[0, 0]], start_ms: 0, end_ms: 1 });
  store.set({ t: 0 });
  actions["delete.frame"]();
  store.set({ t: 1 });
  await settle();
  requests[0].answer(json({ project: project("a", 4, { strokes: [stroke(1, 0), stroke(2, 1), stroke(3, 0)], paints }), masks: [] }));
  await settle();
  assert.deepEqual(requests.at(-1).body.ids, [1, 3, 7, 9]);
  store.set({ t: 0, objectId: 1 });
  actions["delete.object"]();
  await settle();
  requests.at(-1).answer(json({ project: a.project, masks: [] }));
  await settle();
  assert.deepEqual(requests.at(-1).body.ids, [1, 3, 7], "brushwork of several objects stays");
});

test("a jump ends the playback", () => {
  const a = edit("a", 3);
  const actions = makeActions(/** @type {any} */ ({ store, editing: () => a }));
  store.set({ playing: true, t: 1 });
  actions["frame.last"]();
  assert.deepEqual([store.state.t, store.state.playing], [3, false]);
});

test("a frame that did not come is asked for again where the user still is", async () => {
  const a = edit("a", 3);
  const asked = [];
  globalThis.createImageBitmap = async () => ({ width: 4, height: 4, close() {} });
  const fetched = globalThis.fetch;
  globalThis.fetch = async (path) => {
    asked.push(path);
    return asked.length > 1 ? new Response("jpeg") : new Response("", { status: 503 });
  };
  a.frames.look(0, null);
  a.frames.queue = [];
  await settle();
  assert.equal(a.frames.get(0), undefined);
  await new Promise((resolve) => setTimeout(resolve, 2200));
  assert.ok(a.frames.get(0));
  globalThis.fetch = fetched;
  delete globalThis.createImageBitmap;
});
