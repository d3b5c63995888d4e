/** Which frames mask files belong to. */

/**
 * One file belongs to the frame on screen; of several, each belongs to the frame that the last number in its name says.
 * @param {string[]} names
 * @param {number} t the frame on screen
 * @param {number} numFrames
 * @returns {number[]} a frame for each name
 * @throws {Error} a name without a number, with one beyond the clip, or two for the same frame
 */
export function framesOf(names, t, numFrames) {
  if (names.length === 1) return [t];
  const seen = new Map();
  return names.map((name) => {
    const number = name.replace(/\.[^.]*$/, "").match(/\d+(?!.*\d)/)?.[0];
    if (number === undefined) throw new Error(`${name} has no number in its name. Of several masks each name ends with its frame, as in 00012.png.`);
    const frame = Number(number);
    if (frame >= numFrames) throw new Error(`${name} would belong to frame ${frame}; the clip has frames 0 to ${numFrames - 1}. Rename it, or import it alone on the frame on screen.`);
    if (seen.has(frame)) throw new Error(`${seen.get(frame)} and ${name} would both belong to frame ${frame}. Import one of them.`);
    seen.set(frame, name);
    return frame;
  });
}
