/**
 * Where the clip lies on the stage: zoom at the cursor, pan, fit, 1:1. Views are immutable; every function returns a new one.
 * Units: "screen" is CSS pixels of the stage, "image" is pixels of the frame.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{width: number, height: number}} Size
 * @typedef {{scale: number, x: number, y: number}} View  `x`, `y`: screen position of the image's top left corner
 */

const MIN_SCALE = 0.05;
const MAX_SCALE = 40;
const MARGIN = 48;

/**
 * The largest view that shows the whole image, centred.
 * @param {Size} image
 * @param {Size} stage
 * @param {number} [padding] free screen pixels on every side
 * @returns {View}
 */
export function fit(image, stage, padding = 16) {
  const room = { width: Math.max(1, stage.width - 2 * padding), height: Math.max(1, stage.height - 2 * padding) };
  const scale = clampScale(Math.min(room.width / image.width, room.height / image.height));
  return centred(image, stage, scale);
}

/**
 * One image pixel per screen pixel (or any other scale), centred.
 * @param {Size} image
 * @param {Size} stage
 * @param {number} [scale]
 * @returns {View}
 */
export function centred(image, stage, scale = 1) {
  return { scale, x: (stage.width - image.width * scale) / 2, y: (stage.height - image.height * scale) / 2 };
}

/**
 * The view scaled by `factor` with the image point under the cursor staying where it is.
 * @param {View} view
 * @param {Point} cursor
 * @param {number} factor
 * @returns {View}
 */
export function zoomAt(view, cursor, factor) {
  const scale = clampScale(view.scale * factor);
  const ratio = scale / view.scale;
  return { scale, x: cursor.x - (cursor.x - view.x) * ratio, y: cursor.y - (cursor.y - view.y) * ratio };
}

/**
 * The factor of one wheel event: the same feel for mouse wheels (lines) and touch pads (pixels).
 * @param {number} delta `WheelEvent.deltaY`
 * @param {number} mode `WheelEvent.deltaMode`: 0 pixels, 1 lines, 2 pages
 * @returns {number}
 */
export function wheelFactor(delta, mode) {
  const pixels = delta * (mode === 1 ? 33 : mode === 2 ? 400 : 1);
  return Math.exp(-Math.max(-300, Math.min(300, pixels)) * 0.0018);
}

/**
 * @param {View} view
 * @param {number} dx
 * @param {number} dy
 * @returns {View}
 */
export function pan(view, dx, dy) {
  return { ...view, x: view.x + dx, y: view.y + dy };
}

/**
 * The view moved so that some of the image stays on the stage.
 * @param {View} view
 * @param {Size} image
 * @param {Size} stage
 * @returns {View}
 */
export function keepInSight(view, image, stage) {
  const keep = (/** @type {number} */ at, /** @type {number} */ length, /** @type {number} */ room) => {
    const margin = Math.min(MARGIN, room / 2, length);
    return Math.max(margin - length, Math.min(room - margin, at));
  };
  return {
    ...view,
    x: keep(view.x, image.width * view.scale, stage.width),
    y: keep(view.y, image.height * view.scale, stage.height),
  };
}

/**
 * @param {View} view
 * @param {Point} screen
 * @returns {Point} in image pixels; may lie outside the image
 */
export function toImage(view, screen) {
  return { x: (screen.x - view.x) / view.scale, y: (screen.y - view.y) / view.scale };
}

/**
 * @param {View} view
 * @param {Point} image
 * @returns {Point}
 */
export function toScreen(view, image) {
  return { x: image.x * view.scale + view.x, y: image.y * view.scale + view.y };
}

/**
 * @param {Point} point in image pixels
 * @param {Size} image
 * @returns {boolean}
 */
export function inside(point, image) {
  return point.x >= 0 && point.y >= 0 && point.x < image.width && point.y < image.height;
}

/**
 * @param {View} a
 * @param {View} b
 * @returns {boolean}
 */
export function same(a, b) {
  return Math.abs(a.scale - b.scale) < 1e-9 && Math.abs(a.x - b.x) < 0.01 && Math.abs(a.y - b.y) < 0.01;
}

/** @param {number} scale @returns {number} */
function clampScale(scale) {
  return Math.max(MIN_SCALE, Math.min(MAX_SCALE, scale));
}
