/**
 * Label masks as runs: [label, length, label, length, ...], row by row from the top left corner; lengths sum to width * height.
 *
 * @typedef {{width: number, height: number, runs: ArrayLike<number>}} Runs
 */

/**
 * @param {Runs} mask
 * @param {Uint8Array} [into] reused when it has the right length
 * @returns {Uint8Array} one label a pixel, row-major
 * @throws {RangeError} the runs do not fill the mask
 */
export function decode(mask, into) {
  const { width, height, runs } = mask;
  const pixels = into && into.length === width * height ? into : new Uint8Array(width * height);
  let at = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    pixels.fill(runs[i], at, at + runs[i + 1]);
    at += runs[i + 1];
  }
  if (at !== pixels.length) throw new RangeError(`The runs hold ${at} pixels; the mask has ${pixels.length}.`);
  return pixels;
}

/**
 * @param {Uint8Array} pixels row-major
 * @returns {number[]} runs
 */
export function encode(pixels) {
  const runs = [];
  for (let start = 0; start < pixels.length; ) {
    let end = start + 1;
    while (end < pixels.length && pixels[end] === pixels[start]) end += 1;
    runs.push(pixels[start], end - start);
    start = end;
  }
  return runs;
}

/**
 * @param {ArrayLike<number>} runs
 * @returns {Map<number, number>} pixels of every label
 */
export function areas(runs) {
  const sums = new Map();
  for (let i = 0; i + 1 < runs.length; i += 2) sums.set(runs[i], (sums.get(runs[i]) ?? 0) + runs[i + 1]);
  return sums;
}
