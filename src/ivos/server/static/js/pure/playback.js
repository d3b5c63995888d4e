/**
 * Which frames to show and to fetch while the clip plays. Time comes in as a number; nothing here reads a clock.
 *
 * @typedef {{first: number, last: number}} Range  both inclusive
 */

/**
 * The frame on screen some time after playback began; it loops within the range.
 * @param {number} start frame at the beginning
 * @param {number} seconds since then
 * @param {number} fps
 * @param {Range} range
 * @returns {number}
 */
export function frameAfter(start, seconds, fps, range) {
  const length = range.last - range.first + 1;
  const from = start >= range.first && start <= range.last ? start - range.first : 0;
  return range.first + ((from + Math.floor(Math.max(0, seconds) * fps + 1e-6)) % length);
}

/**
 * Frames worth having, the most urgent first: this one, then those ahead, a few behind.
 * @param {number} t
 * @param {Range} range that they are in, beside this one
 * @param {number} ahead
 * @param {number} behind
 * @param {boolean} [around] whether the first frame follows on the last one, as in playback
 * @returns {number[]}
 */
export function wanted(t, { first, last }, ahead, behind, around = false) {
  const list = new Set([t]);
  const length = last - first + 1;
  const loops = around && t >= first && t <= last;
  for (let d = 1; d <= Math.max(ahead, behind); d += 1) {
    if (d <= ahead && loops) list.add(first + ((t - first + d) % length));
    else if (d <= ahead && t + d >= first && t + d <= last) list.add(t + d);
    if (d <= behind && t - d >= first && t - d <= last) list.add(t - d);
  }
  return [...list];
}

/**
 * Least recently used entries leave once the budget is full.
 * @template V
 */
export class Budget {
  /** @param {number} limit @param {(value: V) => void} [leave] called with every value that leaves */
  constructor(limit, leave = () => {}) {
    this.limit = limit;
    this.leave = leave;
    this.used = 0;
    /** @type {Map<number | string, {value: V, cost: number}>} oldest use first */
    this.entries = new Map();
  }

  /** @param {number | string} key @returns {boolean} */
  has(key) {
    return this.entries.has(key);
  }

  /** @param {number | string} key @returns {V | undefined} */
  get(key) {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** @param {number | string} key @param {V} value @param {number} cost */
  set(key, value, cost) {
    this.delete(key);
    this.entries.set(key, { value, cost });
    this.used += cost;
    for (const old of this.entries.keys()) {
      if (this.used <= this.limit || old === key) break;
      this.delete(old);
    }
  }

  /** @param {number | string} key */
  delete(key) {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    this.used -= entry.cost;
    this.leave(entry.value);
  }

  clear() {
    for (const key of [...this.entries.keys()]) this.delete(key);
  }
}
