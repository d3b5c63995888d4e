/**
 * What the export dialog offers and remembers: objects and ranges of frames.
 *
 * @typedef {{first: number | null, last: number | null, text: string, preferred: boolean}} Range
 */

import { plural } from "./format.js";

/**
 * The objects that are ticked: those of the last export that still exist, else all.
 * @param {{object_ids: number[] | null} | null} choice the last export
 * @param {{id: number}[]} objects
 * @returns {Set<number>}
 */
export function chosenObjects(choice, objects) {
  const all = objects.map(({ id }) => id);
  const known = all.filter((id) => choice?.object_ids?.includes(id));
  return new Set(known.length ? known : all);
}

/**
 * @param {number[]} ticked
 * @param {{id: number}[]} objects
 * @returns {number[] | null} as the server wants it: null for all, so that objects of a later day are among them
 */
export function objectIds(ticked, objects) {
  return objects.every(({ id }) => ticked.includes(id)) ? null : ticked;
}

/**
 * The ranges to choose from: the whole clip, what lies between the marks, and what was exported last. Marks that are set are
 * preferred, then the last choice, then the whole clip.
 * @param {{first: number | null, last: number | null}} marks
 * @param {{first: number | null, last: number | null} | null} choice the last export
 * @param {number} count frames of the clip
 * @returns {Range[]}
 */
export function ranges(marks, choice, count) {
  const end = count - 1;
  const name = (/** @type {{first: number | null, last: number | null}} */ { first, last }) => `Frames ${first ?? 0} to ${last ?? end}`;
  const marked = marks.first !== null || marks.last !== null;
  const again = choice !== null && (choice.first !== null || choice.last !== null) && (choice.last ?? 0) < count && name(choice) !== name(marks);
  const offered = [{ first: /** @type {number | null} */ (null), last: /** @type {number | null} */ (null), text: `All ${plural(count, "frame")}`, preferred: !marked && !again }];
  if (marked) offered.push({ first: marks.first, last: marks.last, text: `${name(marks)} (in and out marks)`, preferred: true });
  if (choice && again) offered.push({ first: choice.first, last: choice.last, text: `${name(choice)} (as last time)`, preferred: !marked });
  return offered;
}

/**
 * What an export of a range would lack, for the user to read; empty if it is complete.
 * @param {{first: number | null, last: number | null}} range
 * @param {(number | null)[]} revisions of the masks of all frames; null where there is none
 * @param {boolean} stale whether something was drawn since the last round
 * @returns {string}
 */
export function lacking({ first, last }, revisions, stale) {
  const chosen = revisions.slice(first ?? 0, (last ?? revisions.length - 1) + 1);
  const empty = chosen.filter((revision) => revision === null).length;
  if (empty) return `${empty} of ${plural(chosen.length, "frame")} ${empty === 1 ? "has" : "have"} no mask yet: propagate first.`;
  return stale ? "Changed since the last round: propagate first." : "";
}
