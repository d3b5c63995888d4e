/** Running rounds: start, follow the stream, cancel, keep or discard. The round lives in the server; this only listens. */

import { ApiError, call, stream } from "./api.js";

export class RoundRunner {
  /** @param {import("./editing.js").Editing} editing */
  constructor(editing) {
    this.editing = editing;
    this.live = false;
    this.begun = false; // the server has the round
    this.stopping = false;
    /** @type {Map<number, number>} frame -> provisional revision of the running round */
    this.revisions = new Map();
  }

  /**
   * @param {"both" | "forward" | "backward"} direction
   * @param {number | null} first
   * @param {number | null} last
   */
  async start(direction, first, last) {
    const { editing } = this;
    if (this.live) return;
    this.live = true; // before the strokes in the queue are through: a second R must not start a second round
    editing.store.set({ round: { done: 0, total: 0 } }); // nor a stroke be drawn that would come between
    await editing.last;
    if (this.stopping) {
      this.live = this.stopping = false;
      if (!editing.left) editing.store.set({ round: null });
      return;
    }
    const body = { seq: editing.project.seq, direction, first, last };
    await this.follow(() => stream("POST", `${editing.path}/rounds`, { body, signal: editing.closing.signal }));
  }

  /** Listen to a round that another tab, or this page before a reload, started. */
  async attach() {
    if (this.live) return;
    this.live = true;
    await this.follow(() => stream("GET", `${this.editing.path}/rounds/stream`, { signal: this.editing.closing.signal }), true);
  }

  /** @param {() => Promise<AsyncGenerator<any>>} open @param {boolean} [attached] the round may have ended meanwhile */
  async follow(open, attached = false) {
    const { store } = this.editing;
    if (!this.editing.left) store.set({ round: { done: 0, total: 0 }, visited: [] });
    try {
      for await (const line of await open()) this.take(line);
    } catch (error) {
      if (!attached || !(error instanceof ApiError) || error.code !== "order") this.editing.report(error); // it had just ended
    }
    this.live = this.begun = this.stopping = false;
    this.revisions.clear();
    if (this.editing.left) return; // the round goes on in the server
    await this.editing.reload().catch(this.editing.report);
    if (!this.editing.left) store.set({ round: this.editing.project.running, tick: store.state.tick + 1 });
  }

  /** @param {any} line of the stream */
  take(line) {
    const { store, masks } = this.editing;
    if (this.editing.left) return;
    if (line.event === "started") {
      this.begun = true;
      store.set({ round: { done: 0, total: line.total } });
      if (this.stopping) this.stop();
    }
    if (line.event === "frame") {
      masks.put(line);
      this.revisions.set(line.frame, line.revision);
      const { done, total, frame, frames_per_second, seconds_left } = line;
      store.set({
        round: { done, total, frame, frames_per_second, seconds_left },
        visited: [...store.state.visited, line.frame],
        tick: store.state.tick + 1,
      });
    }
    if (line.event === "error") this.editing.report(new Error(line.message));
    if (line.project) {
      this.revisions.clear();
      this.editing.accept(line.project);
    }
  }

  async cancel() {
    if (!this.live || this.stopping) return;
    this.stopping = true;
    this.editing.store.set({ tick: this.editing.store.state.tick + 1 });
    if (this.begun) await this.stop(); // else it is stopped as soon as it begins
  }

  async stop() {
    await call("POST", `${this.editing.path}/rounds/cancel`).catch((error) => {
      this.stopping = false;
      if (error.code !== "order") this.editing.report(error); // it had just ended
    });
  }

  /** @param {boolean} keep what to do with the finished frames of a round that broke off */
  settle(keep) {
    return this.editing.change("POST", keep ? "/rounds/keep" : "/rounds/discard");
  }
}
