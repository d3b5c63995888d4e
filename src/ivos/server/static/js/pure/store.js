/**
 * One plain object of state that tells its watchers which keys changed, once a microtask however many changes were made.
 * @template {object} S
 */
export class Store {
  /** @param {S} initial */
  constructor(initial) {
    /** @type {S} read freely; change through `set` */
    this.state = { ...initial };
    /** @type {{keys: (keyof S)[], call: (state: S) => void}[]} */
    this.watchers = [];
    /** @type {Set<keyof S>} */
    this.changed = new Set();
  }

  /** @param {Partial<S>} patch values that are already there change nothing */
  set(patch) {
    for (const key of /** @type {(keyof S)[]} */ (Object.keys(patch))) {
      if (Object.is(this.state[key], patch[key])) continue;
      this.state[key] = /** @type {S[keyof S]} */ (patch[key]);
      if (this.changed.size === 0) queueMicrotask(() => this.tell());
      this.changed.add(key);
    }
  }

  /**
   * @param {(keyof S)[]} keys
   * @param {(state: S) => void} call when one of them changed; also once right away
   */
  watch(keys, call) {
    this.watchers.push({ keys, call });
    call(this.state);
  }

  tell() {
    const changed = this.changed;
    this.changed = new Set();
    for (const { keys, call } of this.watchers) if (keys.some((key) => changed.has(key))) call(this.state);
  }
}
