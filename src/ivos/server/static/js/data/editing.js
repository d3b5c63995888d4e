/**
 * One open project: its newest state from the server, its masks and frames, and a queue through which every change goes, so that
 * changes reach the server one after another however fast the user is.
 *
 * @typedef {import("./types.js").Project} Project
 * @typedef {import("./types.js").Change} Change
 * @typedef {import("./types.js").Stroke} Stroke
 * @typedef {import("../state.js").AppStore} AppStore
 * @typedef {object} How
 * @property {boolean} [again] safe to repeat on a project that another tab changed
 * @property {(error: unknown) => void} [refused] called when it failed, before the error is shown
 */

import { encode } from "../pure/rle.js";
import { ApiError, call } from "./api.js";
import { Exports } from "./exports.js";
import { Frames } from "./frames.js";
import { Masks } from "./masks.js";
import { RoundRunner } from "./round_runner.js";
import { watchOtherTabs } from "./other_tabs.js";
import { Unsent } from "./unsent.js";

export class Editing {
  /**
   * @param {Project} project
   * @param {AppStore} store
   * @param {(error: unknown) => void} report
   * @param {() => void} [gone] called when the project was deleted elsewhere
   */
  constructor(project, store, report, gone = () => {}) {
    this.id = project.id;
    this.project = project; // its own: the store belongs to whichever project is open
    this.gone = gone;
    this.path = `/projects/${project.id}`;
    this.store = store;
    this.report = report;
    const arrived = () => store.set({ tick: store.state.tick + 1 });
    this.masks = new Masks((t, revision) => `${this.path}/masks/${t}/${revision}`, arrived);
    this.truth = new Masks((t) => `${this.path}/truth/${t}`, arrived);
    this.frames = new Frames(project.id, project.clip, arrived);
    /** @type {{t: number, labels: Uint8Array, version: number, held: number, revision: number | null} | null} the mask under the brush; `held` by drags at work and on their way, `revision` of the mask that it was taken from or last sent as */
    this.brushwork = null;
    /** @type {Promise<unknown>} */
    this.last = Promise.resolve();
    this.waiting = 0;
    this.temporary = 0;
    /** @type {Map<string, number>} ids of strokes as they were shown on their way -> as they are saved */
    this.sent = new Map();
    this.unsent = new Unsent(project);
    this.closing = new AbortController();
    this.round = new RoundRunner(this);
    this.exports = new Exports(this);
    store.set({ project, sending: [], round: project.running, exporting: null });
    watchOtherTabs(this);
    if (project.running) this.round.attach();
    if (!store.state.study) this.unsent.resend(this);
    if (project.export?.status === "running") this.exports.follow(project.export);
  }

  /** Whether the user has left the project; changes on their way still reach the server. @returns {boolean} */
  get left() {
    return this.closing.signal.aborted;
  }

  /** Take a newer state; answers may overtake each other. @param {Project} project */
  accept(project) {
    if (project.seq < this.project.seq) return;
    this.project = project;
    if (this.left) return;
    const { round, objectId } = this.store.state;
    const gone = !project.objects.some((object) => object.id === objectId); // by undo, or in another tab
    const chosen = gone ? project.objects.at(-1)?.id ?? 1 : objectId;
    const visited = this.round.live ? this.store.state.visited : project.undecided?.frames ?? [];
    this.store.set({ project, round: this.round.live ? round : project.running, visited, objectId: chosen });
  }

  async reload() {
    this.accept(await call("GET", this.path));
  }

