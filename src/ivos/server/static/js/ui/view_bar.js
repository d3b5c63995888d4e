/** The bar above the stage, the top bar and the transport: fields that mirror the state. */

import { MODES } from "../pure/composite.js";
import { plural, timecode } from "../pure/format.js";
import { keyOf } from "../pure/keymap.js";
import { DEFAULT_OPACITY } from "../state.js";
import { $, h, icon } from "./dom.js";

const SPINNER_AFTER = 400; // milliseconds

/** @param {import("../state.js").AppStore} store @param {(t: number) => void} go @param {import("./stage.js").Stage} stage */
export function bars(store, go, stage) {
  modes(store);
  sliders(store);
  transport(store, go);
  facts(store);
  busy(store);
  store.watch(["tool"], (s) => {
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.tool === s.tool));
    }
    $("brush-size").hidden = s.tool !== "brush" && s.tool !== "eraser";
  });
  store.watch(["sign"], (s) => {
    for (const button of document.querySelectorAll("[data-sign]")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.sign === s.sign));
    }
  });
  store.watch(["view", "overlay", "study"], (s) => {
    $("zoom").textContent = `${Math.round(100 * s.view.scale)} %`;
    const names = $("side-names");
    names.hidden = stage.panels.length < 2 || !s.project;
    if (names.hidden || !s.project) return;
    const shift = s.project.clip.width * s.view.scale;
    [...names.children].forEach((name, i) => {
      name.style.left = `${s.view.x + shift * (i + 0.5) + i * 12 * s.view.scale}px`;
      name.style.top = `${Math.max(8, s.view.y - 34)}px`;
    });
    [names.children[0].textContent, names.children[1].textContent] = stage.panels[1] === "truth" ? ["Yours", "Truth"] : ["Frame", "Result"];
  });
}

/** @param {import("../state.js").AppStore} store */
function modes(store) {
  const box = $("modes");
  const pick = (/** @type {import("../data/types.js").Overlay} */ overlay) => store.set({ overlay });
  box.append(...MODES.map(({ mode, name, hint }) => h("button", { role: "radio", "data-mode": mode, "data-tip": hint, "data-keys": keyOf("mode.next"), onclick: () => pick(mode) }, name)));
  box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.stopPropagation();
    const at = MODES.findIndex(({ mode }) => mode === store.state.overlay);
    pick(MODES[(at + by + MODES.length) % MODES.length].mode);
    queueMicrotask(() => box.querySelector("[aria-checked=true]").focus());
  });
  store.watch(["overlay"], (s) => {
    for (const button of box.children) {
      button.setAttribute("aria-checked", String(button.dataset.mode === s.overlay));
      button.tabIndex = button.dataset.mode === s.overlay ? 0 : -1;
    }
  });
}

/** @param {import("../state.js").AppStore} store */
function sliders(store) {
  const [opacity, brush] = [$("opacity"), $("brush")];
  opacity.addEventListener("input", () => store.set({ opacity: Number(opacity.value) }));
  opacity.parentElement.addEventListener("dblclick", () => store.set({ opacity: DEFAULT_OPACITY }));
  brush.addEventListener("input", () => store.set({ brush: Number(brush.value) }));
  store.watch(["opacity", "brush"], (s) => {
    opacity.value = String(s.opacity);
    brush.value = String(s.brush);
    $("brush-value").textContent = `${s.brush} px`;
  });
}

/** @param {import("../state.js").AppStore} store @param {(t: number) => void} go */
function transport(store, go) {
  const number = $("frame-number");
  const typed = () => {
    const t = Number.parseInt(number.value, 10);
    if (Number.isFinite(t)) go(t);
    number.value = String(store.state.t);
  };
  number.addEventListener("change", typed);
  number.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") (typed(), number.blur());
    if (event.key === "Escape") ((number.value = String(store.state.t)), number.blur());
  });
  store.watch(["t", "project"], (s) => {
    if (document.activeElement !== number) number.value = String(s.t);
    $("frame-count").textContent = `of ${(s.project?.clip.num_frames ?? 1) - 1}`;
    $("timecode").textContent = timecode(s.t, s.project?.clip.fps ?? 24);
  });
  store.watch(["playing"], (s) => $("play").replaceChildren(icon(s.playing ? "pause" : "play")));
  store.watch(["first", "last"], (s) => {
    $("mark-in").textContent = s.first === null ? "In" : `In ${s.first}`;
    $("mark-out").textContent = s.last === null ? "Out" : `Out ${s.last}`;
    $("mark-in").setAttribute("aria-pressed", String(s.first !== null));
    $("mark-out").setAttribute("aria-pressed", String(s.last !== null));
  });
}

/** @param {import("../state.js").AppStore} store */
function facts(store) {
  store.watch(["project", "round"], ({ project, round }) => {
    if (!project) return;
    const { clip } = project;
    document.title = `${project.name} – ivos`;
    $("clip-name").textContent = project.name;
    $("clip-facts").textContent = `${clip.width} × ${clip.height} · ${plural(clip.num_frames, "frame")} · ${+clip.fps.toFixed(2)} fps`;
    for (const way of /** @type {const} */ (["undo", "redo"])) {
      $(way).disabled = !project[way] || Boolean(round);
      $(way).dataset.tip = project[way] ? `${way === "undo" ? "Undo" : "Redo"}: ${project[way]}` : `Nothing to ${way}`;
    }
    $("before").disabled = !project.before;
    $("worst").disabled = !project.worst;
    $("reason").textContent = project.worst && !round ? `Frame ${project.worst.frame}: ${project.worst.reason}` : "";
  });
}

/** A spinner, but only when something takes longer than people call "at once". @param {import("../state.js").AppStore} store */
function busy(store) {
  let timer = 0;
  store.watch(["waitingSince", "offline"], (s) => {
    clearTimeout(timer);
    $("saved").textContent = s.offline ? "The server does not answer" : s.waitingSince === null ? "Saved" : "Saving…";
    $("saved").classList.toggle("offline", s.offline);
    $("busy").hidden = s.waitingSince === null || performance.now() - s.waitingSince < SPINNER_AFTER;
    if (s.waitingSince === null) return;
    timer = window.setTimeout(() => ($("busy").hidden = store.state.waitingSince === null), Math.max(0, s.waitingSince + SPINNER_AFTER - performance.now()));
  });
  store.watch(["before", "hidden", "project", "t", "round"], (s) => {
    const worst = s.project?.worst?.frame === s.t && !s.round && !s.playing && !s.project.undecided ? s.project.worst : null;
    $("badge").hidden = !s.before && !s.hidden && !worst;
    $("badge").classList.toggle("warn", Boolean(worst) && !s.before && !s.hidden);
    $("badge").textContent = s.before ? "Before the last round" : s.hidden ? "Masks hidden" : worst ? `Most worth correcting. ${worst.reason}` : "";
  });
}
