/**
 * Brush and eraser on a label mask. Masks are row-major Uint8Arrays; painting changes them in place and tells which box changed.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x0: number, y0: number, x1: number, y1: number}} Box  x1, y1 exclusive
 * @typedef {[number, number]} Pair
 */

/**
 * Paint a round dab with its centre moving from `from` to `to` (pixel centres at .5).
 * @param {Uint8Array} mask
 * @param {Size} size
 * @param {Pair} from
 * @param {Pair} to
 * @param {{radius: number, label: number, only?: number, locked?: ReadonlySet<number>}} dab
 *   `only`: change only pixels of this label (the eraser takes away one object); `locked`: labels that never change
 * @returns {Box | null} null where nothing changed
 */
export function paint(mask, size, from, to, dab) {
  const radius = Math.max(0.5, dab.radius);
  const x0 = Math.max(0, Math.floor(Math.min(from[0], to[0]) - radius));
  const y0 = Math.max(0, Math.floor(Math.min(from[1], to[1]) - radius));
  const x1 = Math.min(size.width, Math.ceil(Math.max(from[0], to[0]) + radius) + 1);
  const y1 = Math.min(size.height, Math.ceil(Math.max(from[1], to[1]) + radius) + 1);
  const near = capsule(from, to, radius);
  let changed = false;
  for (let y = y0; y < y1; y += 1) {
    for (let x = x0, i = y * size.width + x0; x < x1; x += 1, i += 1) {
      const label = mask[i];
      if (label === dab.label || dab.locked?.has(label)) continue;
      if (dab.only !== undefined && label !== dab.only) continue;
      if (!near(x + 0.5, y + 0.5)) continue;
      mask[i] = dab.label;
      changed = true;
    }
  }
  return changed ? { x0, y0, x1, y1 } : null;
}

/**
 * The next brush radius up or down: steps that feel even, from single pixels to large areas.
 * @param {number} radius
 * @param {1 | -1} direction
 * @returns {number}
 */
export function step(radius, direction) {
  const next = direction > 0 ? Math.max(radius + 1, Math.round(radius * 1.25)) : Math.min(radius - 1, Math.round(radius / 1.25));
  return Math.max(1, Math.min(200, next));
}

/** @param {Pair} a @param {Pair} b @param {number} radius @returns {(x: number, y: number) => boolean} */
function capsule(a, b, radius) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length2 = dx * dx + dy * dy;
  const reach2 = radius * radius;
  return (x, y) => {
    const along = length2 ? Math.max(0, Math.min(1, ((x - a[0]) * dx + (y - a[1]) * dy) / length2)) : 0;
    return (x - a[0] - along * dx) ** 2 + (y - a[1] - along * dy) ** 2 <= reach2;
  };
}
