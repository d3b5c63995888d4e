/** The small drawings that teach: made of lines, in the colours of the page. */

const SPACE = "http://www.w3.org/2000/svg";

/** @typedef {[string, Record<string, string | number>]} Part */

/** A sitting rabbit, 60 wide and 72 tall. @param {string} transform @param {string} fill @param {string} [edge] @returns {Part[]} */
function rabbit(transform, fill, edge) {
  /** @type {[number, number, number, number, number][]} centre, radii, turn */
  const shapes = [[23, 12, 4.5, 12, -10], [36, 12, 4.5, 12, 10], [30, 29, 12.5, 11, 0], [30, 53, 19, 17, 0], [19, 66, 9, 5, 0], [41, 66, 9, 5, 0]];
  const draw = (/** @type {Record<string, string | number>} */ look) =>
    shapes.map(([x, y, rx, ry, turn]) => /** @type {Part} */ (["ellipse", { cx: x, cy: y, rx, ry, ...look, transform: `${transform} rotate(${turn} ${x} ${y})` }]));
  return [...(edge ? draw({ fill: edge, stroke: edge, "stroke-width": 3 }) : []), ...draw({ fill })];
}

/** @param {number} count @param {number} top @param {(i: number) => number} height @returns {Part[]} a trust strip */
function bars(count, top, height) {
  const colour = (/** @type {number} */ tall) => (tall < 7 ? "#ff5459" : tall < 11 ? "#f6b23c" : "#3e9e8e");
  return Array.from({ length: count }, (_, i) => ["rect", { x: 12 + i * 8.8, y: top - height(i), width: 7.4, height: height(i), fill: colour(height(i)) }]);
}

const LINE = { fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round" };

/** @type {Record<string, Part[]>} */
const PICTURES = {
  scribble: [
    ...rabbit("translate(34 4)", "#343e4d"),
    ["path", { ...LINE, d: "M64 26c-7 8-4 16 1 22s4 12-2 17", stroke: "#101318", "stroke-width": 6 }],
    ["path", { ...LINE, d: "M64 26c-7 8-4 16 1 22s4 12-2 17", stroke: "#ff6259", "stroke-width": 3.5 }],
    ["path", { d: "M62 64l12 5-5 2 3 6-3 1.5-3-6-4 3.500z", fill: "#ffffff", stroke: "#101318" }],
  ],
  propagate: [
    ...rabbit("translate(4 26) scale(0.62)", "#5b3337", "#8a4547"),
    ...rabbit("translate(88 26) scale(0.62)", "#5b3337", "#8a4547"),
    ...rabbit("translate(36 6) scale(0.94)", "#8f4548", "#ff6259"),
    ["path", { ...LINE, d: "M30 16H12l5-5m-5 5l5 5 M98 16h18l-5-5m5 5l-5 5", stroke: "#7fb2ff", "stroke-width": 2.5 }],
  ],
  correct: [
    ...rabbit("translate(42 3) scale(0.72)", "#8f4548", "#ff6259"),
    ["ellipse", { cx: 86, cy: 44, rx: 12, ry: 7, fill: "#8f4548", stroke: "#ff6259", "stroke-width": 1.5 }],
    ["path", { ...LINE, d: "M79 46c4-5 9-5 14-2", stroke: "#ffffff", "stroke-width": 3, "stroke-dasharray": "4 4.500" }],
    ...bars(12, 78, (i) => [14, 14, 13, 13, 12, 10, 6, 5, 9, 12, 13, 14][i]),
    ["path", { d: "M72 63h10l-5 6z", fill: "#f6b23c" }],
  ],
  export: [
    ...Array.from({ length: 48 }, (_, i) => /** @type {Part} */ (["rect", { x: 16 + 12 * (i % 8), y: 4 + 12 * Math.floor(i / 8), width: 12, height: 12, fill: (i + Math.floor(i / 8)) % 2 ? "#3a414d" : "#2a303a" }])),
    ...rabbit("translate(36 6) scale(0.92)", "#c9cdd6"),
  ],
};

/** @param {keyof typeof PICTURES} name @returns {SVGSVGElement} */
export function picture(name) {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "0 0 128 80");
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of PICTURES[name]) {
    const part = document.createElementNS(SPACE, tag);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, String(value));
    svg.append(part);
  }
  return svg;
}

/** @type {{picture: keyof typeof PICTURES, title: string, text: string}[]} */
export const FOUR_STEPS = [
  { picture: "scribble", title: "1. Scribble", text: "Draw a line through the middle of the object, on any frame. Its mask appears when you let go." },
  { picture: "propagate", title: "2. Propagate", text: "Press R. The mask travels to every frame, both ways; scrub and play while it does." },
  { picture: "correct", title: "3. Correct the worst", text: "W jumps to the frame most worth correcting. Left adds, right takes away. Press R again." },
  { picture: "export", title: "4. Export", text: "Masks, a cut-out with alpha, green screen, overlay, or the scribbles themselves." },
];
