import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { newStore } from "../../src/ivos/server/static/js/state.js";
import { makeActions } from "../../src/ivos/server/static/js/ui/actions.js";
import { Playing } from "../../src/ivos/server/static/js/ui/playing.js";
import { held } from "../../src/ivos/server/static/js/ui/study.js";

const CLIP = { num_frames: 9, height: 4, width: 4, fps: 10, name: "a.mp4" };
const turn = () => new Promise((resolve) => setImmediate(resolve));
let store;
let frames;

beforeEach(() => {
  store = newStore();
  frames = [];
  globalThis.requestAnimationFrame = (call) => frames.push(call);
  new Playing(store, () => /** @type {any} */ ({ frames: { get: () => true, look() {} }, revision: () => null }));
  store.set({ project: /** @type {any} */ ({ clip: CLIP }), t: 2 });
});
afterEach(() => delete globalThis.requestAnimationFrame);

/** The next display frame, some time later. */
async function shown(seconds) {
  for (const call of frames.splice(0)) call(performance.now() + 1000 * seconds);
  await turn();
}

test("a slider that locks holds a playing clip on the chosen frame", async () => {
  store.set({ playing: true });
  await turn();
  await shown(0.31);
  assert.equal(store.state.t, 5);
  const study = /** @type {any} */ ({ slider_locked: true, frame: 2 });
  store.set({ study, ...held(study) });
  await turn();
  await shown(0.6);
  assert.deepEqual([store.state.t, store.state.playing], [2, false]);
  store.set({ playing: true });
  await turn();
  await shown(0.9);
  assert.deepEqual([store.state.t, store.state.playing, frames.length], [2, false, 0]);
});

test("a clip that plays can be paused while the slider is locked", () => {
  store.set({ playing: true, study: /** @type {any} */ ({ slider_locked: true, frame: 2 }) });
  makeActions(/** @type {any} */ ({ store })).play();
  assert.equal(store.state.playing, false);
});

test("an open slider holds nobody", () => {
  assert.deepEqual(held(/** @type {any} */ ({ slider_locked: false, frame: null })), {});
});
