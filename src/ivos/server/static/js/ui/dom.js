/** Small helpers for elements. Text always goes in as text, never as HTML. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] `class`, `data-*`, `aria-*` and other attributes; `on...` listeners; booleans as flags
 * @param {...(Node | string | null | false | undefined)} children
 * @returns {any} the element
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false && child !== undefined).map((c) => /** @type {any} */ (c)));
  return element;
}

/** @param {string} name a symbol of icons.svg @returns {SVGSVGElement} */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

/** @param {string} id @returns {any} the element of index.html with this id */
export function $(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * Replace what an element holds, without touching it when nothing changed.
 * @param {Element} parent
 * @param {string} key what the children depend on, as text
 * @param {() => (Node | string)[]} make
 */
export function refill(parent, key, make) {
  const own = /** @type {HTMLElement} */ (parent);
  if (own.dataset.filled === key) return;
  own.dataset.filled = key;
  const reachable = () => /** @type {HTMLElement[]} */ ([...parent.querySelectorAll("button, input")]);
  const focused = reachable().indexOf(/** @type {HTMLElement} */ (document.activeElement));
  parent.replaceChildren(...make());
  if (focused >= 0) reachable()[Math.min(focused, reachable().length - 1)]?.focus(); // who walks by keyboard stays there
}

/**
 * Scroll a list, and nothing around it, until a part of it is in sight.
 * @param {Element} list @param {Element} part
 */
export function scrollWithin(list, part) {
  const [all, one] = [list.getBoundingClientRect(), part.getBoundingClientRect()];
  if (one.top < all.top) list.scrollTop -= all.top - one.top;
  else if (one.bottom > all.bottom) list.scrollTop += one.bottom - all.bottom;
}

/** @type {HTMLElement | any} */
let toasts = null;

/** @param {string} message a sentence @param {{error?: boolean, seconds?: number, link?: HTMLElement}} [how] */
export function toast(message, how = {}) {
  const box = (toasts ??= $("toasts"));
  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]")); // hides what is not in it
  if (dialog && box.parentElement !== dialog) {
    dialog.append(box);
    dialog.addEventListener("close", () => document.body.append(box), { once: true });
  }
  for (const old of box.children) if (old.dataset.message === message) old.remove();
  const element = h(
    "div",
    { class: how.error ? "toast error" : "toast", "data-message": message },
    h("p", {}, message, how.link && " ", how.link),
    h("button", { "aria-label": "Close this message", onclick: () => element.remove() }, icon("close")),
  );
  box.append(element);
  while (box.children.length > 4) box.firstElementChild.remove();
  setTimeout(() => element.remove(), 1000 * (how.seconds ?? (how.error ? 12 : 5)));
}

/** @param {unknown} error anything thrown; aborted requests are no news */
export function report(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const message = error instanceof Error ? error.message : String(error);
  if (/** @type {any} */ (error)?.code === "cancelled") return toast(message);
  toast(message, { error: true });
}
