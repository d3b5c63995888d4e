/** What is drawn on the frame on screen, newest first: pick a stroke, delete one, or the brushwork. */

import { plural } from "../pure/format.js";
import { colourOf, css } from "../pure/palette.js";
import { $, h, icon, refill } from "./dom.js";

/** @param {import("../state.js").AppStore} store @param {() => import("../data/editing.js").Editing | null} editing */
export function strokesList(store, editing) {
  const list = $("strokes");
  const gone = (/** @type {string} */ name, /** @type {string} */ tip, /** @type {(number | string)[]} */ ids) =>
    h("button", { class: "icon", "aria-label": name, "data-tip": tip, onclick: () => editing()?.deleteDrawn(ids) }, icon("close"));
  store.watch(["project", "sending", "t", "picked"], (s) => {
    if (!s.project) return;
    const objects = new Map(s.project.objects.map((object) => [object.id, object]));
    const here = [...s.project.strokes, ...s.sending].filter((stroke) => stroke.frame === s.t);
    const painted = s.project.paints.filter((paint) => paint.frame === s.t).map((paint) => paint.id);
    const key = JSON.stringify([here.map(({ id, round }) => [id, round]), [...objects.values()].map((o) => [o.name, o.colour]), s.t, s.picked, painted]);
    $("clear-frame").disabled = !here.length && !painted.length;
    refill(list, key, () => {
      if (!here.length && !painted.length) return [h("li", { class: "empty" }, "No strokes. Scribble on the object, or correct the mask here.")];
      const rows = here.map((stroke, i) => {
        const object = objects.get(stroke.object_id);
        const mark = h("span", { class: `mark ${stroke.kind}` });
        mark.style.background = object ? css(colourOf(object)) : "#fff";
        const name = stroke.kind === "add" ? (object?.name ?? "") : "background";
        return h(
          "li",
          { class: "stroke", "aria-current": String(stroke.id === s.picked) },
          h("button", { class: "choose", onclick: () => store.set({ picked: stroke.id === s.picked ? null : stroke.id }) }, mark, `${i + 1} · ${name}`),
          stroke.round !== null && h("span", { class: "quiet", "data-tip": "The round that used it" }, `round ${stroke.round}`),
          gone(`Delete stroke ${i + 1}`, "Delete this stroke", [stroke.id]),
        );
      });
      if (painted.length) {
        const text = h("span", { class: "push" }, "Mask painted or imported");
        rows.push(h("li", { class: "stroke" }, icon("brush"), text, gone("Delete what is painted", "Delete what is painted or imported on this frame", painted)));
      }
      return rows.reverse();
    });
    list.setAttribute("aria-label", plural(here.length, "stroke"));
  });
}
