/**
 * A label mask as the RGBA pixels that lie over the frame, in every overlay mode.
 *
 * @typedef {"tint" | "contour" | "matte" | "checker" | "green" | "side"} Mode
 * @typedef {[number, number, number]} Rgb
 * @typedef {{mode: Mode, opacity: number, colours: ReadonlyMap<number, Rgb>}} Look  colours of the visible objects, by id
 */

/** @type {{mode: Mode, name: string, hint: string}[]} in the order of the key V */
export const MODES = [
  { mode: "tint", name: "Tint", hint: "Tint and contour over the frame" },
  { mode: "contour", name: "Contour", hint: "Only the outline" },
  { mode: "matte", name: "Matte", hint: "White where an object is" },
  { mode: "checker", name: "Cut-out", hint: "The objects on a checkerboard" },
  { mode: "green", name: "Green", hint: "The objects on green" },
  { mode: "side", name: "Side by side", hint: "The frame beside the result" },
];

const CELL = 12;
const GREEN = pack(0, 177, 64, 255);
const LIGHT = pack(92, 96, 106, 255);
const DARK = pack(66, 70, 79, 255);

/**
 * @param {Uint8Array} labels row-major
 * @param {number} width
 * @param {Look} look
 * @param {Uint32Array} into one RGBA pixel a label (the buffer of an ImageData)
 */
export function composite(labels, width, look, into) {
  if (look.mode === "matte") return matte(labels, look, into);
  if (look.mode === "checker" || look.mode === "green") return cutOut(labels, width, look, into);
  const tint = look.mode === "contour" ? 0 : Math.round(255 * look.opacity);
  const edge = Math.round(255 * Math.min(1, 0.45 + look.opacity));
  const fill = table(look.colours, tint);
  for (let i = 0; i < labels.length; i += 1) into[i] = fill[labels[i]];
  contour(labels, width, table(look.colours, edge), into);
}

/** @param {Uint8Array} labels @param {Look} look @param {Uint32Array} into */
function matte(labels, look, into) {
  const fill = new Uint32Array(256).fill(pack(0, 0, 0, 255));
  for (const id of look.colours.keys()) fill[id] = pack(255, 255, 255, 255);
  for (let i = 0; i < labels.length; i += 1) into[i] = fill[labels[i]];
}

/** @param {Uint8Array} labels @param {number} width @param {Look} look @param {Uint32Array} into */
function cutOut(labels, width, look, into) {
  const inside = new Uint8Array(256);
  for (const id of look.colours.keys()) inside[id] = 1;
  const green = look.mode === "green";
  for (let i = 0, x = 0, y = 0; i < labels.length; i += 1) {
    if (inside[labels[i]]) into[i] = 0;
    else if (green) into[i] = GREEN;
    else into[i] = ((x / CELL) ^ (y / CELL)) & 1 ? LIGHT : DARK;
    x += 1;
    if (x === width) [x, y] = [0, y + 1];
  }
}

/**
 * Outlines just inside the objects: pixels with a neighbour of another label, 4-connected; the frame's border counts as none.
 * @param {Uint8Array} labels
 * @param {number} width
 * @param {Uint32Array} colour by label; 0 leaves a label without outline
 * @param {Uint32Array} into
 */
export function contour(labels, width, colour, into) {
  const last = labels.length - width;
  for (let i = 0, x = 0; i < labels.length; i += 1) {
    const label = labels[i];
    if (
      colour[label] &&
      ((x > 0 && labels[i - 1] !== label) ||
        (x < width - 1 && labels[i + 1] !== label) ||
        (i >= width && labels[i - width] !== label) ||
        (i < last && labels[i + width] !== label))
    ) {
      into[i] = colour[label];
    }
    x = x === width - 1 ? 0 : x + 1;
  }
}

/** @param {ReadonlyMap<number, Rgb>} colours @param {number} alpha 0..255 @returns {Uint32Array} packed colour by label */
function table(colours, alpha) {
  const packed = new Uint32Array(256);
  if (alpha > 0) for (const [id, [r, g, b]] of colours) packed[id] = pack(r, g, b, alpha);
  return packed;
}

/** @param {number} r @param {number} g @param {number} b @param {number} a @returns {number} as a little-endian RGBA word */
function pack(r, g, b, a) {
  return ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
