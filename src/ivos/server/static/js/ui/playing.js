/** Playback and where the user is: the clock, the frame number, fetching ahead. */

import { frameAfter, wanted } from "../pure/playback.js";

/** @typedef {import("../state.js").State} State */

const MASKS_AHEAD = 8;

export class Playing {
  /** @param {import("../state.js").AppStore} store @param {() => import("../data/editing.js").Editing | null} editing */
  constructor(store, editing) {
    this.store = store;
    this.editing = editing;
    this.began = { t: 0, at: 0 };
    this.running = false;
    store.watch(["playing"], () => this.toggle());
    store.watch(["t", "playing", "project"], (s) => {
      editing()?.frames.look(s.t, s.playing ? this.range(s) : null);
      if (s.playing) this.fetchMasks(s);
    });
  }

  /** What plays: from mark to mark. @param {State} s @returns {import("../pure/playback.js").Range} */
  range(s) {
    return { first: s.first ?? 0, last: s.last ?? (s.project?.clip.num_frames ?? 1) - 1 };
  }

  /** Have the masks of the next frames here when these are shown. @param {State} s */
  fetchMasks(s) {
    const here = this.editing();
    for (const t of here ? wanted(s.t, this.range(s), MASKS_AHEAD, 0, true) : []) {
      const revision = here?.revision(t, s.before) ?? null;
      if (revision !== null) here?.masks.fetch(t, revision);
    }
  }

  toggle() {
    const s = this.store.state;
    if (!s.playing || this.running) return;
    this.running = true;
    this.began = { t: s.t, at: performance.now() };
    requestAnimationFrame((now) => this.step(now));
  }

  /** @param {number} now */
  step(now) {
    const s = this.store.state;
    if (!s.playing || !s.project || s.study?.slider_locked) {
      this.running = false;
      this.store.set({ playing: false });
      return;
    }
    const range = this.range(s);
    const next = frameAfter(this.began.t, (now - this.began.at) / 1000, s.project.clip.fps || 24, range);
    if (this.editing()?.frames.get(next)) this.store.set({ t: next });
    else {
      this.began = { t: s.t, at: now }; // wait: the clip plays on from here
      this.editing()?.frames.look(frameAfter(s.t, 1, 1, range), range);
    }
    requestAnimationFrame((later) => this.step(later));
  }
}
