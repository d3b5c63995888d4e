/**
 * The rows of the timeline drawn: ruler, trust, a lane an object, what the last round changed; marks and play head over them.
 *
 * @typedef {import("../state.js").State} State
 * @typedef {import("../data/types.js").Project} Project
 */

import { colourOf, css } from "../pure/palette.js";
import { columnsOf, frameLeft, frameMiddle, ticks, trustColour, trustHeight } from "../pure/timeline_layout.js";

export const LABELS = 92;
export const RULER = 20;
const TRUST = 34;
const CHANGED = 12;
const LANES = 66; // room of all lanes together

export class TimelineRows {
  /** @param {CanvasRenderingContext2D} context */
  constructor(context) {
    this.context = context;
    this.width = 0;
    /** @type {Project | null} */
    this.project = null;
  }

  get track() {
    return { left: LABELS, width: this.width - LABELS - 6, frames: this.project?.clip.num_frames ?? 1 };
  }

  /** Height of one object's lane. */
  get lane() {
    const count = Math.max(1, this.project?.objects.length ?? 1);
    return Math.max(5, Math.min(16, LANES / count));
  }

  get height() {
    const objects = Math.max(1, this.project?.objects.length ?? 1);
    return RULER + TRUST + 4 + Math.ceil(objects * this.lane) + CHANGED + 6;
  }

  /** @param {State} s @param {Project} project */
  draw(s, project) {
    const c = this.context;
    c.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    c.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    c.textBaseline = "middle";
    this.drawRuler(c, s);
    this.drawTrust(c, s, project);
    const lanes = RULER + TRUST + 4;
    project.objects.forEach((object, i) => this.drawLane(c, object, lanes + i * this.lane, s));
    this.drawChanged(c, project, lanes + Math.max(1, project.objects.length) * this.lane + 3);
    this.drawMarks(c, s);
    this.drawHead(c, s);
  }

  /** @param {CanvasRenderingContext2D} c @param {State} s */
  drawRuler(c, s) {
    c.fillStyle = "#0f1216";
    c.fillRect(LABELS, RULER, this.width - LABELS, this.height - RULER);
    c.textAlign = "center";
    for (const tick of ticks(this.track)) {
      c.fillStyle = tick.label === null ? "#39414d" : "#596373";
      c.fillRect(Math.round(tick.x), tick.label === null ? 15 : 13, 1, tick.label === null ? 5 : 7);
      c.fillStyle = "#929cac";
      if (tick.label !== null && Math.abs(tick.x - frameMiddle(this.track, s.t)) > 30) c.fillText(tick.label, tick.x, 7);
    }
  }

  /** @param {CanvasRenderingContext2D} c @param {State} s @param {Project} project */
  drawTrust(c, s, project) {
    this.label(c, "Trust", RULER + TRUST / 2 + 1);
    const { left, width, frames } = this.track;
    const columns = Math.min(frames, Math.floor(width));
    const values = columnsOf(project.trust, columns, Math.min);
    const visited = new Set(s.visited);
    const step = width / columns;
    values.forEach((value, i) => {
      const colour = trustColour(value);
      const fresh = visited.has(Math.floor((i * frames) / columns));
      if (!colour && !fresh) return;
      const tall = fresh ? 0.35 : trustHeight(/** @type {number} */ (value));
      const x = left + i * step;
      c.fillStyle = fresh ? "rgb(127 178 255 / 0.75)" : css(/** @type {any} */ (colour));
      c.fillRect(x, RULER + TRUST - (TRUST - 4) * tall, Math.max(1, step - (step > 4 ? 1 : 0)), (TRUST - 4) * tall);
    });
    if (!values.some((value) => value !== null) && !visited.size) {
      c.fillStyle = "#8a94a4";
      c.textAlign = "left";
      c.fillText("How sure the result is, frame by frame, appears here after the first round.", left + 10, RULER + TRUST / 2 + 1);
    }
    if (project.worst && !s.round) this.drawWorst(c, frameMiddle(this.track, project.worst.frame));
  }

  /** @param {CanvasRenderingContext2D} c @param {number} x */
  drawWorst(c, x) {
    c.fillStyle = "#f6b23c";
    c.beginPath();
    c.moveTo(x - 5, RULER);
    c.lineTo(x + 5, RULER);
    c.lineTo(x, RULER + 7);
    c.fill();
  }

