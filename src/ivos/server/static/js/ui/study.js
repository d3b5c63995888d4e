/** Study mode: the panel that leads a person through the sequences; the server keeps the clock. */

import { call } from "../data/api.js";
import { $, h, icon, refill, report, toast } from "./dom.js";

const PHASES = {
  find: "Find the frame to correct",
  scribble: "Scribble, then propagate",
  operate: "Propagating",
  finished: "All sequences are done",
};

/** @param {import("../state.js").AppStore} store @param {(id: string) => Promise<void>} open open a project */
export function studyPanel(store, open) {
  let taken = Promise.resolve(); // one request at a time: an answer that comes late must not stand for a newer one
  let asking = false; // whether a refresh waits for its turn; it will know of all that happens until then
  const take = (/** @type {string} */ method, /** @type {string} */ path, /** @type {object} */ options = {}) => {
    const turn = taken.then(async () => {
      if (method === "GET") asking = false;
      const study = await call(method, path, options);
      if (study.project_id && study.project_id !== store.state.project?.id) await open(study.project_id);
      store.set({ study, ...held(study) }); // after its clip, so that the panel never speaks of a clip that is not there yet
    });
    taken = turn.catch((error) => {
      report(error);
      if (method === "POST") take("GET", "/study"); // another tab may be ahead
    });
    return taken;
  };
  const onShow = () => ({ project_id: store.state.project?.id ?? null });
  document.addEventListener("visibilitychange", () => !document.hidden && store.state.study && take("GET", "/study"));
  store.watch(["project", "round"], () => {
    if (!store.state.study || asking) return;
    asking = true;
    take("GET", "/study");
  });
  store.watch(["study"], ({ study }) => {
    const box = $("study");
    box.hidden = !study;
    if (study?.phase === "finished" && !store.state.project) $("start").replaceChildren(h("p", { class: "opening" }, `${PHASES.finished}. ${thanks(study)}`));
    if (study) refill(box, JSON.stringify(study), () => content(study, () => take("POST", "/study/satisfied", { body: onShow() })));
    document.body.classList.toggle("studying", Boolean(study));
  });
  return {
    begin: () => take("GET", "/study"),
    select: () => {
      const { study, t } = store.state;
      if (!study) return;
      store.set({ playing: false });
      if (study.phase !== "find") return toast("A frame is already chosen; scribble on it and press R.");
      if (study.round < 1) return toast("Go to any frame and draw there: the first stroke chooses the frame.");
      return take("POST", "/study/select", { body: { ...onShow(), frame: t } });
    },
  };
}

/** Where a locked slider holds the user: on the chosen frame, also after a reload. @param {import("../data/types.js").Study} study @returns {{t?: number, playing?: boolean}} */
export function held(study) {
  return study.slider_locked && study.frame !== null ? { t: study.frame, playing: false } : {};
}

/** @param {import("../data/types.js").Study} study */
function thanks(study) {
  return `Thank you, ${study.user}. The results are written.`;
}

/** @param {import("../data/types.js").Study} study @param {() => void} satisfied @returns {Node[]} */
function content(study, satisfied) {
  const over = study.phase === "finished";
  const facts = over
    ? thanks(study)
    : `${study.sequence} · ${study.number} of ${study.total} · round ${study.round}${study.jf === null ? "" : ` · J&F ${study.jf.toFixed(3)}`}`;
  const buttons = h(
    "div",
    { class: "line" },
    h("button", { class: "plain small", "data-action": "study.select", disabled: study.phase !== "find" || study.round < 1, "data-tip": "Choose this frame; the slider locks" }, "Annotate this frame"),
    h("button", { class: "plain small", disabled: study.phase !== "find" || study.round < 1, onclick: satisfied, "data-tip": "The result is good enough: go to the next sequence" }, icon("check"), "Satisfied"),
  );
  return [h("header", {}, h("h2", {}, `Study: ${study.user}`)), h("div", { class: "study-grid" }, h("p", { class: "phase" }, PHASES[study.phase]), h("p", { class: "quiet" }, facts), ...(over ? [] : [buttons]))];
}
