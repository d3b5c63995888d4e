/**
 * Geometry and colours of the timeline: which frame lies under which pixel, where the ticks are, how sure a frame looks.
 *
 * @typedef {{left: number, width: number, frames: number}} Track  `left`, `width`: CSS pixels of the row of frames
 * @typedef {{t: number, x: number, label: string | null}} Tick
 */

/**
 * @param {Track} track
 * @param {number} t
 * @returns {number} the left edge of frame t; t = frames gives the right edge of the last
 */
export function frameLeft(track, t) {
  return track.left + (track.width * t) / Math.max(1, track.frames);
}

/** @param {Track} track @param {number} t @returns {number} the middle of frame t */
export function frameMiddle(track, t) {
  return frameLeft(track, t + 0.5);
}

/** @param {Track} track @param {number} x @returns {number} the frame under x, the first or last beyond the ends */
export function frameAt(track, x) {
  const t = Math.floor(((x - track.left) / Math.max(1, track.width)) * track.frames);
  return Math.max(0, Math.min(track.frames - 1, t));
}

/**
 * Ticks at a round distance, so that labels are at least `room` pixels apart.
 * @param {Track} track
 * @param {number} [room]
 * @returns {Tick[]}
 */
export function ticks(track, room = 64) {
  const step = niceStep((room * track.frames) / Math.max(1, track.width));
  const minor = Math.max(1, step / (step % 5 === 0 ? 5 : 2));
  const list = [];
  for (let t = 0; t < track.frames; t += minor) {
    if (!Number.isInteger(t)) continue;
    list.push({ t, x: frameMiddle(track, t), label: t % step === 0 ? String(t) : null });
  }
  return list;
}

/** @param {number} least @returns {number} the smallest of 1, 2, 5, 10, 20, 50, ... that is at least `least` */
export function niceStep(least) {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power >= least) return digit * power;
  }
}

/**
 * The colour of a frame in the confidence strip: sure is a quiet teal, doubtful amber, wrong red. Height tells the same for those
 * who do not see the colours.
 * @param {number | null} trust in [0, 1]; null where no round has arrived
 * @returns {[number, number, number] | null}
 */
export function trustColour(trust) {
  if (trust === null || !Number.isFinite(trust)) return null;
  const stops = /** @type {[number, [number, number, number]][]} */ ([
    [0.5, [255, 84, 89]],
    [0.75, [246, 178, 60]],
    [0.88, [139, 176, 92]],
    [0.96, [62, 158, 142]],
  ]);
  if (trust <= stops[0][0]) return stops[0][1];
  for (let i = 1; i < stops.length; i += 1) {
    const [[low, from], [high, to]] = [stops[i - 1], stops[i]];
    if (trust <= high) return mix(from, to, (trust - low) / (high - low));
  }
  return stops[stops.length - 1][1];
}

/** @param {number} trust in [0, 1] @returns {number} height of its bar, 0..1: differences near 1 show */
export function trustHeight(trust) {
  return 0.12 + 0.88 * trust ** 4;
}

/**
 * Values of all frames as columns of at least one pixel: with more frames than pixels a column shows its worst frame.
 * @param {(number | null)[]} values one a frame
 * @param {number} columns
 * @param {(a: number, b: number) => number} worse which of two values a shared column shows
 * @returns {(number | null)[]} one a column
 */
export function columnsOf(values, columns, worse) {
  /** @type {(number | null)[]} */
  const out = new Array(columns).fill(null);
  for (let c = 0; c < columns; c += 1) {
    const first = Math.floor((c * values.length) / columns);
    const last = Math.max(first + 1, Math.floor(((c + 1) * values.length) / columns));
    for (let t = first; t < last; t += 1) {
      const [now, value] = [out[c], values[t]];
      if (value !== null && value !== undefined) out[c] = now === null ? value : worse(now, value);
    }
  }
  return out;
}

/**
 * The frame to jump to before or after `t` in a list of marked frames.
 * @param {Iterable<number>} marked
 * @param {number} t
 * @param {1 | -1} direction
 * @returns {number | null}
 */
export function neighbour(marked, t, direction) {
  const beyond = [...marked].filter((m) => (direction > 0 ? m > t : m < t));
  if (!beyond.length) return null;
  return direction > 0 ? Math.min(...beyond) : Math.max(...beyond);
}

/**
 * @param {[number, number, number]} a
 * @param {[number, number, number]} b
 * @param {number} share
 * @returns {[number, number, number]}
 */
function mix(a, b, share) {
  const at = (/** @type {0 | 1 | 2} */ i) => Math.round(a[i] + (b[i] - a[i]) * share);
  return [at(0), at(1), at(2)];
}
