/** A question before something that cannot be taken back. */

import { $, h, icon } from "./dom.js";

/**
 * @param {string} title the question
 * @param {string} text what will happen
 * @param {string} yes the word on the button that does it
 * @returns {Promise<boolean>} whether to do it
 */
export function ask(title, text, yes) {
  const dialog = /** @type {HTMLDialogElement} */ ($("ask"));
  dialog.replaceChildren(
    h(
      "form",
      { method: "dialog" },
      h("header", {}, h("h2", { id: "ask-title" }, title), h("button", { class: "icon", value: "no", "aria-label": "Close" }, icon("close"))),
      h("div", { class: "body" }, h("p", {}, text)),
      h("footer", {}, h("button", { class: "plain", value: "no", autofocus: true }, "Cancel"), h("button", { class: "plain danger", value: "yes" }, yes)),
    ),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
