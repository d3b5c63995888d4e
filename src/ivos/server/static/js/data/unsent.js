/**
 * Strokes on their way to the server, kept in the browser until it has them: if it dies meanwhile, they are sent when the project
 * is next opened.
 *
 * @typedef {Omit<import("./types.js").Stroke, "id" | "round">} Drawn
 * @typedef {{stroke: Drawn, at: number, lost: boolean}} Kept  `at`: when it was sent, ms; `lost`: the server did not answer
 */

import { same } from "../pure/strokes.js";

const PATIENCE_MS = 20_000; // a stroke that another tab may still be sending is left alone that long

export class Unsent {
  /** @param {{id: string, made_at: string}} project  other folders may have projects of the same id */
  constructor({ id, made_at }) {
    this.key = `ivos.unsent.${id}.${made_at}`;
  }

  /** @returns {Kept[]} */
  read() {
    try {
      return JSON.parse(localStorage.getItem(this.key) ?? "[]");
    } catch {
      return []; // the browser keeps nothing for this page
    }
  }

  /** @param {Drawn} stroke @param {"sent" | "lost" | "saved"} fate */
  note(stroke, fate) {
    const others = this.read().filter((kept) => !same(kept.stroke, stroke));
    const kept = fate === "saved" ? others : [...others, { stroke, at: Date.now(), lost: fate === "lost" }];
    try {
      if (kept.length) localStorage.setItem(this.key, JSON.stringify(kept));
      else localStorage.removeItem(this.key);
    } catch {
      // no room: the stroke is only on its way
    }
  }

  /** For a project that is no more. */
  forget() {
    try {
      localStorage.removeItem(this.key);
    } catch {
      // nothing is kept
    }
  }

  /** Send what an earlier visit could not. @param {import("./editing.js").Editing} editing */
  async resend(editing) {
    const arrived = (/** @type {Drawn} */ stroke) => editing.project.strokes.some((saved) => same(saved, stroke));
    for (const { stroke } of this.read()) if (arrived(stroke)) this.note(stroke, "saved");
    for (const { stroke, at, lost } of this.read()) {
      await new Promise((resolve) => setTimeout(resolve, lost ? 0 : Math.max(0, at + PATIENCE_MS - Date.now())));
      await editing.last;
      if (editing.left) return;
      if (!this.read().some((kept) => same(kept.stroke, stroke))) continue; // the other tab was through
      if (arrived(stroke)) this.note(stroke, "saved");
      else if (!editing.project.running) await editing.addStroke(stroke);
    }
  }
}
