/** Keep up with changes that other tabs make: a long poll while this tab is visible (browsers open only six connections a host). */

import { ApiError, call } from "./api.js";

/** @param {import("./editing.js").Editing} editing */
export async function watchOtherTabs(editing) {
  const over = editing.closing.signal;
  let told = false; // that the server is another one by now: once its address was opened in another tab, this one goes on
  while (!over.aborted) {
    await visible(over);
    if (over.aborted) return;
    const stop = new AbortController();
    const halt = () => stop.abort();
    const hidden = () => document.hidden && halt();
    over.addEventListener("abort", halt);
    document.addEventListener("visibilitychange", hidden);
    try {
      const news = await call("GET", `${editing.path}/changes?since=${editing.project.seq}`, { signal: stop.signal });
      editing.store.set({ offline: false });
      if (editing.waiting === 0 && news.seq !== editing.project.seq) await editing.reload();
      if (news.running && !editing.round.live) editing.round.attach();
      if (!news.running || editing.round.live) await pause(150);
    } catch (error) {
      if (stop.signal.aborted) continue;
      if (error instanceof ApiError && error.code === "missing") return editing.gone();
      editing.store.set({ offline: true });
      if (error instanceof ApiError && error.code === "token" && !told) editing.report(error);
      told = error instanceof ApiError && error.code === "token";
      await pause(2000);
    } finally {
      over.removeEventListener("abort", halt);
      document.removeEventListener("visibilitychange", hidden);
    }
  }
}

/** @param {AbortSignal} over @returns {Promise<void>} */
function visible(over) {
  return new Promise((resolve) => {
    if (!document.hidden || over.aborted) return resolve();
    const check = () => {
      if (document.hidden && !over.aborted) return;
      document.removeEventListener("visibilitychange", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    over.addEventListener("abort", check);
  });
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
