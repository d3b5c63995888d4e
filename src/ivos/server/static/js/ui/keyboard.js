/** Keys, buttons and tooltips: everything that carries `data-action`, `data-hold` or `data-tip`. */

import { actionOf, keyOf, readable } from "../pure/keymap.js";
import { $, h } from "./dom.js";

const HELD = /** @type {Record<string, "hidden" | "before">} */ ({ "mask.hide": "hidden", before: "before" });
const DELAY = 450;

/**
 * @param {import("../state.js").AppStore} store
 * @param {Record<string, () => unknown>} actions
 * @param {import("./pen.js").Pen} pen
 */
export function listen(store, actions, pen) {
  document.addEventListener("keydown", (event) => keyDown(event, store, actions, pen));
  document.addEventListener("keyup", (event) => keyUp(event, store, actions, pen));
  window.addEventListener("blur", () => store.set({ hidden: false, before: false, spaceHeld: false }));
  document.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest?.("[data-action]");
    if (button && !(/** @type {HTMLButtonElement} */ (button).disabled)) actions[/** @type {HTMLElement} */ (button).dataset.action ?? ""]?.();
    const byMouse = event.detail > 0 && !document.querySelector("dialog[open]") && !$("editor").hidden;
    if (byMouse && document.activeElement?.matches("button")) $("canvas").focus({ preventScroll: true }); // Space plays, it does not click again
  });
  for (const button of document.querySelectorAll("[data-hold]")) {
    button.addEventListener("pointerdown", () => store.set({ before: true }));
    button.addEventListener("keydown", (/** @type {any} */ event) => (event.key === "Enter" || event.key === " ") && store.set({ before: true }));
    for (const end of ["pointerup", "pointerleave", "keyup", "blur"]) button.addEventListener(end, () => store.set({ before: false }));
  }
  tooltips();
}

/** @param {KeyboardEvent} event @returns {boolean} the key belongs to a field, a dialog or the start screen */
function elsewhere(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if ($("editor").hidden || document.querySelector("dialog[open]")) return true;
  if (target.matches?.("input:not([type=range], [type=color]), select, textarea")) return true;
  const onButton = target.matches?.("button, [role=radio], [type=color], a[href]") && (event.key === "Enter" || event.key === " ");
  return onButton || Boolean(target.matches?.("input[type=range]") && event.key.startsWith("Arrow"));
}

/** @param {KeyboardEvent} event @param {import("../state.js").AppStore} store @param {Record<string, () => unknown>} actions @param {import("./pen.js").Pen} pen */
function keyDown(event, store, actions, pen) {
  if (event.repeat && event.key === "Enter" && /** @type {HTMLElement} */ (event.target).matches?.("button")) event.preventDefault(); // a held key clicks once
  if (elsewhere(event)) return;
  const found = actionOf(event);
  if (!found) return;
  event.preventDefault();
  if (found.action === "play" && event.key === " ") {
    if (!event.repeat) pen.panned = false;
    return store.set({ spaceHeld: true }); // plays when it is let go, unless it served to pan
  }
  if (found.held) return store.set({ [HELD[found.action]]: true });
  if (found.action === "object.choose") {
    const object = store.state.project?.objects[(found.object ?? 0) - 1]; // its place in the list: ids are never used again
    if (object) store.set({ objectId: object.id });
    return;
  }
  const repeats = /^(frame|brush|zoom)\./.test(found.action) || found.action === "undo" || found.action === "redo";
  if (!event.repeat || repeats) actions[found.action]?.();
}

/** @param {KeyboardEvent} event @param {import("../state.js").AppStore} store @param {Record<string, () => unknown>} actions @param {import("./pen.js").Pen} pen */
function keyUp(event, store, actions, pen) {
  if (event.key === " " && store.state.spaceHeld) {
    store.set({ spaceHeld: false });
    if (!pen.panned && !elsewhere(event)) actions.play();
  }
  const found = actionOf({ key: event.key, code: event.code }); // Shift may have come after it
  if (found?.held) store.set({ [HELD[found.action]]: false });
}

/** One tooltip for the page: what the control does and its key. */
function tooltips() {
  const tip = $("tip");
  let timer = 0;
  const hide = () => (clearTimeout(timer), (tip.hidden = true));
  const show = (/** @type {HTMLElement} */ owner) => {
    const keys = owner.dataset.keys ?? keyOf(owner.dataset.action ?? owner.dataset.hold ?? "");
    tip.replaceChildren(owner.dataset.tip ?? "", keys ? h("kbd", {}, keys.length < 5 ? keys : readable(keys)) : "");
    tip.hidden = false;
    const [at, own] = [owner.getBoundingClientRect(), tip.getBoundingClientRect()];
    const below = at.bottom + own.height + 12 < innerHeight;
    tip.style.left = `${Math.max(6, Math.min(innerWidth - own.width - 6, at.left + at.width / 2 - own.width / 2))}px`;
    tip.style.top = `${below ? at.bottom + 7 : at.top - own.height - 7}px`;
  };
  const over = (/** @type {Event} */ event) => {
    const owner = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest?.("[data-tip]"));
    hide();
    if (owner) timer = window.setTimeout(() => owner.isConnected && show(owner), DELAY);
  };
  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", (event) => /** @type {HTMLElement} */ (event.target).matches(":focus-visible") && over(event));
  for (const end of ["pointerdown", "keydown", "focusout", "wheel"]) document.addEventListener(end, hide, { passive: true });
}

/** Give every control with a tooltip a name for screen readers, too. */
export function nameControls() {
  for (const control of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("button[data-tip]"))) {
    if (!control.textContent?.trim() && !control.hasAttribute("aria-label")) control.setAttribute("aria-label", control.dataset.tip ?? "");
    const action = control.dataset.action;
    if (action && keyOf(action)) control.setAttribute("aria-keyshortcuts", keyOf(action).replace("Ctrl", "Control"));
  }
}
