/** Frames as bitmaps: fetched in the order of need, a few at a time, within a memory budget. */

import { Budget, wanted } from "../pure/playback.js";

const BUDGET_BYTES = 400e6;
const AT_ONCE = 3;
const REST = 2000; // milliseconds after a frame that did not come
const FULL_HEIGHT = 1200; // taller clips are shown scaled down to 1080 lines

export class Frames {
  /**
   * @param {string} project id
   * @param {import("./types.js").ClipFacts} clip
   * @param {(t: number) => void} arrived
   */
  constructor(project, clip, arrived) {
    this.clip = clip;
    this.arrived = arrived;
    this.address = (/** @type {number} */ t) =>
      `/api/projects/${project}/frames/${t}.jpg${clip.height > FULL_HEIGHT ? "?height=1080" : ""}`;
    /** @type {Budget<ImageBitmap>} */
    this.kept = new Budget(BUDGET_BYTES, (bitmap) => bitmap.close());
    /** @type {Set<number>} */
    this.loading = new Set();
    /** @type {Map<number, number>} frame -> not before this time */
    this.failed = new Map();
    /** @type {number[]} */
    this.queue = [];
    this.cost = clip.width * clip.height * 4 * Math.min(1, (1080 / clip.height) ** 2 || 1);
    this.closed = false;
    this.at = 0; // where the user is
  }

  /** @param {number} t @returns {ImageBitmap | undefined} */
  get(t) {
    return this.kept.get(t);
  }

  /**
   * Say where the user is: what to fetch next.
   * @param {number} t
   * @param {import("../pure/playback.js").Range | null} played the range that plays in a loop, if it does
   */
  look(t, played) {
    const playing = played !== null;
    this.at = t;
    const room = Math.max(4, Math.floor(BUDGET_BYTES / this.cost) - 4);
    const ahead = Math.min(room, playing ? 60 : 40);
    const range = played ?? { first: 0, last: this.clip.num_frames - 1 };
    this.queue = wanted(t, range, ahead, Math.min(playing ? 2 : 12, room - ahead), playing);
    this.pump();
  }

  pump() {
    while (!this.closed && this.loading.size < AT_ONCE) {
      const t = this.queue.shift();
      if (t === undefined) return;
      if (!this.kept.has(t) && !this.loading.has(t) && (this.failed.get(t) ?? 0) <= performance.now()) this.load(t);
    }
  }

  /** @param {number} t */
  async load(t) {
    this.loading.add(t);
    try {
      const response = await fetch(this.address(t), { cache: "no-cache" }); // asks whether it still holds
      if (!response.ok) throw new Error(String(response.status));
      const bitmap = await createImageBitmap(await response.blob());
      if (this.closed) return bitmap.close();
      this.kept.set(t, bitmap, bitmap.width * bitmap.height * 4);
      this.failed.delete(t);
      this.arrived(t);
    } catch {
      this.failed.set(t, performance.now() + REST);
      setTimeout(() => this.again(t), REST + 1);
    } finally {
      this.loading.delete(t);
      this.pump();
    }
  }

  /** Ask once more for a frame that the user still waits for. @param {number} t */
  again(t) {
    if (t !== this.at) return;
    this.queue.unshift(t);
    this.pump();
  }

  close() {
    this.closed = true;
    this.queue = [];
    this.kept.clear();
  }
}
