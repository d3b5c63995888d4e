/** The list of objects: choose, name, colour, show, lock, delete. */

import { plural } from "../pure/format.js";
import { colourOf, css, hex, luminance } from "../pure/palette.js";
import { $, h, icon, refill, scrollWithin, toast } from "./dom.js";

/** @typedef {import("../data/types.js").ObjectFacts} ObjectFacts */

/** @param {import("../state.js").AppStore} store @param {() => import("../data/editing.js").Editing | null} editing */
export function objectList(store, editing) {
  const list = $("objects");
  let [renaming, shown, refilling] = [0, 0, false];
  const patch = (/** @type {ObjectFacts} */ object, /** @type {Record<string, unknown>} */ body) =>
    editing()?.change("PATCH", `/objects/${object.id}`, body);
  const draw = () => {
    const { project, objectId } = store.state;
    if (!project) return;
    if (!project.objects.some(({ id }) => id === renaming)) renaming = 0; // deleted in another tab
    const typing = /** @type {HTMLInputElement | null} */ (list.querySelector("input.name"));
    const typed = typing && { name: typing.value, from: typing.selectionStart, to: typing.selectionEnd };
    refilling = true;
    refill(list, JSON.stringify([project.id, project.objects, objectId, renaming]), () => {
      const items = project.objects.map((object, i) =>
        row(object, i + 1, object.id === objectId, {
          choose: () => store.set({ objectId: object.id }),
          colour: (value) => patch(object, { colour: value }),
          visible: () => patch(object, { visible: !object.visible }),
          locked: () => patch(object, { locked: !object.locked }),
          remove: async () => {
            const others = project.objects.filter((other) => other.id !== object.id);
            if (!(await editing()?.change("DELETE", `/objects/${object.id}`))) return;
            if (objectId === object.id && others.length) store.set({ objectId: others[0].id });
            toast(`${object.name} was deleted. Ctrl+Z brings it back.`);
          },
          rename: object.id === renaming ? (name) => finish(object, name) : null,
          edit: () => ((renaming = object.id), draw()),
        }),
      );
      return items.length ? items : [h("li", { class: "empty" }, "No object. Press N to make one.")];
    });
    refilling = false;
    const chosen = shown !== objectId && list.querySelector("[aria-current=true]");
    if (chosen) scrollWithin(list, chosen);
    shown = objectId;
    const field = /** @type {HTMLInputElement | null} */ (list.querySelector("input.name"));
    if (!field || field === typing) return;
    field.focus();
    if (!typed) return field.select();
    field.value = typed.name; // the list changed while the user types
    field.setSelectionRange(typed.from, typed.to);
  };
  const finish = (/** @type {ObjectFacts} */ object, /** @type {string | null} */ name) => {
    if (!renaming || refilling) return; // a field that goes because the list changes is no end of typing
    renaming = 0;
    if (name?.trim() && name.trim() !== object.name) patch(object, { name: name.trim().slice(0, 80) });
    draw();
  };
  store.watch(["project", "objectId"], draw);
}

/**
 * @param {ObjectFacts} object
 * @param {number} place in the list, from 1: its key
 * @param {boolean} current
 * @param {{choose: () => void, colour: (value: string) => void, visible: () => void, locked: () => void, remove: () => void,
 *   rename: ((name: string | null) => void) | null, edit: () => void}} act
 */
function row(object, place, current, act) {
  const key = place <= 9 ? String(place) : "";
  const swatch = h("span", { class: "swatch", "data-tip": "Change the colour" }, key);
  const colour = colourOf(object);
  swatch.style.background = css(colour);
  swatch.style.color = luminance(colour) > 0.18 ? "#101215" : "#ffffff";
  swatch.append(h("input", { type: "color", value: hex(colour), "aria-label": `Colour of ${object.name}`, onchange: (/** @type {any} */ e) => act.colour(e.target.value) }));
  const count = object.annotated.length;
  return h(
    "li",
    { class: "object", "aria-current": String(current), "data-object": object.id },
    swatch,
    act.rename ? nameField(object, act.rename) : nameButton(object, key, act),
    count > 0 && h("span", { class: "marks", "data-tip": `Annotated on ${plural(count, "frame")}` }, plural(count, "frame")),
    flag("when-hover", "trash", `Delete ${object.name}`, act.remove),
    flag(object.locked ? "on" : "when-hover", object.locked ? "lock" : "unlock", object.locked ? "Unlock" : "Lock: strokes and brush leave it alone", act.locked),
    flag(object.visible ? "" : "on", object.visible ? "eye" : "eye-off", object.visible ? "Hide" : "Show", act.visible),
  );
}

/** @param {ObjectFacts} object @param {string} keys @param {{choose: () => void, edit: () => void}} act */
function nameButton(object, keys, act) {
  const props = { class: "choose", "data-tip": "Choose; double-click or F2 to rename", "data-keys": keys, onclick: act.choose, ondblclick: act.edit };
  const onkeydown = (/** @type {KeyboardEvent} */ e) => e.key === "F2" && act.edit();
  return h("button", { ...props, onkeydown }, object.name);
}

/** @param {ObjectFacts} object @param {(name: string | null) => void} done */
function nameField(object, done) {
  const onkeydown = (/** @type {any} */ event) => {
    if (event.key === "Enter") done(event.target.value);
    if (event.key === "Escape") done(null);
    event.stopPropagation();
  };
  return h("input", { class: "name", value: object.name, maxlength: 80, "aria-label": "Name of the object", onkeydown, onblur: (/** @type {any} */ e) => done(e.target.value) });
}

/** @param {string} kind @param {string} symbol @param {string} tip @param {() => void} onclick  */
function flag(kind, symbol, tip, onclick) {
  return h("button", { class: `icon ${kind}`, "data-tip": tip, "aria-label": tip, onclick }, icon(symbol));
}
