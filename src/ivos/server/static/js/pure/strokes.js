/**
 * Strokes as polylines: collecting, simplifying, smoothing, hit-testing. A path is a list of [x, y]; what is stored and sent is in
 * [0, 1]: 0 is pixel 0, 1 is the last pixel, as the server reads it (times width - 1, truncated); what is measured is in image pixels.
 *
 * @typedef {[number, number]} Pair
 * @typedef {{width: number, height: number}} Size
 */

/**
 * A path in image pixels as fractions, kept inside the frame.
 * @param {Pair[]} path
 * @param {Size} size
 * @returns {Pair[]}
 */
export function normalise(path, size) {
  const share = (/** @type {number} */ v, /** @type {number} */ length) =>
    length > 1 ? round5(Math.max(0, Math.min(1, v / (length - 1)))) : 0;
  return path.map(([x, y]) => [share(x, size.width), share(y, size.height)]);
}

/**
 * Fractions as image pixels.
 * @param {Pair[]} path
 * @param {Size} size
 * @returns {Pair[]}
 */
export function denormalise(path, size) {
  return path.map(([x, y]) => [x * (size.width - 1), y * (size.height - 1)]);
}

/**
 * Whether a point is worth adding to a path.
 * @param {Pair[]} path
 * @param {Pair} point
 * @param {number} distance
 * @returns {boolean} it is at least `distance` from the last point
 */
export function farEnough(path, point, distance) {
  const last = path[path.length - 1];
  return !last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= distance;
}

/**
 * Fewer points, nowhere further than `tolerance` from the path (Ramer, 1972; Douglas and Peucker, 1973).
 * @param {Pair[]} path
 * @param {number} tolerance
 * @returns {Pair[]}
 */
export function simplify(path, tolerance) {
  if (path.length < 3) return path.slice();
  const keep = new Uint8Array(path.length);
  keep[0] = keep[path.length - 1] = 1;
  /** @type {[number, number][]} */
  const open = [[0, path.length - 1]];
  for (let span = open.pop(); span; span = open.pop()) {
    const [first, last] = span;
    let far = -1;
    let furthest = tolerance;
    for (let i = first + 1; i < last; i += 1) {
      const d = distanceToSegment(path[i], path[first], path[last]);
      if (d > furthest) [far, furthest] = [i, d];
    }
    if (far > 0) {
      keep[far] = 1;
      open.push([first, far], [far, last]);
    }
  }
  return path.filter((_, i) => keep[i]);
}

/**
 * A rounder path through the same ends: corners cut twice (Chaikin, 1974).
 * @param {Pair[]} path
 * @param {number} [times]
 * @returns {Pair[]}
 */
export function smooth(path, times = 2) {
  let now = path;
  for (let i = 0; i < times && now.length > 2; i += 1) {
    /** @type {Pair[]} */
    const next = [now[0]];
    for (let j = 0; j + 1 < now.length; j += 1) {
      const [a, b] = [now[j], now[j + 1]];
      if (j > 0) next.push([a[0] * 0.75 + b[0] * 0.25, a[1] * 0.75 + b[1] * 0.25]);
      if (j + 2 < now.length) next.push([a[0] * 0.25 + b[0] * 0.75, a[1] * 0.25 + b[1] * 0.75]);
    }
    next.push(now[now.length - 1]);
    now = next;
  }
  return now.slice();
}

/**
 * What a hand-drawn stroke is stored as: jitter removed, corners rounded, few points.
 * @param {Pair[]} raw in image pixels
 * @param {number} pixel image pixels per screen pixel, the size of the hand's jitter
 * @returns {Pair[]}
 */
export function finish(raw, pixel) {
  return simplify(smooth(simplify(raw, 0.9 * pixel)), 0.3 * pixel);
}

/**
 * @param {Pair[]} path
 * @param {Pair} point
 * @returns {number} the distance to the nearest point of the polyline; Infinity for an empty path
 */
export function distanceToPath(path, point) {
  if (path.length === 1) return Math.hypot(point[0] - path[0][0], point[1] - path[0][1]);
  let nearest = Infinity;
  for (let i = 0; i + 1 < path.length; i += 1) {
    nearest = Math.min(nearest, distanceToSegment(point, path[i], path[i + 1]));
  }
  return nearest;
}

/** @param {Pair} point in image pixels @param {Size} size @param {number} [beyond] @returns {boolean} whether it is on the frame, or so many pixels beyond its border */
export function within([x, y], { width, height }, beyond = 0) {
  return x >= -beyond && y >= -beyond && x <= width + beyond && y <= height + beyond;
}

/** @param {Pair} point in image pixels @param {Size} size @returns {Pair} the nearest point on the frame */
export function onto([x, y], { width, height }) {
  return [Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y))];
}

/**
 * Where a line leaves the frame.
 * @param {Pair} from on the frame
 * @param {Pair} to beyond it
 * @param {Size} size
 * @returns {Pair}
 */
export function border(from, to, size) {
  const shares = [size.width, size.height].map((limit, i) => {
    const edge = to[i] < 0 ? 0 : to[i] > limit ? limit : to[i];
    return edge === to[i] ? 1 : (edge - from[i]) / (to[i] - from[i]);
  });
  const share = Math.min(...shares);
  return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
}

/**
 * The stroke under the pointer: the nearest within `reach`, of equally near ones the newest.
 * @template {{path: Pair[]}} S
 * @param {S[]} strokes paths in [0, 1], oldest first
 * @param {Pair} point in image pixels
 * @param {Size} size
 * @param {number} reach in image pixels
 * @returns {S | null}
 */
export function hit(strokes, point, size, reach) {
  let best = null;
  let nearest = reach;
  for (const stroke of strokes) {
    const d = distanceToPath(denormalise(stroke.path, size), point);
    if (d <= nearest) [best, nearest] = [stroke, d];
  }
  return best;
}

/** @param {Pair} p @param {Pair} a @param {Pair} b @returns {number} */
function distanceToSegment(p, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length2 = dx * dx + dy * dy;
  const along = length2 ? Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2)) : 0;
  return Math.hypot(p[0] - a[0] - along * dx, p[1] - a[1] - along * dy);
}

/** @param {number} v @returns {number} */
function round5(v) {
  return Math.round(v * 1e5) / 1e5;
}

/**
 * Whether two strokes are one: the same line on the same frame, for the same object, drawn at the same time.
 * @typedef {{frame: number, object_id: number, kind: string, start_ms: number, path: [number, number][]}} Line
 * @param {Line} one
 * @param {Line} other
 * @returns {boolean}
 */
export function same(one, other) {
  const mark = (/** @type {Line} */ { frame, object_id, kind, start_ms, path }) => JSON.stringify([frame, object_id, kind, start_ms, path]);
  return mark(one) === mark(other);
}
