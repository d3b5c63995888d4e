/** Export: what, which objects, which frames; progress; the file. */

import { chosenObjects, lacking, objectIds, ranges } from "../pure/export_choice.js";
import { bytes } from "../pure/format.js";
import { colourOf, css } from "../pure/palette.js";
import { $, h, icon, report, toast } from "./dom.js";

/** @typedef {import("../data/types.js").ExportJob} ExportJob */

const FORMATS = [
  ["palette", "Palette PNG", "One label image a frame, DAVIS colours"],
  ["binary", "Binary PNG", "Black and white, a folder an object"],
  ["overlay", "Overlay video", "Masks over the clip, mp4"],
  ["green", "Green screen", "The objects on green, mp4"],
  ["prores", "Alpha video, ProRes 4444", "For editing programs, mov"],
  ["webm", "Alpha video, VP9", "For the web, webm"],
  ["coco", "COCO JSON", "Run-length masks with boxes and areas"],
  ["scribbles", "Scribbles JSON", "Your strokes, without brushwork, as DAVIS writes them"],
];
/**
 * @param {import("../state.js").AppStore} store
 * @param {() => import("../data/editing.js").Editing | null} current
 * @returns {() => void} shows the dialog; an export at work goes on when it is closed, and is there when it is opened again
 */
export function exportDialog(store, current) {
  const dialog = /** @type {HTMLDialogElement} */ ($("export"));
  let told = ""; // the export whose end was told last, by its path
  let idle = () => {};
  let tell = () => {}; // what the chosen masks lack
  const footer = () => /** @type {HTMLElement} */ (dialog.querySelector("footer"));
  store.watch(["exporting"], ({ exporting: job }) => {
    const working = job?.status === "running";
    const ended = job !== null && !working && job.path !== told; // a quick one was never seen at work
    if (ended) told = job.path;
    const shown = dialog.open && ended && job.status === "done";
    if (ended && !shown) announce(job);
    if (!dialog.open) return;
    if (job && working) progress(footer(), job, () => current()?.exports.cancel());
    else if (shown) finished(job, footer(), idle);
    else idle();
  });
  store.watch(["project", "round"], () => dialog.open && tell());
  return () => {
    const editing = current();
    const { project, first, last, exporting } = store.state;
    if (!editing || !project || dialog.open) return;
    const choice = project.export_choice;
    const offered = ranges({ first, last }, choice, project.clip.num_frames);
    const which = h("div", {}, ...objects(project, choice), h("h3", {}, "Frames"), frames(offered));
    const form = h("form", { method: "dialog" }, head(), h("div", { class: "body" }, formats(choice?.format ?? "palette"), which), h("footer", {}));
    const begin = () => {
      const data = new FormData(form);
      const ids = objectIds(data.getAll("object").map(Number), project.objects);
      const range = offered[Number(data.get("range"))];
      return editing.exports.start({ format: String(data.get("format")), object_ids: ids, first: range.first, last: range.last });
    };
    const lacks = () => {
      const { project: now } = editing;
      const data = new FormData(form);
      const shown = now.revisions.map((_, t) => editing.revision(t, false));
      return data.get("format") === "scribbles" ? "" : lacking(offered[Number(data.get("range"))], shown, now.stale);
    };
    idle = () => void (tell = offer(form, editing.project.export, begin, lacks));
    dialog.replaceChildren(form);
    dialog.showModal();
    if (exporting?.status === "running") progress(footer(), exporting, () => editing.exports.cancel());
    else {
      idle();
      editing.exports.attach(); // another tab's
    }
    form.querySelector("input:checked").focus();
  };
}

/**
 * The footer while nothing is at work: the button that begins, and the file of the last export.
 * @param {any} form
 * @param {ExportJob | null} last
 * @param {() => Promise<void>} begin
 * @param {() => string} lacks what the masks that are chosen lack
 * @returns {() => void} says it anew
 */
function offer(form, last, begin, lacks) {
  const go = h("button", { class: "primary", id: "export-go" }, icon("export"), "Export");
  form.onsubmit = async (/** @type {Event} */ event) => { // Enter anywhere in the form, too
    event.preventDefault();
    if (go.disabled || !go.isConnected) return;
    go.disabled = true;
    await begin();
    check();
  };
  const missing = h("span", { id: "export-missing", role: "status" });
  const chosen = () => form.querySelector("[name=object]:checked") !== null;
  const tell = () => void (missing.textContent = chosen() ? lacks() : "Choose at least one object.");
  const check = () => {
    go.disabled = !chosen();
    tell();
  };
  form.onchange = check;
  const file = last?.status === "done" && last.bytes !== null && ["Last export: ", link(last, last.name)];
  const close = h("button", { class: "plain", type: "button", onclick: () => form.closest("dialog").close() }, "Close");
  form.querySelector("footer").replaceChildren(h("span", { class: "push" }, missing, h("span", { class: "quiet" }, ...(file || []))), close, go);
  check();
  return tell;
}

/** @param {ExportJob} job @param {string} text @returns {HTMLElement} */
function link(job, text) {
  return h("a", { href: job.url, download: job.name }, text);
}

/** Say how an export ended to whom it did not watch. @param {ExportJob} job */
function announce(job) {
  if (job.status === "done") toast(`${job.name} is written.`, { seconds: 60, link: link(job, "Download") });
  if (job.status === "failed") report(new Error(job.message ?? "The export failed. Try again."));
}

function head() {
  const close = (/** @type {any} */ event) => event.currentTarget.closest("dialog").close();
  return h("header", {}, h("h2", { id: "export-title" }, "Export"), h("button", { class: "icon", "aria-label": "Close", type: "button", onclick: close }, icon("close")));
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

/** The footer while an export is at work. @param {HTMLElement} footer @param {ExportJob} job @param {() => unknown} cancel */
function progress(footer, job, cancel) {
  if (!footer.querySelector("progress")) {
    const bar = h("progress", { "aria-label": "Progress of the export" });
    const stop = h("button", { class: "plain", id: "export-cancel", type: "button", onclick: cancel }, "Cancel");
    footer.replaceChildren(h("div", { class: "push" }, bar), h("span", { class: "quiet number" }), stop);
  }
  const bar = /** @type {HTMLProgressElement} */ (footer.querySelector("progress"));
  [bar.max, bar.value] = [Math.max(1, job.total), job.done];
  /** @type {Element} */ (footer.querySelector(".number")).textContent = `${job.done} of ${job.total}`;
}

/** The footer when the file is there. @param {ExportJob} job @param {HTMLElement} footer @param {() => void} idle */
function finished(job, footer, idle) {
  const file = link(job, "");
  file.id = "export-link";
  footer.replaceChildren(
    icon("check"),
    h("span", { class: "push path" }, h("strong", {}, `${job.name}, ${bytes(job.bytes ?? 0)}`), h("small", { class: "quiet" }, job.path)),
    file,
    h("button", { class: "plain", type: "button", onclick: idle }, "Another"),
    h("button", { class: "primary", id: "export-save", type: "button", onclick: () => file.click() }, "Download"),
  );
}
