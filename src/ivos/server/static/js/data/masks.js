/**
 * Masks by (frame, revision): kept as runs, fetched when somebody looks at them.
 *
 * @typedef {import("./types.js").FrameMask} FrameMask
 */

import { Budget } from "../pure/playback.js";
import { call } from "./api.js";

const BUDGET_BYTES = 256e6;

export class Masks {
  /**
   * @param {(frame: number, revision: number) => string} route below /api
   * @param {() => void} arrived called when a mask that was missing is there
   */
  constructor(route, arrived) {
    this.route = route;
    this.arrived = arrived;
    /** @type {Budget<Uint32Array>} */
    this.kept = new Budget(BUDGET_BYTES);
    /** @type {Set<string>} */
    this.asked = new Set();
    /** How often each mask has come: a round that visits a frame twice sends it twice. @type {Map<string, number>} */
    this.came = new Map();
  }

  /** @param {FrameMask} mask */
  put(mask) {
    const [runs, name] = [Uint32Array.from(mask.runs), key(mask.frame, mask.revision)];
    this.kept.set(name, runs, runs.byteLength + 64);
    this.came.set(name, this.version(mask.frame, mask.revision) + 1);
  }

  /** @param {number} frame @param {number} revision @returns {number} another one whenever the mask has come again */
  version(frame, revision) {
    return this.came.get(key(frame, revision)) ?? 0;
  }

  /**
   * @param {number} frame
   * @param {number} revision
   * @returns {Uint32Array | undefined} undefined: on its way
   */
  get(frame, revision) {
    const runs = this.kept.get(key(frame, revision));
    if (!runs) this.fetch(frame, revision);
    return runs;
  }

  /** @param {number} frame @param {number} revision */
  async fetch(frame, revision) {
    const name = key(frame, revision);
    if (this.kept.has(name) || this.asked.has(name)) return;
    this.asked.add(name);
    try {
      this.put(await call("GET", this.route(frame, revision)));
      this.asked.delete(name);
      this.arrived();
    } catch {
      const again = () => (this.asked.delete(name), this.arrived()); // asked again if somebody still looks
      setTimeout(again, 1500);
    }
  }
}

/** @param {number} frame @param {number} revision @returns {string} */
function key(frame, revision) {
  return `${frame}:${revision}`;
}