  /**
   * Run one change after those before it. Errors are shown; a stale `seq` brings the newest state.
   * @template T
   * @param {() => Promise<T>} work
   * @param {How} [how]
   * @returns {Promise<T | undefined>} undefined: it failed
   */
  queue(work, how = {}) {
    const run = async () => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== "stale") throw error;
        await this.reload();
        if (!how.again) throw new ApiError("stale", "Another tab changed this project; its state is shown now. Repeat your last step.");
        return work();
      }
    };
    this.count(1);
    const result = this.last
      .then(run)
      .catch((error) => {
        how.refused?.(error);
        this.report(error);
      })
      .finally(() => this.count(-1));
    this.last = result;
    return /** @type {Promise<T | undefined>} */ (result);
  }

  /** @param {number} by */
  count(by) {
    this.waiting += by;
    if (!this.left) this.store.set({ waitingSince: this.waiting ? (this.store.state.waitingSince ?? performance.now()) : null });
  }

  /**
   * A change that answers with the new state.
   * @param {string} method
   * @param {string} path below the project
   * @param {Record<string, unknown>} [body]
   * @param {How} [how]
   * @returns {Promise<Change | undefined>}
   */
  change(method, path, body = {}, how = {}) {
    return this.queue(() => this.send(method, path, body), how);
  }

  /** @param {string} method @param {string} path @param {Record<string, unknown>} body @returns {Promise<Change>} */
  async send(method, path, body) {
    const seq = this.project.seq;
    return method === "DELETE" ? this.take(method, `${path}?seq=${seq}`) : this.take(method, path, { seq, ...body });
  }

  /** @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<Change>} taken over */
  async take(method, path, body) {
    const change = await call(method, `${this.path}${path}`, { body });
    for (const mask of change.masks) this.masks.put(mask);
    this.accept(change.project);
    return change;
  }

  /** Show a stroke at once and send it. @param {Omit<Stroke, "id" | "round">} stroke */
  async addStroke(stroke) {
    const shown = { ...stroke, id: `new${(this.temporary += 1)}`, round: null };
    this.store.set({ sending: [...this.store.state.sending, shown] });
    this.unsent.note(stroke, "sent");
    const refused = (/** @type {unknown} */ error) => this.unsent.note(stroke, error instanceof ApiError && error.code === "network" ? "lost" : "saved");
    const change = await this.change("POST", "/strokes", { ...stroke }, { again: true, refused });
    if (change) this.unsent.note(stroke, "saved");
    const newest = change?.project.strokes.at(-1);
    if (newest) this.sent.set(shown.id, Number(newest.id));
    this.store.set({ sending: this.store.state.sending.filter((s) => s !== shown) });
  }

  /** @param {(number | string)[]} ids of strokes and of drags of the brush */
  async deleteDrawn(ids) {
    await this.last; // a stroke on its way has no number yet
    const known = ids.map((id) => this.sent.get(String(id)) ?? id).filter((id) => typeof id === "number");
    if (known.length) await this.change("POST", "/strokes/delete", { ids: known });
    if (!this.left) this.store.set({ picked: null });
  }

  /**
   * Take masks made elsewhere, one after another; the first that is refused ends it.
   * @param {{file: File, frame: number}[]} masks
   * @param {number} objectId whom a binary mask belongs to
   * @returns {Promise<number[]>} the frames that have theirs
   */
  async importMasks(masks, objectId) {
    const taken = [];
    for (const { file, frame } of masks) {
      const change = await this.queue(() => this.take("POST", `/frames/${frame}/mask?seq=${this.project.seq}&object_id=${objectId}`, file));
      if (!change) break;
      taken.push(frame);
    }
    return taken;
  }

  /** Send the mask under the brush after a drag, if that changed it; it stays on screen until the server has it. @param {number} [version] before the drag */
  async sendBrushwork(version) {
    const work = this.brushwork;
    if (!work) return;
    if (work.version === version) return this.release(work);
    const runs = encode(work.labels);
    await this.queue(async () => {
      if (this.revision(work.t, false) !== work.revision) throw new ApiError("changed", "The mask changed while you painted; it is shown as it is now. Paint again.");
      await this.send("POST", "/paint", { frame: work.t, runs });
      work.revision = this.revision(work.t, false);
    });
    this.release(work);
  }

  /** Forget a drag of the brush. @param {Uint8Array} before the mask as it was when the drag began */
  dropBrushwork(before) {
    const work = this.brushwork;
    if (!work) return;
    work.labels = before;
    work.version += 1;
    this.release(work);
  }

  /** @param {NonNullable<Editing["brushwork"]>} work a drag less holds it */
  release(work) {
    work.held -= 1;
    if (this.brushwork === work && work.held === 0) this.brushwork = null;
    this.store.set({ tick: this.store.state.tick + 1 });
  }

  /** @param {import("./types.js").View} view */
  async saveView(view) {
    await call("PATCH", `${this.path}/view`, { body: { view } }).catch(() => {}); // only where the user looked
  }

  /** The revision of a frame that is on screen. @param {number} t @param {boolean} before @returns {number | null} */
  revision(t, before) {
    if (before) return this.project.before?.[t] ?? null;
    const { undecided, revisions } = this.project;
    return this.round.revisions.get(t) ?? (undecided?.frames.includes(t) ? undecided.revision : revisions[t] ?? null);
  }

  close() {
    this.closing.abort();
    this.frames.close();
    this.store.set({ project: null, round: null, visited: [], exporting: null, sending: [], waitingSince: null, offline: false });
  }
}
