/** The hint over the stage that says what to do next, for those who see the page for the first time. */

import { picture } from "./drawings.js";
import { $, h, icon, refill } from "./dom.js";
import { nextStep } from "./rounds_panel.js";

/** @param {import("../state.js").AppStore} store */
export function coach(store) {
  const box = $("coach");
  $("stage").addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const at = box.getBoundingClientRect(); // it steps aside when the mouse comes near
    const near = event.clientX > at.left - 24 && event.clientX < at.right + 24 && event.clientY > at.top - 24;
    box.classList.toggle("aside", near || event.buttons > 0);
  });
  /** @type {Set<string>} titles of hints that were closed */
  const closed = new Set();
  const draw = () => {
    const s = store.state;
    const hint = s.project && !s.round && !s.playing && !s.project.undecided && !s.study ? hintFor(s) : null;
    box.hidden = !hint || closed.has(hint.title);
    if (!hint || box.hidden) return;
    const close = () => (closed.add(hint.title), draw());
    refill(box, hint.title, () => [
      h("div", { class: "card" }, picture(hint.picture), h("div", {}, h("strong", {}, hint.title), h("p", {}, hint.text))),
      h("button", { class: "icon small", "aria-label": "Close this hint", onclick: close }, icon("close")),
    ]);
  };
  store.watch(["project", "sending", "round", "t", "study", "playing"], draw);
}

/** @param {import("../state.js").State} s @returns {{picture: "scribble" | "propagate" | "correct", title: string, text: string} | null} */
function hintFor(s) {
  const rounds = s.project?.rounds.length ?? 0;
  const next = nextStep(s);
  if (next === 0) {
    return {
      picture: "scribble", title: "Draw a line through what you want to cut out",
      text: "Left button on the object, right button on what does not belong to it. Any frame will do. N makes a second object.",
    };
  }
  if (next === 1 && rounds === 0) {
    return {
      picture: "propagate", title: "Looks right? Press R to propagate it",
      text: "Something missing: one more stroke. Too much: draw over it with the right button.",
    };
  }
  if (next === 2 && rounds === 1 && s.t !== s.project?.worst?.frame) {
    return {
      picture: "correct", title: "Press W to see the frame most worth correcting",
      text: "Or Space to play the clip. When you like what you see, Ctrl+E exports it.",
    };
  }
  if (next === 2 && rounds === 1) {
    return {
      picture: "correct", title: "Wrong here? Draw a stroke, then press R again",
      text: "Left adds what is missing, right takes away what is too much. All is well: Ctrl+E exports.",
    };
  }
  return null;
}
