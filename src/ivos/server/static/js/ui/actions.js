/**
 * What every key and button does, by name. Buttons carry `data-action`, keys come from the key map; both end here.
 *
 * @typedef {import("../state.js").AppStore} AppStore
 * @typedef {object} Parts
 * @property {AppStore} store
 * @property {() => import("../data/editing.js").Editing | null} editing
 * @property {import("./stage.js").Stage} stage
 * @property {import("./pen.js").Pen} pen
 * @property {(name: "export" | "help" | "open") => void} show
 * @property {() => void} importMasks
 * @property {() => void} selectForStudy
 */

import { step } from "../pure/brush.js";
import { MODES } from "../pure/composite.js";
import { neighbour } from "../pure/timeline_layout.js";
import { toast } from "./dom.js";

const WHOLE_ROUNDS = "A study measures whole rounds: there are no marks in it, and R goes both ways.";

/** @param {Parts} parts @returns {Record<string, () => unknown>} */
export function makeActions(parts) {
  return { ...lookActions(parts), ...moveActions(parts), ...editActions(parts), ...roundActions(parts), ...appActions(parts) };
}

/** @param {Parts} parts @returns {(t: number) => void} go to a frame, kept in the clip; refused while a study locks the slider */
export function goTo({ store, pen }) {
  return (t) => {
    const { project, study } = store.state;
    if (!project) return;
    if (study?.slider_locked) return toast("The frame is fixed until you propagate: this is what the study measures.");
    pen?.endDrawing();
    store.set({ t: Math.max(0, Math.min(project.clip.num_frames - 1, Math.round(t))), picked: null, playing: false });
  };
}

/** @param {Parts} parts */
function moveActions(parts) {
  const { store, pen } = parts;
  const go = goTo(parts);
  const by = (/** @type {number} */ d) => () => go(store.state.t + d);
  const marked = (/** @type {1 | -1} */ direction) => () => {
    const t = neighbour(store.state.project?.annotated ?? [], store.state.t, direction);
    if (t === null) toast(direction > 0 ? "No annotated frame after this one." : "No annotated frame before this one.");
    else go(t);
  };
  const mark = (/** @type {"first" | "last"} */ name) => () => {
    const { t, first, last, study } = store.state;
    if (study) return toast(WHOLE_ROUNDS);
    if (store.state[name] === t) return store.set({ [name]: null });
    if (name === "first") store.set({ first: t, last: last !== null && last < t ? null : last });
    else store.set({ last: t, first: first !== null && first > t ? null : first });
  };
  return {
    "frame.previous": by(-1), "frame.next": by(1), "frame.back10": by(-10), "frame.forward10": by(10),
    "frame.first": () => go(0), "frame.last": () => go(Infinity),
    "frame.previousMarked": marked(-1), "frame.nextMarked": marked(1), "mark.in": mark("first"), "mark.out": mark("last"),
    play: () => {
      if (store.state.study?.slider_locked && !store.state.playing) return go(store.state.t);
      pen?.endDrawing();
      store.set({ playing: !store.state.playing });
    },
    worst: () => {
      const [{ worst }, { first, last }] = [store.state.project ?? {}, store.state];
      if (!worst) return toast("No frame has a result yet. Scribble on an object and propagate first.");
      go(worst.frame); // its reason is on the stage as long as the frame is
      const outside = worst.frame < (first ?? 0) || worst.frame > (last ?? Infinity);
      if (outside) toast("This frame lies outside the in and out marks. Take them away before you propagate from it.");
    },
  };
}

/** @param {Parts} parts */
function lookActions({ store, stage }) {
  return {
    "mode.next": () => {
      const at = MODES.findIndex(({ mode }) => mode === store.state.overlay);
      store.set({ overlay: MODES[(at + 1) % MODES.length].mode });
    },
    "zoom.fit": () => stage.fit(),
    "zoom.one": () => stage.one(),
    "zoom.in": () => stage.zoom(1.25),
    "zoom.out": () => stage.zoom(0.8),
  };
}