  /** @param {CanvasRenderingContext2D} c @param {import("../data/types.js").ObjectFacts} object @param {number} y @param {State} s */
  drawLane(c, object, y, s) {
    const middle = y + this.lane / 2;
    const chosen = object.id === s.objectId;
    if (chosen || this.lane >= 12) this.label(c, object.name, middle, chosen ? "#e8ebf1" : "#b0b8c5");
    c.fillStyle = "#232932";
    c.fillRect(LABELS, Math.round(middle) - 0.5, this.track.width, 1);
    const marks = new Set(object.annotated);
    for (const stroke of s.sending) if (stroke.object_id === object.id) marks.add(stroke.frame);
    const waiting = new Set(s.project?.waiting);
    const radius = Math.min(4.5, this.lane / 2 - 0.5);
    for (const t of marks) {
      c.beginPath();
      c.arc(frameMiddle(this.track, t), middle, radius, 0, 2 * Math.PI);
      c.fillStyle = css(colourOf(object));
      c.fill();
      if (waiting.has(t)) {
        c.lineWidth = 1.5;
        c.strokeStyle = "#ffffff";
        c.stroke();
      }
    }
  }

  /** @param {CanvasRenderingContext2D} c @param {Project} project @param {number} y */
  drawChanged(c, project, y) {
    this.label(c, "Changed", y + CHANGED / 2);
    const { left, width, frames } = this.track;
    const columns = Math.min(frames, Math.floor(width));
    const step = width / columns;
    columnsOf(project.changed ?? [], columns, Math.max).forEach((value, i) => {
      if (!value || value < 0.005) return;
      c.fillStyle = `rgb(178 140 255 / ${0.2 + 0.8 * Math.min(1, value * 1.5)})`;
      c.fillRect(left + i * step, y + 1, Math.max(1, step - (step > 4 ? 1 : 0)), CHANGED - 3);
    });
  }

  /** @param {CanvasRenderingContext2D} c @param {State} s */
  drawMarks(c, s) {
    const { left, width, frames } = this.track;
    const ends = /** @type {[number | null, number, number, number][]} */ ([
      [s.first, left, s.first === null ? left : frameLeft(this.track, s.first), 1],
      [s.last, s.last === null ? left + width : frameLeft(this.track, s.last + 1), left + width, -1],
    ]);
    for (const [mark, from, to, side] of ends) {
      if (mark === null || frames < 1) continue;
      c.fillStyle = "rgb(8 9 12 / 0.66)";
      c.fillRect(from, RULER, to - from, this.height);
      const x = side > 0 ? to : from;
      c.fillStyle = "#d5dbe5";
      c.fillRect(x - 1, RULER - 8, 2, this.height);
      c.fillRect(side > 0 ? x : x - 6, RULER - 8, 6, 8);
    }
  }

  /** @param {CanvasRenderingContext2D} c @param {State} s */
  drawHead(c, s) {
    const x = frameMiddle(this.track, s.t);
    const cell = this.track.width / this.track.frames;
    c.fillStyle = "rgb(255 255 255 / 0.1)";
    c.fillRect(x - cell / 2, RULER, cell, this.height);
    c.fillStyle = "#ffffff";
    c.fillRect(x - 0.75, RULER - 4, 1.5, this.height);
    const text = String(s.t);
    const half = c.measureText(text).width / 2 + 6;
    const at = Math.max(LABELS + half - 8, Math.min(this.width - half, x));
    c.beginPath();
    c.roundRect(at - half, 0, 2 * half, 15, 4);
    c.fill();
    c.fillStyle = "#101318";
    c.textAlign = "center";
    c.fillText(text, at, 8);
  }

  /** @param {CanvasRenderingContext2D} c @param {string} text @param {number} y @param {string} [colour] */
  label(c, text, y, colour = "#929cac") {
    c.fillStyle = colour;
    c.textAlign = "left";
    let short = text;
    while (short.length > 1 && c.measureText(short).width > LABELS - 14) short = `${short.slice(0, -2)}…`;
    c.fillText(short, 2, y);
  }
}
