/**
 * Colours of objects. `davis(id)` is the palette that DAVIS masks are written with; `shown(id)` is the same order of hues lifted so
 * that it reads on video and on the dark interface (at least 4.5:1 against the panels).
 *
 * @typedef {[number, number, number]} Rgb  0..255 each
 */

/** @type {Rgb[]} the first nine: the ones that have a key */
const LIFTED = [
  [255, 98, 89], // 1 red
  [74, 205, 119], // 2 green
  [232, 200, 62], // 3 yellow (olive in DAVIS)
  [108, 153, 255], // 4 blue
  [206, 132, 246], // 5 purple
  [52, 205, 212], // 6 teal
  [201, 208, 219], // 7 grey
  [255, 159, 92], // 8 orange (dark maroon in DAVIS)
  [255, 134, 186], // 9 pink (bright red in DAVIS)
];

/**
 * @param {number} id 0..255
 * @returns {Rgb} the PASCAL VOC / DAVIS colour: the id's bits dealt to the three channels, highest first
 */
export function davis(id) {
  let [r, g, b] = [0, 0, 0];
  for (let bit = 7, rest = id; bit >= 0; bit -= 1, rest >>= 3) {
    r |= (rest & 1) << bit;
    g |= ((rest >> 1) & 1) << bit;
    b |= ((rest >> 2) & 1) << bit;
  }
  return [r, g, b];
}

/**
 * @param {number} id 1..254
 * @returns {Rgb} the colour on screen
 */
export function shown(id) {
  if (id <= LIFTED.length) return LIFTED[id - 1];
  return fromHue((id * 137.508) % 360);
}

/**
 * The colour of an object on screen: the user's choice, or the lifted one while the object has its colour of the palette.
 * @param {{id: number, colour: string}} object
 * @returns {Rgb}
 */
export function colourOf(object) {
  return object.colour.toLowerCase() === hex(davis(object.id)) ? shown(object.id) : fromHex(object.colour);
}

/** @param {Rgb} colour @param {number} [alpha] @returns {string} */
export function css([r, g, b], alpha = 1) {
  return alpha === 1 ? `rgb(${r} ${g} ${b})` : `rgb(${r} ${g} ${b} / ${alpha})`;
}

/** @param {Rgb} colour @returns {string} as `<input type="color">` wants it */
export function hex([r, g, b]) {
  return `#${[r, g, b].map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {string} text "#rrggbb" @returns {Rgb} */
export function fromHex(text) {
  const value = Number.parseInt(text.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** @param {Rgb} colour @returns {number} relative luminance (WCAG 2.1) */
export function luminance(colour) {
  const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {Rgb} a @param {Rgb} b @returns {number} contrast ratio 1..21 (WCAG 2.1) */
export function contrast(a, b) {
  const [dark, bright] = [luminance(a), luminance(b)].sort((p, q) => p - q);
  return (bright + 0.05) / (dark + 0.05);
}

/** @param {number} hue degrees @returns {Rgb} lightness 0.70, saturation 0.75 (HSL) */
function fromHue(hue) {
  const channel = (/** @type {number} */ n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (0.7 - 0.75 * 0.3 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