/** @param {Parts} parts */
function editActions({ store, editing, pen }) {
  /** @typedef {import("../data/types.js").Stroke | import("../data/types.js").Paint} Drawn */
  /** Delete what `choose` takes of what is drawn on the frame and in the project where the key was pressed, what is on its way included. */
  const remove = async (/** @type {(here: Drawn[], all: Drawn[]) => Drawn[]} */ choose, /** @type {string} */ missing) => {
    const [project, { t }] = [editing(), store.state];
    await project?.last;
    if (!project) return;
    const all = [...project.project.strokes, ...project.project.paints];
    const chosen = choose(all.filter((each) => each.frame === t), all);
    if (chosen.length) return project.deleteDrawn(chosen.map((each) => each.id));
    if (!project.left) toast(missing);
  };
  const tool = (/** @type {import("../state.js").Tool} */ name) => () => store.set({ tool: name, picked: null });
  return {
    "tool.draw": tool("draw"), "tool.select": tool("select"), "tool.brush": tool("brush"), "tool.eraser": tool("eraser"),
    "sign.toggle": () => store.set({ sign: store.state.sign === "add" ? "remove" : "add" }),
    "sign.add": () => store.set({ sign: "add" }),
    "sign.remove": () => store.set({ sign: "remove" }),
    "brush.smaller": () => store.set({ brush: step(store.state.brush, -1) }),
    "brush.larger": () => store.set({ brush: step(store.state.brush, 1) }),
    "object.new": async () => {
      const change = await editing()?.change("POST", "/objects", { name: null });
      const newest = change?.project.objects.at(-1);
      if (newest) store.set({ objectId: newest.id });
    },
    "delete.stroke": () => {
      const [project, { picked }] = [editing(), store.state];
      return remove((here) => {
        const id = project?.sent.get(String(picked)) ?? picked;
        const strokes = here.filter((each) => "path" in each);
        return strokes.filter((stroke) => stroke.id === id).concat(strokes.slice(-1)).slice(0, 1);
      }, "There is no stroke to delete on this frame.");
    },
    "delete.frame": () => remove((here) => here, "There is nothing to delete on this frame."),
    "delete.all": () => remove((_, all) => all, "There is nothing to delete in this project."),
    "delete.object": () => {
      const { objectId } = store.state;
      const own = (/** @type {Drawn} */ each) => ("path" in each ? each.object_id === objectId : each.object_ids.every((id) => id === objectId));
      return remove((here) => here.filter(own), "There is nothing of this object to delete on this frame.");
    },
    undo: () => (pen.drop() ? undefined : takeStep(store, editing, "undo")),
    redo: () => (pen.drop() ? undefined : takeStep(store, editing, "redo")),
  };
}

/** @param {AppStore} store @param {() => import("../data/editing.js").Editing | null} editing @param {"undo" | "redo"} way */
async function takeStep(store, editing, way) {
  if (store.state.round) return toast(`A round is running. Stop it with Esc before you ${way}.`);
  const here = editing();
  await here?.last;
  if (!here || here.left) return;
  const what = here.project[way];
  if (!what) return toast(`There is nothing to ${way}.`);
  if (await here.change("POST", `/${way}`)) toast(`${way === "undo" ? "Undone" : "Done again"}: ${what}.`, { seconds: 2.5 });
}

/** @param {Parts} parts */
function roundActions({ store, editing, pen }) {
  const run = (/** @type {"both" | "forward" | "backward"} */ direction) => async () => {
    const { first, last, round, project } = store.state;
    if (round) return toast("A round is already running. Esc stops it.");
    if (store.state.study && direction !== "both") return toast(WHOLE_ROUNDS);
    if (pen.drag) return toast("Lift the pen first; then propagate.");
    if (!project?.annotated.length && !store.state.sending.length) return toast("Draw a scribble on an object first; then propagate.");
    store.set({ picked: null });
    await editing()?.round.start(direction, first, last);
  };
  return {
    "round.both": run("both"), "round.forward": run("forward"), "round.backward": run("backward"),
    "round.keep": () => editing()?.round.settle(true),
    "round.discard": () => editing()?.round.settle(false),
    cancel: () => {
      if (pen.drop()) return;
      if (store.state.round) return editing()?.round.cancel();
      store.set({ picked: null, playing: false });
    },
  };
}

/** @param {Parts} parts */
function appActions({ show, importMasks, selectForStudy, editing }) {
  return {
    save: async () => {
      await editing()?.last;
      toast("Everything is saved: the project is written after every stroke and round.", { seconds: 3 });
    },
    open: () => show("open"),
    export: () => show("export"),
    help: () => show("help"),
    "mask.import": importMasks,
    "study.select": selectForStudy,
  };
}
