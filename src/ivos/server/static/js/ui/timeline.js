/**
 * The timeline under the pointer and the keyboard: go to a frame, drag the in and out marks, see what lies under the mouse.
 *
 * @typedef {import("../state.js").State} State
 * @typedef {import("../data/types.js").Project} Project
 */

import { timecode } from "../pure/format.js";
import { frameAt, frameLeft, frameMiddle } from "../pure/timeline_layout.js";
import { $, h } from "./dom.js";
import { LABELS, RULER, TimelineRows } from "./timeline_rows.js";

export class Timeline {
  /** @param {import("../state.js").AppStore} store @param {(t: number) => void} go @param {() => import("../data/editing.js").Editing | null} editing */
  constructor(store, go, editing) {
    this.store = store;
    this.go = go;
    this.editing = editing;
    this.canvas = /** @type {HTMLCanvasElement} */ ($("track"));
    this.rows = new TimelineRows(/** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d")));
    /** @type {"frame" | "first" | "last" | null} what the pointer drags */
    this.dragged = null;
    this.scheduled = false;
    new ResizeObserver(() => this.schedule()).observe(/** @type {HTMLElement} */ (this.canvas.parentElement));
    store.watch(["project", "sending", "t", "first", "last", "round", "visited", "objectId"], () => this.schedule());
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.moved(event));
    this.canvas.addEventListener("pointerup", () => (this.dragged = null));
    this.canvas.addEventListener("pointercancel", () => (this.dragged = null));
    this.canvas.addEventListener("pointerleave", () => ($("track-tip").hidden = true));
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  draw() {
    const s = this.store.state;
    if (!s.project) return;
    const { rows, canvas } = this;
    rows.project = s.project;
    rows.width = /** @type {HTMLElement} */ (canvas.parentElement).clientWidth;
    const [width, height] = [Math.round(rows.width * devicePixelRatio), Math.round(rows.height * devicePixelRatio)];
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    canvas.style.height = `${rows.height}px`;
    rows.draw(s, s.project);
    this.describe(s, s.project);
  }

  /** @param {State} s @param {Project} project */
  describe(s, project) {
    const last = project.clip.num_frames - 1;
    for (const [name, value] of [["min", 0], ["max", last], ["now", s.t]]) this.canvas.setAttribute(`aria-value${name}`, String(value));
    this.canvas.setAttribute("aria-valuetext", `Frame ${s.t} of ${last}`);
  }

  /** @param {PointerEvent} event */
  down(event) {
    const s = this.store.state;
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    if (x < frameLeft(this.rows.track, 0) - 7) return; // the rows' names
    const near = (/** @type {number | null} */ t) => t !== null && Math.abs(x - frameLeft(this.rows.track, t)) < 7;
    const top = event.clientY - this.canvas.getBoundingClientRect().top < RULER;
    this.dragged = top && near(s.first) ? "first" : top && near(s.last === null ? null : s.last + 1) ? "last" : "frame";
    this.canvas.setPointerCapture(event.pointerId);
    this.store.set({ playing: false });
    this.moved(event);
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    const t = frameAt(this.rows.track, x);
    const { first, last } = this.store.state;
    if (this.dragged === "frame") this.go(t);
    if (this.dragged === "first") this.store.set({ first: Math.min(t, last ?? t) });
    if (this.dragged === "last") this.store.set({ last: Math.max(t, first ?? t) });
    this.tell(t, x);
  }

  /** @param {number} t @param {number} x */
  tell(t, x) {
    const { project } = this.store.state;
    const box = $("track-tip");
    box.hidden = !project || x < LABELS;
    if (!project || box.hidden) return;
    const trust = project.trust[t];
    const facts = [`Frame ${t}`, timecode(t, project.clip.fps)];
    if (trust !== null && trust !== undefined) facts.push(`trust ${Math.round(100 * trust)} %`);
    if (project.annotated.includes(t)) facts.push("annotated");
    box.replaceChildren(...this.thumbnail(t, project), facts.join(" · "));
    box.style.left = `${Math.max(90, Math.min(this.rows.width - 90, frameMiddle(this.rows.track, t)))}px`;
  }

  /** @param {number} t @param {Project} project @returns {HTMLCanvasElement[]} empty while the frame is not loaded */
  thumbnail(t, project) {
    const bitmap = this.editing()?.frames.kept.entries.get(t)?.value;
    if (!bitmap) return [];
    const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", thumbnailSize(project.clip)));
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return [canvas];
  }
}

/** The size of a hover picture of a clip, at most 160 x 72. @param {{width: number, height: number}} clip */
function thumbnailSize({ width, height }) {
  const scale = Math.min(72 / height, 160 / width);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
