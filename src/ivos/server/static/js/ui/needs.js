/** What a clip needs on this machine, said before work starts. */

import { call } from "../data/api.js";
import { bytes, duration } from "../pure/format.js";
import { $, h, icon } from "./dom.js";

/** @typedef {import("../data/types.js").Needs} Needs */

/** @param {string} id of a project @returns {Promise<Needs>} */
export function fetchNeeds(id) {
  return call("GET", `/projects/${id}/needs`);
}

/** @param {string} name of the clip @param {Needs} needs @returns {Promise<boolean>} whether the user wants to begin */
export function confirmNeeds(name, needs) {
  const dialog = /** @type {HTMLDialogElement} */ ($("needs"));
  const facts = [
    ["Clip", `${needs.width} × ${needs.height}, ${needs.num_frames} frames, ${duration(needs.duration_seconds)}`],
    ["The networks work at", `${needs.working_width} × ${needs.working_height}`],
    ["Memory", bytes(needs.memory_bytes)],
    ["Disk a round", `${bytes(needs.disk_bytes_per_round)} (${bytes(needs.free_disk_bytes)} free)`],
    ["A round on this machine", `about ${duration(needs.seconds_per_round)}`],
  ];
  const close = h("button", { class: "icon", value: "no", "aria-label": "Close" }, icon("close"));
  dialog.replaceChildren(
    h(
      "form",
      { method: "dialog" },
      h("header", {}, h("h2", { id: "needs-title" }, name), close),
      h("div", { class: "body" }, h("dl", { class: "table" }, ...facts.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)])), ...needs.warnings.map((text) => h("p", { class: "notice" }, text))),
      h("footer", {}, h("button", { class: "plain", value: "no" }, "Back"), h("button", { class: "primary", value: "yes", autofocus: true }, "Start")),
    ),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
