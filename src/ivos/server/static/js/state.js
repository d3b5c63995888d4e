/**
 * What the page shows beside the project: where the user is and what is in hand.
 *
 * @typedef {import("./data/types.js").Project} Project
 * @typedef {import("./data/types.js").Stroke} Stroke
 * @typedef {"draw" | "select" | "brush" | "eraser"} Tool
 * @typedef {object} State
 * @property {Project | null} project newest state from the server
 * @property {Stroke[]} sending strokes on their way to the server
 * @property {boolean} offline the server does not answer
 * @property {number | null} waitingSince when the oldest change on its way left, performance.now()
 * @property {import("./data/types.js").Progress | null} round the running round
 * @property {number[]} visited frames that the running round, or one that waits for a decision, has finished
 * @property {import("./data/types.js").ExportJob | null} exporting the export at work, and how it ended
 * @property {import("./data/types.js").Study | null} study
 * @property {import("./data/types.js").Needs | null} needs what the clip needs on this machine
 * @property {number} tick grows whenever a frame or mask arrives
 * @property {number} t the frame
 * @property {Tool} tool
 * @property {"add" | "remove"} sign what the left button does
 * @property {number} objectId
 * @property {number | string | null} picked id of the picked stroke
 * @property {number} brush radius in image pixels
 * @property {import("./data/types.js").Overlay} overlay
 * @property {number} opacity
 * @property {number | null} first in mark
 * @property {number | null} last out mark
 * @property {boolean} playing
 * @property {boolean} hidden masks and strokes hidden while held
 * @property {boolean} before the masks before the last round while held
 * @property {boolean} spaceHeld Space is down: dragging pans
 * @property {import("./pure/view.js").View} view
 *
 * @typedef {Store<State>} AppStore
 */

import { Store } from "./pure/store.js";

export const DEFAULT_OPACITY = 0.5;

/** @returns {AppStore} */
export function newStore() {
  return new Store(
    /** @type {State} */ ({
      project: null, sending: [], offline: false, waitingSince: null, round: null, visited: [], exporting: null, study: null, needs: null, tick: 0,
      t: 0, tool: "draw", sign: "add", objectId: 1, picked: null, brush: 8, overlay: "tint", opacity: DEFAULT_OPACITY,
      first: null, last: null, playing: false, hidden: false, before: false, spaceHeld: false, view: { scale: 1, x: 0, y: 0 },
    }),
  );
}

/** Take over where the user was when the project was last open. @param {AppStore} store @param {Project} project */
export function restoreView(store, project) {
  const { view, clip, objects } = project;
  const inside = (/** @type {number | null} */ t) => (t !== null && t < clip.num_frames ? t : null);
  const known = objects.some((object) => object.id === view.object_id);
  store.set({
    t: Math.max(0, Math.min(clip.num_frames - 1, view.frame)),
    objectId: known ? view.object_id : (objects[0]?.id ?? 1),
    overlay: view.overlay, opacity: view.opacity, brush: view.brush, first: inside(view.in_frame), last: inside(view.out_frame),
    picked: null, playing: false, tool: "draw", sign: "add", visited: [], needs: null,
  });
}

/** @param {State} s @returns {import("./data/types.js").View} */
export function viewOf(s) {
  return { frame: s.t, in_frame: s.first, out_frame: s.last, object_id: s.objectId, overlay: s.overlay, opacity: s.opacity, brush: s.brush };
}
