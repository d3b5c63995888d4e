/** Strokes and the pen's cursor on the stage. Coordinates are screen pixels; the caller maps them. */

import { css } from "../pure/palette.js";

const TAKE_AWAY = "rgb(255 92 86)";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number}[]} points
 * @param {{colour: [number, number, number], kind: "add" | "remove", width: number, picked?: boolean, faint?: boolean}} look
 */
export function drawStroke(context, points, look) {
  context.save();
  context.lineCap = "round";
  context.lineJoin = "round";
  context.globalAlpha = look.faint ? 0.5 : 1;
  const paint = (/** @type {string} */ style, /** @type {number} */ width, /** @type {number[]} */ dash = []) => {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.setLineDash(dash);
    trace(context, points);
    context.stroke();
  };
  if (look.picked) paint("rgb(255 255 255 / 0.95)", look.width + 6);
  paint("rgb(0 0 0 / 0.65)", look.width + 2.5);
  if (look.kind === "add") paint(css(look.colour), look.width);
  else {
    paint("rgb(40 8 10)", look.width);
    paint(TAKE_AWAY, look.width, [look.width * 1.6, look.width * 1.9]);
  }
  context.restore();
}

/**
 * A curve through the middles of the segments with the points as handles: no corners.
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number}[]} points
 */
function trace(context, points) {
  context.beginPath();
  context.moveTo(points[0].x, points[0].y);
  if (points.length === 1) context.lineTo(points[0].x + 0.01, points[0].y);
  for (let i = 1; i + 1 < points.length; i += 1) {
    const [a, b] = [points[i], points[i + 1]];
    context.quadraticCurveTo(a.x, a.y, (a.x + b.x) / 2, (a.y + b.y) / 2);
  }
  const last = points[points.length - 1];
  context.lineTo(last.x, last.y);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number}} at
 * @param {{colour: [number, number, number], kind: "add" | "remove", radius: number, filled: boolean}} look
 */
export function drawCursor(context, at, look) {
  const colour = look.kind === "add" ? css(look.colour) : TAKE_AWAY;
  context.save();
  context.beginPath();
  context.arc(at.x, at.y, Math.max(3, look.radius), 0, 2 * Math.PI);
  context.lineWidth = 3.5;
  context.strokeStyle = "rgb(0 0 0 / 0.7)";
  context.stroke();
  context.lineWidth = 1.8;
  context.strokeStyle = colour;
  context.stroke();
  const sign = look.filled ? 0 : 4;
  if (sign) {
    const [x, y] = [at.x + Math.max(3, look.radius) + 8, at.y - Math.max(3, look.radius) - 6];
    for (const [style, width] of /** @type {[string, number][]} */ ([["rgb(0 0 0 / 0.8)", 5], [colour, 2]])) {
      context.beginPath();
      context.moveTo(x - sign, y);
      context.lineTo(x + sign, y);
      if (look.kind === "add") {
        context.moveTo(x, y - sign);
        context.lineTo(x, y + sign);
      }
      context.lineWidth = width;
      context.strokeStyle = style;
      context.stroke();
    }
  }
  context.restore();
}
