/** The page: makes the parts, connects them, opens projects. */

import { call } from "./data/api.js";
import { Editing } from "./data/editing.js";
import { newStore, restoreView, viewOf } from "./state.js";
import { goTo, makeActions } from "./ui/actions.js";
import { coach } from "./ui/coach.js";
import { $, report, toast } from "./ui/dom.js";
import { exportDialog } from "./ui/export_dialog.js";
import { showHelp } from "./ui/help.js";
import { listen, nameControls } from "./ui/keyboard.js";
import { confirmNeeds, fetchNeeds } from "./ui/needs.js";
import { objectList } from "./ui/objects.js";
import { maskImport } from "./ui/mask_import.js";
import { Pen } from "./ui/pen.js";
import { Playing } from "./ui/playing.js";
import { roundsPanel } from "./ui/rounds_panel.js";
import { Stage } from "./ui/stage.js";
import { catchDrops, showStart } from "./ui/start.js";
import { strokesList } from "./ui/strokes_list.js";
import { studyPanel } from "./ui/study.js";
import { Timeline } from "./ui/timeline.js";
import { bars } from "./ui/view_bar.js";

const store = newStore();
/** @type {Editing | null} */
let editing = null;
let visits = 0; // a later visit overtakes one whose answer is on its way
/** @type {import("./data/types.js").AppFacts} */
let app;
/** @type {Set<string>} projects whose needs the user has seen */
const informed = new Set();

const current = () => editing;
const stage = new Stage(store, current);
const pen = new Pen(stage);
const study = studyPanel(store, openProject);
const masks = maskImport(store, current);
const parts = { store, editing: current, stage, pen, show, importMasks: masks.choose, selectForStudy: study.select };
const go = goTo(parts);
const showExport = exportDialog(store, current);
bars(store, go, stage);
new Playing(store, current);
new Timeline(store, go, current);
objectList(store, current);
strokesList(store, current);
roundsPanel(store, current);
coach(store);
listen(store, makeActions(parts), pen);
nameControls();
rememberView();
catchDrops(masks.take);
window.addEventListener("beforeunload", (event) => editing?.waiting && event.preventDefault()); // strokes are on their way
begin().catch(report);

/** Decide what to show first: a study, the project of the address, the one of the command line, or the start screen. */
async function begin() {
  app = await call("GET", "/app");
  window.addEventListener("hashchange", () => follow().catch(report));
  if (app.study) return study.begin();
  if (!named() && app.open_project) location.replace(`#/${app.open_project}`);
  else await follow();
}

/** @returns {string} id of the project in the address; empty on the start screen */
function named() {
  return location.hash.replace(/^#\/?/, "");
}

async function follow() {
  const id = named();
  const visit = (visits += 1);
  if (id === editing?.id) return;
  if (!id) return leave();
  await openProject(id, visit).catch((error) => {
    report(error);
    if (visit === visits) return leave();
  });
}

/** @param {string} id @param {number} [visit] */
async function openProject(id, visit = (visits += 1)) {
  const project = await call("GET", `/projects/${id}`);
  if (visit !== visits) return;
  close();
  editing = new Editing(project, store, report, gone);
  restoreView(store, project);
  $("start").hidden = true;
  $("editor").hidden = false;
  stage.begin();
  $("canvas").focus({ preventScroll: true });
  const opened = editing;
  const told = (/** @type {import("./data/types.js").Needs} */ needs) => {
    if (editing !== opened) return;
    store.set({ needs });
    if (!project.seq && !informed.has(id)) for (const warning of needs.warnings) toast(warning, { seconds: 15 }); // before work starts
  };
  fetchNeeds(id).then(told, () => {}); // the figures are only a hint beside the button
}

/** The open project was deleted in another tab. */
function gone() {
  toast("This project was deleted in another tab.", { error: true });
  leave().catch(report);
}

/** Close what is open, and the dialogs that belong to it. */
function close() {
  for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll("dialog[open]"))) dialog.close();
  pen.drop();
  editing?.close();
  editing = null;
}

async function leave() {
  close();
  if (named()) history.replaceState(null, "", "#");
  await showStart(app, async (project, { isNew }) => {
    const visit = visits;
    const needs = isNew && !editing ? await fetchNeeds(project.id) : null;
    if (editing || visit !== visits) return toast(`${project.name} is in the list of projects now.`); // another one was opened
    const begins = needs === null || (await confirmNeeds(project.name, needs));
    if (editing || visit !== visits) return;
    if (!begins) return leave(); // the list has it now
    if (isNew) informed.add(project.id);
    location.hash = `#/${project.id}`;
  });
}

/** @param {"export" | "help" | "open"} what */
function show(what) {
  if (what === "help") showHelp();
  if (what === "export") showExport();
  if (what === "open" && !store.state.study) location.hash = "#";
}

/** Tell the server where the user looks, a moment after it changed, so that reopening continues there. */
function rememberView() {
  let timer = 0;
  store.watch(["t", "playing", "first", "last", "objectId", "overlay", "opacity", "brush"], (s) => {
    clearTimeout(timer);
    const looking = editing;
    if (looking && !s.playing) timer = window.setTimeout(() => editing === looking && looking.saveView(viewOf(store.state)), 700);
  });
}
