/** The four steps with the one that is next, the button that propagates, progress, and the question after a broken-off round. */

import { bytes, duration, plural } from "../pure/format.js";
import { $, h, icon, refill } from "./dom.js";

/** @typedef {import("../state.js").State} State */

const STEPS = ["Scribble on the object", "Propagate to all frames", "Correct the worst frame", "Export"];

/** @param {import("../state.js").AppStore} store @param {() => import("../data/editing.js").Editing | null} editing */
export function roundsPanel(store, editing) {
  const box = $("rounds");
  store.watch(["project", "round", "needs", "first", "last", "tick", "sending"], (s) => {
    if (!s.project) return;
    const stopping = Boolean(editing()?.round.stopping);
    if (s.round) {
      const key = `running ${stopping}`;
      refill(box, key, () => running(stopping));
      progress(box, s.round);
    } else {
      const next = nextStep(s);
      const range = s.first !== null || s.last !== null;
      refill(box, JSON.stringify([next, s.project.stale, range, facts(s), s.project.rounds.length]), () => idle(s, next));
    }
    undecided(s);
  });
}

/** @param {State} s @returns {number} 0..3, the step that is next */
export function nextStep(s) {
  const { annotated = [], rounds = [], stale = false, waiting = [] } = s.project ?? {};
  if (!rounds.length) return annotated.length || s.sending.length ? 1 : 0;
  if (!annotated.length) return 0; // every stroke was deleted
  return stale || waiting.length ? 1 : 2;
}

/** @param {State} s @param {number} next @returns {Node[]} */
function idle(s, next) {
  const ready = Boolean(s.project?.annotated.length || s.sending.length);
  const steps = STEPS.map((text, i) => h("li", { "data-step": i + 1, class: i < next ? "done" : "", "aria-current": i === next ? "step" : null }, text));
  const way = (/** @type {string} */ name, /** @type {string} */ tip) =>
    h("button", { class: "plain", "data-action": `round.${name}`, "data-tip": tip, "aria-label": tip, disabled: !ready }, icon(name));
  const go = h("button", { class: "primary", "data-action": "round.both", disabled: !ready, "data-tip": "Carry the masks to all frames, both ways" }, icon("both"), "Propagate", h("kbd", {}, "R"));
  return [
    h("header", {}, h("h2", {}, "Cut out")),
    h("ol", { class: "steps" }, ...steps),
    h("div", { class: "go" }, way("backward", "Propagate backward only"), go, way("forward", "Propagate forward only")),
    h("div", { class: "facts" }, ...facts(s).map((text, i) => h("span", { class: i === 0 && s.project?.stale && s.project.rounds.length ? "stale" : "" }, text))),
  ];
}

/** @param {State} s @returns {string[]} */
function facts(s) {
  const { rounds = [], clip, stale } = s.project ?? {};
  const [from, until] = [s.first ?? 0, s.last ?? (clip?.num_frames ?? 1) - 1];
  const last = rounds[rounds.length - 1];
  const parts = [];
  if (last && stale) parts.push(s.project?.annotated.length ? "Changed: propagate again" : "No strokes left: scribble again, or undo");
  else if (last) parts.push(`${plural(rounds.length, "round")}${last.partial ? ", the last one partial" : ""}`);
  else if (s.needs) parts.push(`A round: ${plural(until - from + 1, "frame")}, about ${duration(s.needs.seconds_per_frame * (until - from + 1))}, ${bytes(s.needs.memory_bytes)} of memory`);
  if (s.first !== null || s.last !== null) parts.push(`range ${from}–${until}`);
  else if (last && !stale) parts.push(`last took ${duration(last.seconds)}`);
  return parts;
}

/** @param {boolean} stopping @returns {Node[]} */
function running(stopping) {
  return [
    h("header", {}, h("h2", {}, stopping ? "Stopping…" : "Propagating")),
    h(
      "div",
      { class: "running" },
      h("progress", { max: 1, value: 0, "aria-label": "Progress of the round" }),
      h("div", { class: "facts" }, h("span", { "data-role": "done" }), h("span", { "data-role": "left" })),
      h("button", { class: "plain", "data-action": "cancel", disabled: stopping, "data-tip": "Stop; you may keep the finished frames" }, icon("close"), "Stop", h("kbd", {}, "Esc")),
    ),
  ];
}

/** @param {Element} box @param {import("../data/types.js").Progress} round */
function progress(box, round) {
  /** @type {HTMLProgressElement} */ (box.querySelector("progress")).value = round.total ? round.done / round.total : 0;
  const speed = round.frames_per_second ? ` · ${round.frames_per_second.toFixed(1)} frames/s` : "";
  const part = (/** @type {string} */ role, /** @type {string} */ text) => (/** @type {Element} */ (box.querySelector(`[data-role=${role}]`)).textContent = text);
  part("done", round.total ? `${round.done} of ${round.total}${speed}` : "Starting");
  part("left", typeof round.seconds_left === "number" ? `${duration(round.seconds_left)} left` : "");
}

/** @param {State} s */
function undecided(s) {
  const box = $("undecided");
  const open = s.round ? null : s.project?.undecided;
  box.hidden = !open;
  if (!open) return void (box.dataset.filled = "");
  refill(box, JSON.stringify([open, Boolean(s.study)]), () => {
    const why = open.reason === "cancelled" ? "Stopped" : "The round was interrupted";
    return [
      h("span", {}, `${why} after ${open.done} of ${open.total} frames.`),
      !s.study && h("button", { class: "primary", "data-action": "round.keep" }, "Keep them"), // a study measures whole rounds
      h("button", { class: "plain", "data-action": "round.discard" }, "Throw away"),
    ];
  });
}
