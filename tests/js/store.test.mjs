import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLines } from "../../src/ivos/server/static/js/pure/lines.js";
import { Store } from "../../src/ivos/server/static/js/pure/store.js";

test("watchers hear of their keys once a turn, and once at the start", async () => {
  const store = new Store({ a: 1, b: 1 });
  const heard = [];
  store.watch(["a"], (s) => heard.push(s.a));
  store.set({ b: 2 });
  store.set({ a: 2 });
  store.set({ a: 3 });
  await null;
  assert.deepEqual(heard, [1, 3]);
  store.set({ a: 3 });
  await null;
  assert.deepEqual(heard, [1, 3], "the same value is no change");
});

test("changes made by watchers are told, too", async () => {
  const store = new Store({ a: 1, b: 1 });
  const heard = [];
  store.watch(["a"], (s) => s.a > 1 && store.set({ b: s.a * 10 }));
  store.watch(["b"], (s) => heard.push(s.b));
  store.set({ a: 2 });
  await null;
  await null;
  assert.deepEqual(heard, [1, 20]);
});

test("lines arrive however the bytes are cut, characters of several bytes included", async () => {
  const bytes = new TextEncoder().encode('{"a":"größe"}\n\n{"b":2}\n{"c":3}');
  for (const size of [1, 2, 3, 7, 100]) {
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < bytes.length; i += size) controller.enqueue(bytes.slice(i, i + size));
        controller.close();
      },
    });
    const lines = [];
    for await (const line of jsonLines(body)) lines.push(line);
    assert.deepEqual(lines, [{ a: "größe" }, { b: 2 }, { c: 3 }]);
  }
});

test("breaking off cancels the stream", async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('{"x":1}\n')),
    cancel: () => void (cancelled = true),
  });
  for await (const line of jsonLines(body)) {
    assert.equal(line.x, 1);
    break;
  }
  assert.ok(cancelled);
});
