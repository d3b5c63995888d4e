/** Playback and where the user is: the clock, the frame number, fetching ahead. */

import { frameAfter } from "../pure/playback.js";

export class Playing {
  /** @param {import("../state.js").AppStore} store @param {() => import("../data/editing.js").Editing | null} editing */
  constructor(store, editing) {
    this.store = store;
    this.editing = editing;
    this.began = { t: 0, at: 0 };
    this.running = false;
    store.watch(["playing"], () => this.toggle());
    store.watch(["t", "playing", "project"], (s) => editing()?.frames.look(s.t, s.playing));
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
    const { fps, num_frames } = s.project.clip;
    const range = { first: s.first ?? 0, last: s.last ?? num_frames - 1 };
    const next = frameAfter(this.began.t, (now - this.began.at) / 1000, fps || 24, range);
    if (this.editing()?.frames.get(next)) this.store.set({ t: next });
    else {
      this.editing()?.frames.look(next, true); // wait for it: the clip plays on from here
      this.began = { t: s.t, at: now };
      this.editing()?.frames.look((s.t + 1) % num_frames, true);
    }
    requestAnimationFrame((later) => this.step(later));
  }
}
