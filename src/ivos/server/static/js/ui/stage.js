/**
 * The stage: one canvas with the frame, the mask over it, strokes and the pen's cursor. Draws at most once a display frame.
 *
 * @typedef {import("../state.js").State} State
 * @typedef {import("../data/editing.js").Editing} Editing
 * @typedef {"plain" | "result" | "truth"} Panel
 */

import { decode } from "../pure/rle.js";
import { colourOf } from "../pure/palette.js";
import { denormalise } from "../pure/strokes.js";
import { centred, fit, keepInSight, toScreen, zoomAt } from "../pure/view.js";
import { $ } from "./dom.js";
import { OverlayLayer } from "./overlay_layer.js";
import { drawCursor, drawStroke } from "./stroke_drawing.js";

/** @type {[number, number, number]} */
const WHITE = [255, 255, 255];
/** Overlays that show the result as it will be exported: strokes would lie on it. */
const RESULT_ONLY = new Set(["matte", "checker", "green"]);
const GAP = 12; // image pixels between two panels

export class Stage {
  /** @param {import("../state.js").AppStore} store @param {() => Editing | null} editing */
  constructor(store, editing) {
    this.store = store;
    this.editing = editing;
    this.canvas = /** @type {HTMLCanvasElement} */ ($("canvas"));
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }));
    this.size = { width: 1, height: 1 };
    this.layers = { result: new OverlayLayer(), truth: new OverlayLayer() };
    this.shown = -1; // the frame on screen: lags behind `t` until its bitmap is there
    this.fitted = true;
    this.scheduled = false;
    /** @typedef {{t: number, path: [number, number][], kind: "add" | "remove", objectId: number, began: number, ended?: number}} Live */
    /** @type {Live | null} the stroke under the pen */
    this.live = null;
    /** @type {Live[]} what the same drag drew before the pen left the frame */
    this.laid = [];
    /** @type {{x: number, y: number, kind: "add" | "remove"} | null} */
    this.cursor = null;
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    this.watchScale();
    store.watch(
      ["project", "sending", "tick", "t", "tool", "sign", "objectId", "picked", "brush", "overlay", "opacity", "hidden", "before", "view", "study"],
      () => this.schedule(),
    );
    store.watch(["overlay", "study"], () => this.fitted && this.project && this.fit());
  }

  get project() {
    return this.store.state.project;
  }

  /** @returns {Panel[]} */
  get panels() {
    const { overlay, study } = this.store.state;
    if (study?.project_id && study.project_id === this.project?.id) return ["result", "truth"];
    return overlay === "side" ? ["plain", "result"] : ["result"];
  }

  /** The size of all panels together, image pixels. */
  get world() {
    const clip = this.project?.clip ?? { width: 1, height: 1 };
    const count = this.panels.length;
    return { width: count * clip.width + (count - 1) * GAP, height: clip.height };
  }

  /** @param {{x: number, y: number}} point in the world @returns {boolean} whether it is in the second of two panels */
  inSecond(point) {
    return this.panels.length > 1 && point.x > (this.project?.clip.width ?? 1) + GAP / 2;
  }

  /** @param {{x: number, y: number}} point in the world @param {boolean} second as seen from the second panel @returns {[number, number]} in the frame */
  toFrame(point, second) {
    return [second ? point.x - (this.project?.clip.width ?? 1) - GAP : point.x, point.y];
  }

  /** Another project: nothing of the one before stays, and what is drawn before its first frame is there does not count. */
  begin() {
    this.shown = -1;
    this.fitted = true;
    delete this.canvas.dataset.frame;
    delete this.canvas.dataset.mask;
    this.resize();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width || !box.height) return;
    this.size = { width: box.width, height: box.height };
    if (this.fitted) this.fit();
    else this.move(this.store.state.view); // what was in sight stays there
    this.schedule();
  }

  /** Draw anew on a screen of another scale, where the size in CSS pixels stays. */
  watchScale() {
    const scale = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    const changed = () => (this.watchScale(), this.schedule());
    scale.addEventListener("change", changed, { once: true });
  }

  fit() {
    this.fitted = true;
    this.store.set({ view: fit(this.world, this.size, 14) });
  }

  one() {
    this.move(centred(this.world, this.size, 1));
  }

  /** @param {number} factor @param {{x: number, y: number}} [at] the middle when left out */
  zoom(factor, at = { x: this.size.width / 2, y: this.size.height / 2 }) {
    this.move(zoomAt(this.store.state.view, at, factor));
  }

  /** @param {import("../pure/view.js").View} view */
  move(view) {
    this.fitted = false;
    this.store.set({ view: keepInSight(view, this.world, this.size) });
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
    const { context } = this;
    const editing = this.editing();
    const s = this.store.state;
    const [width, height] = [Math.round(this.size.width * devicePixelRatio), Math.round(this.size.height * devicePixelRatio)];
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.fillStyle = "#0a0b0e";
    context.fillRect(0, 0, this.size.width, this.size.height);
    if (!editing || !s.project) return;
    if (editing.frames.get(s.t)) this.shown = s.t;
    const bitmap = editing.frames.get(this.shown);
    if (!bitmap) return;
    const { clip } = s.project;
    context.imageSmoothingEnabled = s.view.scale * devicePixelRatio < 3;
    context.imageSmoothingQuality = "high";
    this.panels.forEach((panel, i) => {
      const at = toScreen(s.view, { x: i * (clip.width + GAP), y: 0 });
      const box = /** @type {const} */ ([at.x, at.y, clip.width * s.view.scale, clip.height * s.view.scale]);
      context.drawImage(bitmap, ...box);
      const overlay = panel === "plain" || (s.hidden && panel === "result") ? null : this.overlay(panel, editing, s);
      if (overlay) context.drawImage(overlay, ...box);
      if (overlay && panel === "result") this.canvas.dataset.mask = this.nameLabels(editing, s); // for who waits for it
    });
    context.imageSmoothingEnabled = true;
    if (!s.hidden) this.drawStrokes(s);
    if (this.cursor) this.drawPen(s);
    this.canvas.dataset.frame = String(this.shown);
  }

  /** @param {"result" | "truth"} panel @param {Editing} editing @param {State} s @returns {HTMLCanvasElement | null} */
  overlay(panel, editing, s) {
    const { clip, objects } = /** @type {import("../data/types.js").Project} */ (s.project);
    const truth = panel === "truth";
    const name = truth ? `truth:${this.shown}` : this.nameLabels(editing, s);
    const runs = this.runsOf(name, editing);
    if (!runs) return null;
    const visible = truth ? objects : objects.filter((object) => object.visible);
    const colours = new Map(visible.map((object) => [object.id, colourOf(object)]));
    const mode = s.overlay === "side" || truth ? "tint" : s.overlay;
    const key = `${editing.id}/${name}/${mode}/${s.opacity}/${[...colours].join(";")}`;
    return this.layers[panel].update(key, runs, clip, { mode, opacity: s.opacity, colours });
  }

  /** @param {Editing} editing @param {State} s @returns {string} what the labels on screen depend on */
  nameLabels(editing, s) {
    const work = editing.brushwork;
    if (work && work.t === this.shown && !s.before) return `brush:${work.t}:${work.version}`;
    const revision = editing.revision(this.shown, s.before);
    return `mask:${this.shown}:${revision}:${revision === null ? 0 : editing.masks.version(this.shown, revision)}`;
  }

  /** @param {string} name @param {Editing} editing @returns {(() => Uint8Array) | null} null: not here yet */
  runsOf(name, editing) {
    const [kind, frame, revision] = name.split(":");
    const { width, height } = /** @type {import("../data/types.js").Project} */ (this.project).clip;
    if (kind === "brush") return () => /** @type {any} */ (editing.brushwork).labels;
    if (revision === "null") return () => new Uint8Array(width * height);
    const runs = kind === "truth" ? editing.truth.get(Number(frame), 0) : editing.masks.get(Number(frame), Number(revision));
    return runs ? () => decode({ width, height, runs }) : null;
  }

  /** The label mask on screen, a copy to paint on. @returns {Uint8Array | null} */
  labels() {
    const editing = this.editing();
    if (!editing || this.shown !== this.store.state.t) return null;
    const make = this.runsOf(this.nameLabels(editing, { ...this.store.state, before: false }), editing);
    return make ? make().slice() : null;
  }

  /** @param {State} s */
  drawStrokes(s) {
    const { clip, strokes, objects } = /** @type {import("../data/types.js").Project} */ (s.project);
    const colours = new Map(objects.map((object) => [object.id, object]));
    const width = Math.max(2.5, Math.min(7, 3.2 * s.view.scale));
    const onScreen = (/** @type {[number, number][]} */ path) => path.map(([x, y]) => toScreen(s.view, { x, y }));
    const saved = RESULT_ONLY.has(s.overlay) && s.tool !== "select" ? [] : strokes;
    for (const stroke of [...saved, ...s.sending]) {
      const object = colours.get(stroke.object_id);
      if (stroke.frame !== this.shown || object?.visible === false) continue;
      drawStroke(this.context, onScreen(denormalise(stroke.path, clip)), {
        colour: object ? colourOf(object) : WHITE, kind: stroke.kind, width, picked: stroke.id === s.picked, faint: stroke.round !== null,
      });
    }
    for (const live of [...this.laid, this.live]) {
      if (!live?.path.length || live.t !== this.shown) continue;
      const { kind, objectId } = live;
      const object = colours.get(objectId);
      drawStroke(this.context, onScreen(live.path), { colour: object ? colourOf(object) : WHITE, kind, width });
    }
  }

  /** @param {State} s */
  drawPen(s) {
    const { cursor } = this;
    if (!cursor || s.tool === "select" || s.spaceHeld) return;
    const object = s.project?.objects.find(({ id }) => id === s.objectId);
    const colour = object ? colourOf(object) : WHITE;
    const painting = s.tool !== "draw";
    const radius = painting ? s.brush * s.view.scale : Math.max(4, 2.5 * s.view.scale);
    const kind = s.tool === "eraser" ? "remove" : cursor.kind;
    drawCursor(this.context, cursor, { colour, kind, radius, filled: painting && radius > 12 });
  }
}
