/** Export: what, which objects, which frames; progress; the file. */

import { call } from "../data/api.js";
import { chosenObjects, objectIds, ranges } from "../pure/export_choice.js";
import { bytes } from "../pure/format.js";
import { colourOf, css } from "../pure/palette.js";
import { $, h, icon, report } from "./dom.js";

/** @typedef {import("../data/types.js").ExportJob} ExportJob */

const FORMATS = [
  ["palette", "Palette PNG", "One label image a frame, DAVIS colours"],
  ["binary", "Binary PNG", "Black and white, a folder an object"],
  ["overlay", "Overlay video", "Masks over the clip, mp4"],
  ["green", "Green screen", "The objects on green, mp4"],
  ["prores", "Alpha video, ProRes 4444", "For editing programs, mov"],
  ["webm", "Alpha video, VP9", "For the web, webm"],
  ["coco", "COCO JSON", "Run-length masks with boxes and areas"],
  ["scribbles", "Scribbles JSON", "Your strokes, as DAVIS writes them"],
];
const POLL = 330; // milliseconds

/** @param {import("../state.js").AppStore} store @param {import("../data/editing.js").Editing} editing */
export function showExport(store, editing) {
  const dialog = /** @type {HTMLDialogElement} */ ($("export"));
  const { project, first, last } = store.state;
  if (!project || dialog.open) return;
  const choice = project.export_choice;
  const offered = ranges({ first, last }, choice, project.clip.num_frames);
  const which = h("div", {}, ...objects(project, choice), h("h3", {}, "Frames"), frames(offered));
  const form = h("form", { method: "dialog" }, head(), h("div", { class: "body" }, formats(choice?.format ?? "palette"), which), h("footer", {}));
  const footer = form.querySelector("footer");
  const begin = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const data = new FormData(form);
    const ids = objectIds(data.getAll("object").map(Number), project.objects);
    const range = offered[Number(data.get("range"))];
    await editing.last;
    await run(editing, { format: String(data.get("format")), object_ids: ids, first: range.first, last: range.last }, footer, idle);
  };
  const idle = () => {
    const go = h("button", { class: "primary", id: "export-go", type: "button", onclick: begin }, icon("export"), "Export");
    const missing = h("span", { class: "quiet push", id: "export-missing", role: "status" });
    const check = () => {
      go.disabled = !form.querySelector("[name=object]:checked");
      missing.textContent = go.disabled ? "Choose at least one object." : "";
    };
    form.onchange = check;
    footer.replaceChildren(missing, h("button", { class: "plain", value: "close", type: "submit", formnovalidate: true }, "Close"), go);
    check();
  };
  idle();
  dialog.replaceChildren(form);
  dialog.showModal();
  form.querySelector("input:checked").focus();
}

function head() {
  return h("header", {}, h("h2", { id: "export-title" }, "Export"), h("button", { class: "icon", "aria-label": "Close", value: "close" }, icon("close")));
}

/** @param {string} chosen */
function formats(chosen) {
  const choices = FORMATS.map(([value, name, text]) =>
    h("label", { class: "choice" }, h("input", { type: "radio", name: "format", value, checked: value === chosen }), h("span", {}, h("strong", {}, name), h("small", {}, text))),
  );
  return h("div", {}, h("h3", {}, "Format"), h("div", { class: "choices", role: "radiogroup", "aria-label": "Format" }, ...choices));
}

/** A heading and a box to tick for every object. @param {import("../data/types.js").Project} project @param {import("../data/types.js").ExportRequest | null} choice */
function objects(project, choice) {
  const chosen = chosenObjects(choice, project.objects);
  const boxes = project.objects.map((object) => {
    const swatch = h("span", { class: "swatch" });
    swatch.style.background = css(colourOf(object));
    return h("label", { class: "pick" }, h("input", { type: "checkbox", name: "object", value: object.id, checked: chosen.has(object.id) }), swatch, object.name);
  });
  const list = h("div", { class: "picks", role: "group", "aria-label": "Objects" }, ...boxes);
  const heading = h("h3", { class: "with-buttons" }, "Objects");
  if (boxes.length < 2) return [heading, list];
  const all = (/** @type {boolean} */ on) => () => {
    for (const box of list.querySelectorAll("[name=object]")) box.checked = on;
    list.dispatchEvent(new Event("change", { bubbles: true }));
  };
  heading.append(h("button", { class: "plain small", id: "pick-all", type: "button", onclick: all(true) }, "All"), h("button", { class: "plain small", id: "pick-none", type: "button", onclick: all(false) }, "None"));
  return [heading, list];
}

/** @param {import("../pure/export_choice.js").Range[]} offered */
function frames(offered) {
  const select = h("select", { name: "range", "aria-label": "Frames" }, ...offered.map(({ text }, i) => h("option", { value: i }, text)));
  select.value = offered.findIndex((range) => range.preferred);
  return select;
}

/**
 * Start an export and follow it to its end.
 * @param {import("../data/editing.js").Editing} editing
 * @param {import("../data/types.js").ExportRequest} request
 * @param {HTMLElement} footer
 * @param {() => void} idle
 */
async function run(editing, request, footer, idle) {
  try {
    /** @type {ExportJob} */
    let job = await call("POST", `${editing.path}/exports`, { body: request });
    const bar = h("progress", { max: Math.max(1, job.total), value: 0, "aria-label": "Progress of the export" });
    const state = h("span", { class: "quiet number" }, "");
    const cancel = () => call("POST", `${editing.path}/exports/${job.number}/cancel`).catch(report);
    footer.replaceChildren(h("div", { class: "push" }, bar), state, h("button", { class: "plain", type: "button", onclick: cancel }, "Cancel"));
    while (job.status === "running") {
      await new Promise((resolve) => setTimeout(resolve, POLL));
      job = await call("GET", `${editing.path}/exports/${job.number}`);
      [bar.max, bar.value] = [Math.max(1, job.total), job.done];
      state.textContent = `${job.done} of ${job.total}`;
    }
    await editing.reload().catch(() => {}); // the choice is remembered
    finished(job, footer, idle);
  } catch (error) {
    report(error);
    idle();
  }
}

/** @param {ExportJob} job @param {HTMLElement} footer @param {() => void} idle */
function finished(job, footer, idle) {
  if (job.status === "cancelled") return idle();
  if (job.status !== "done" || !job.url) {
    report(new Error(job.message ?? "The export failed. Try again."));
    return idle();
  }
  const link = h("a", { href: job.url, download: job.name, id: "export-link" });
  footer.replaceChildren(
    icon("check"),
    h("span", { class: "push path" }, h("strong", {}, `${job.name}, ${bytes(job.bytes ?? 0)}`), h("small", { class: "quiet" }, job.path)),
    link,
    h("button", { class: "plain", type: "button", onclick: idle }, "Another"),
    h("button", { class: "primary", id: "export-save", type: "button", onclick: () => link.click() }, "Download"),
  );
}
