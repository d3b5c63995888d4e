/** The start screen: drop or pick a video, the demo, recent projects, the four steps. */

import { call, upload } from "../data/api.js";
import { bytes } from "../pure/format.js";
import { FOUR_STEPS, picture } from "./drawings.js";
import { $, h, icon, report, toast } from "./dom.js";
import { recentProjects } from "./recent.js";

/** @typedef {import("../data/types.js").Summary} Summary */

/** What becomes of a file that is dropped on the start screen; null while one is on its way. @type {((file: File) => void) | null} */
let take = null;

/**
 * Catch files that are dropped anywhere in the window: the browser would leave the page for them.
 * @param {(files: File[]) => void} takeMasks what becomes of files that are dropped on an open project
 */
export function catchDrops(takeMasks) {
  const files = (/** @type {DragEvent} */ event) => Boolean(event.dataTransfer?.types.includes("Files"));
  const atWork = () => !$("editor").hidden && !document.querySelector("dialog[open]");
  const welcome = () => !$("start").hidden && take !== null;
  const light = (/** @type {boolean} */ on) => document.getElementById("drop")?.classList.toggle("over", on);
  window.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    /** @type {DataTransfer} */ (event.dataTransfer).dropEffect = welcome() || atWork() ? "copy" : "none";
    light(welcome());
  });
  window.addEventListener("dragleave", (event) => event.relatedTarget === null && light(false));
  window.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    light(false);
    const { files: dropped, items } = /** @type {DataTransfer} */ (event.dataTransfer);
    const folder = [...items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    if (atWork() && folder) return toast("Drop the mask files themselves: one for this frame, or several with the frame in each name.", { error: true });
    if (atWork()) return takeMasks([...dropped]);
    if (!welcome()) return;
    if (folder || dropped.length > 1) toast("Drop one video. Of a folder of images start ivos with its path: ivos app FOLDER.", { error: true });
    else if (dropped[0]) take?.(dropped[0]);
  });
}

/**
 * @param {import("../data/types.js").AppFacts} app
 * @param {(project: Summary, how: {isNew: boolean}) => void} open
 */
export function showStart(app, open) {
  const box = $("start");
  box.hidden = false;
  $("editor").hidden = true;
  document.title = "ivos";
  box.replaceChildren(
    h(
      "div",
      { class: "start-page" },
      h("div", {}, h("h1", {}, icon("logo"), "ivos"), h("p", { class: "lead" }, "Cut objects out of video with a few scribbles.")),
      !app.model.available && h("p", { class: "notice" }, app.model.message ?? "The model is not installed."),
      h("div", { class: "columns" }, dropZone(app, open), recentProjects(open)),
      h("ol", { class: "four" }, ...FOUR_STEPS.map((step) => h("li", {}, picture(step.picture), h("div", {}, h("h3", {}, step.title), h("p", {}, step.text))))),
    ),
  );
}

/** @param {import("../data/types.js").AppFacts} app @param {(project: Summary, how: {isNew: boolean}) => void} open */
function dropZone(app, open) {
  const input = h("input", { type: "file", accept: "video/*,.mkv,.mov,.avi,.webm,.mp4,.m4v", class: "hidden-text", tabindex: -1, "aria-label": "Video file" });
  const zone = h("div", { class: "drop", id: "drop" });
  const send = (/** @type {File} */ file) => {
    take = null;
    sendFile(zone, file, app, open).catch(report).finally(() => zone.isConnected && idle());
  };
  const demo = async (/** @type {any} */ event) => {
    event.target.disabled = true;
    await call("POST", "/projects/demo").then((project) => open(project, { isNew: false }), report);
    event.target.disabled = false;
  };
  const idle = () => {
    take = send;
    zone.replaceChildren(
      icon("film"),
      h("h2", {}, "Drop a video here"),
      h(
        "div",
        { class: "buttons" },
        h("button", { class: "primary", onclick: () => input.click() }, "Choose a video…"),
        app.has_demo && h("button", { class: "plain", id: "demo", onclick: demo }, "Try the demo clip"),
      ),
      h("p", { class: "quiet" }, `Up to ${bytes(app.max_upload_bytes)}. It stays on this computer. A folder of images: `, h("kbd", {}, "ivos app FOLDER")),
      input,
    );
  };
  input.addEventListener("change", () => {
    const file = input.files[0];
    input.value = ""; // so that the same file can be chosen again
    if (file) send(file);
  });
  idle();
  return zone;
}

/**
 * @param {HTMLElement} zone
 * @param {File} file
 * @param {import("../data/types.js").AppFacts} app
 * @param {(project: Summary, how: {isNew: boolean}) => void} open
 */
async function sendFile(zone, file, app, open) {
  if (file.size > app.max_upload_bytes) {
    throw new Error(`${file.name} has ${bytes(file.size)}; at most ${bytes(app.max_upload_bytes)} can be sent. Start ivos with its path instead: ivos app VIDEO.`);
  }
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
  const state = h("span", { class: "quiet number" }, bytes(file.size));
  const sending = upload(file, (sent, total) => {
    bar.value = sent / total;
    state.textContent = sent < total ? `${bytes(sent)} of ${bytes(total)}` : "Reading the clip…";
  });
  const cancel = h("button", { class: "plain", onclick: sending.cancel }, "Cancel");
  zone.replaceChildren(h("h2", {}, file.name), bar, state, cancel);
  const project = await sending.done;
  cancel.remove(); // it is there; what it needs is said next
  await open(project, { isNew: true });
}
