/** Export: what, which objects, which frames; progress; the file. */

import { call } from "../data/api.js";
import { bytes, plural } from "../pure/format.js";
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
  const range = first !== null || last !== null;
  const form = h("form", { method: "dialog" }, head(), h("div", { class: "body" }, formats(choice?.format ?? "palette"), scope(project, choice, { first, last, range })), h("footer", {}));
  const footer = form.querySelector("footer");
  const begin = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const data = new FormData(form);
    const ids = data.get("objects") === "all" ? null : [Number(data.get("objects"))];
    const marks = data.get("range") === "marks" ? { first, last } : { first: null, last: null };
    await editing.last;
    await run(editing, { format: String(data.get("format")), object_ids: ids, ...marks }, footer, idle);
  };
  const idle = () =>
    footer.replaceChildren(
      h("button", { class: "plain", value: "close", type: "submit", formnovalidate: true }, "Close"),
      h("button", { class: "primary", id: "export-go", type: "button", onclick: begin }, icon("export"), "Export"),
    );
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

/**
 * @param {import("../data/types.js").Project} project
 * @param {import("../data/types.js").ExportRequest | null} choice
 * @param {{first: number | null, last: number | null, range: boolean}} marks
 */
function scope(project, choice, { first, last, range }) {
  const one = choice?.object_ids?.length === 1 ? String(choice.object_ids[0]) : "all";
  const options = [["all", "All objects"], ...project.objects.map((object) => [String(object.id), object.name])];
  const objects = h("select", { name: "objects", "aria-label": "Objects" }, ...options.map(([value, name]) => h("option", { value }, name)));
  if (options.some(([value]) => value === one)) objects.value = one;
  const end = project.clip.num_frames - 1;
  const frames = h(
    "select",
    { name: "range", "aria-label": "Frames" },
    h("option", { value: "all" }, `All ${plural(end + 1, "frame")}`),
    range && h("option", { value: "marks" }, `Frames ${first ?? 0} to ${last ?? end} (in and out marks)`),
  );
  if (range) frames.value = "marks";
  return h("div", {}, h("h3", {}, "Which"), h("div", { class: "line" }, objects, frames));
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
