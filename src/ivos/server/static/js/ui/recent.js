/** The list of projects on the start screen: open, rename, delete. */

import { call } from "../data/api.js";
import { Unsent } from "../data/unsent.js";
import { ago, bytes, plural } from "../pure/format.js";
import { ask } from "./ask.js";
import { h, icon, report, toast } from "./dom.js";

/** @typedef {import("../data/types.js").Summary} Summary */
/** @typedef {(project: Summary, how: {isNew: boolean}) => void} Open */

const EMPTY = "Projects you work on are saved as you go and appear here.";

/** @param {Open} open @returns {HTMLElement} filled as soon as the server has answered */
export function recentProjects(open) {
  const box = h("div", { class: "recent" }, h("h2", {}, "Recent projects"), h("p", { class: "empty" }, "Loading…"));
  const refresh = async () => {
    const { projects } = await call("GET", "/projects");
    const rows = projects.map((/** @type {Summary} */ project) => row(project, open, refresh));
    box.replaceChildren(h("h2", {}, "Recent projects"), rows.length ? h("ul", {}, ...rows) : h("p", { class: "empty" }, EMPTY));
  };
  refresh().catch(report);
  return box;
}

/** @param {Summary} project @param {Open} open @param {() => Promise<void>} refresh */
function row(project, open, refresh) {
  const item = h("li", { "data-project": project.id });
  const facts = `${plural(project.num_frames, "frame")} · ${plural(project.num_rounds, "round")} · ${ago(Date.parse(project.opened_at), Date.now())}`;
  const act = (/** @type {string} */ symbol, /** @type {string} */ name, /** @type {() => unknown} */ onclick) =>
    h("button", { class: "icon small", "data-tip": name, "aria-label": `${name} ${project.name}`, onclick }, icon(symbol));
  item.append(
    h(
      "button",
      { class: "open", onclick: () => open(project, { isNew: false }) },
      h("img", { src: project.thumbnail, alt: "", loading: "lazy" }),
      h("span", {}, h("strong", {}, project.name), h("span", { class: "quiet" }, facts)),
    ),
    act("edit", "Rename", () => rename(project, item, refresh)),
    act("trash", "Delete", () => remove(project, refresh)),
  );
  return item;
}

/** @param {Summary} project @param {HTMLElement} item @param {() => Promise<void>} refresh */
function rename(project, item, refresh) {
  let over = false;
  const finish = async (/** @type {string | null} */ text) => {
    if (over) return;
    over = true;
    const name = text?.trim();
    if (name && name !== project.name) await call("PATCH", `/projects/${project.id}`, { body: { name } }).catch(report);
    await refresh().catch(report);
    const own = document.querySelector(`[data-project="${project.id}"] .open`);
    if (own instanceof HTMLElement) own.focus();
  };
  const onkeydown = (/** @type {any} */ event) => {
    if (event.key === "Enter") finish(event.target.value);
    if (event.key === "Escape") finish(null);
  };
  const field = h("input", { class: "name", value: project.name, maxlength: 80, "aria-label": "Name of the project", onkeydown, onblur: (/** @type {any} */ e) => finish(e.target.value) });
  item.replaceChildren(field);
  field.focus();
  field.select();
}

/** @param {Summary} project @param {() => Promise<void>} refresh */
async function remove(project, refresh) {
  const text = `Its clip, strokes, masks and exports (${bytes(project.bytes)}) are deleted from the disk. This cannot be undone.`;
  if (!(await ask(`Delete ${project.name}?`, text, "Delete"))) return;
  const done = () => {
    new Unsent(project).forget();
    toast(`${project.name} was deleted.`);
  };
  await call("DELETE", `/projects/${project.id}`).then(done, report);
  await refresh().catch(report);
}
