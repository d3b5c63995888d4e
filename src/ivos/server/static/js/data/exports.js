/** The export at work: start, follow to its end, cancel. It lives in the server; this only asks how far it is. */

import { call } from "./api.js";

/** @typedef {import("./types.js").ExportJob} ExportJob */

const POLL = 330; // milliseconds

export class Exports {
  /** @param {import("./editing.js").Editing} editing */
  constructor(editing) {
    this.editing = editing;
    this.following = false;
  }

  /** @param {import("./types.js").ExportRequest} request */
  async start(request) {
    const { editing } = this;
    await editing.last;
    await call("POST", `${editing.path}/exports`, { body: request }).then((job) => this.follow(job), editing.report);
  }

  /** Follow an export that is at work already: from before a reload, or of another tab. */
  async attach() {
    await this.editing.reload().catch(this.editing.report);
    const job = this.editing.project.export;
    if (job?.status === "running") await this.follow(job);
  }

  /** @param {ExportJob} job */
  async follow(job) {
    const { editing } = this;
    if (this.following || editing.left) return;
    this.following = true;
    editing.store.set({ exporting: job });
    try {
      while (job.status === "running") {
        await new Promise((resolve) => setTimeout(resolve, POLL));
        if (editing.left) return;
        job = await call("GET", `${editing.path}/exports/${job.number}`, { signal: editing.closing.signal });
        if (job.status !== "running") await editing.reload().catch(() => {}); // the choice and the file are remembered
        if (!editing.left) editing.store.set({ exporting: job });
      }
    } catch (error) {
      if (editing.left) return;
      editing.report(error);
      editing.store.set({ exporting: null });
    } finally {
      this.following = false;
    }
  }

  async cancel() {
    const job = this.editing.store.state.exporting;
    if (job) await call("POST", `${this.editing.path}/exports/${job.number}/cancel`).catch(this.editing.report);
  }
}
