/** Every shortcut, from the same table the keyboard uses. */

import { BINDINGS, GESTURES, readable } from "../pure/keymap.js";
import { FOUR_STEPS } from "./drawings.js";
import { $, h, icon } from "./dom.js";

/** Show the list of shortcuts. */
export function showHelp() {
  const dialog = /** @type {HTMLDialogElement} */ ($("help"));
  if (!dialog.firstChild) dialog.append(content());
  if (!dialog.open) dialog.showModal();
}

function content() {
  const rows = [...GESTURES, ...BINDINGS];
  const groups = [...new Set(BINDINGS.map(({ group }) => group))];
  const sections = groups.map((group) =>
    h(
      "section",
      {},
      h("h3", {}, group),
      h("dl", {}, ...rows.filter((row) => row.group === group).map(({ keys, text }) => h("div", {}, h("dt", {}, text), h("dd", {}, ...keys.map((key) => h("kbd", {}, readable(key))))))),
    ),
  );
  return h(
    "form",
    { method: "dialog" },
    h("header", {}, h("h2", { id: "help-title" }, "Shortcuts"), h("button", { class: "icon", "aria-label": "Close", autofocus: true }, icon("close"))),
    h("div", { class: "body" }, h("p", { class: "quiet" }, FOUR_STEPS.map(({ title }) => title).join("  ·  ")), h("div", { class: "shortcuts" }, ...sections)),
  );
}
