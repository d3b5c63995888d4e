/**
 * The pointer on the stage: scribbles, brush and eraser, picking strokes, panning, zooming.
 *
 * @typedef {import("../data/editing.js").Editing} Editing
 */

import { step } from "../pure/brush.js";
import { border, farEnough, finish, hit, normalise, onto, within } from "../pure/strokes.js";
import { inside, pan, toImage, wheelFactor } from "../pure/view.js";
import { dab, holdBrush, takeBrush } from "./brushing.js";
import { toast } from "./dom.js";

const REACH = 8; // screen pixels within which a stroke is picked
const PINCH_MS = 400; // a second finger that comes later is a slip
const PALM_MS = 1500; // so long after a pen was seen, what touches is the hand that holds it
const ERASER = 5; // the button that a pen's other end presses

export class Pen {
  /** @param {import("./stage.js").Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.store = stage.store;
    /** @type {{kind: "stroke" | "paint" | "pan", id: number, began: number, second: boolean, at: {x: number, y: number}, from: [number, number], erase?: boolean, touch?: boolean, before?: Uint8Array, version?: number} | null} */
    this.drag = null;
    this.panned = false; // Space was used to pan: letting it go does not play
    /** @type {Map<number, {x: number, y: number}>} fingers on the stage, where they are on the screen */
    this.fingers = new Map();
    this.penned = 0; // when a pen was last seen
    const { canvas } = stage;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => {
      this.fingers.delete(event.pointerId);
      if (this.drag?.id === event.pointerId) this.drop();
    });
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.store.watch(["tool", "round", "spaceHeld"], () => this.dress());
  }

  /** @param {PointerEvent | WheelEvent} event */
  screen(event) {
    const box = this.stage.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event @returns {[number, number]} in frame pixels, on the frame or beyond; a drag stays in the panel where it began */
  point(event) {
    const place = toImage(this.store.state.view, this.screen(event));
    return this.stage.toFrame(place, this.drag?.second ?? this.stage.inSecond(place));
  }

  /** @param {PointerEvent} event @returns {"add" | "remove"} */
  kind(event) {
    const other = event.button === 2 || event.button === ERASER || (event.buttons & (2 | 32)) !== 0; // of a mouse, or a pen
    return other || event.altKey ? "remove" : this.store.state.sign;
  }

  /** @param {PointerEvent} event of a finger that comes down @returns {boolean} whether it is not to draw: of a hand beside a pen, or the second one, which moves the view */
  secondFinger(event) {
    if (Date.now() - this.penned < PALM_MS) return true;
    if (event.isPrimary) this.fingers.clear(); // no other is down
    this.fingers.set(event.pointerId, this.screen(event));
    if (this.fingers.size < 2) return false;
    if (this.drag?.touch && Date.now() - this.drag.began < PINCH_MS) this.drop(); // what the first one drew until then
    return true;
  }

  /** @param {PointerEvent} event */
  down(event) {
    const { state } = this.store;
    if (!this.stage.project) return;
    if (event.pointerType === "touch" && this.secondFinger(event)) return;
    if (event.pointerType === "pen" && this.drag?.touch) this.drop(); // the hand lies on the screen
    if (this.drag) return;
    this.stage.canvas.focus({ preventScroll: true });
    this.stage.canvas.setPointerCapture(event.pointerId);
    const begin = (/** @type {NonNullable<Pen["drag"]>["kind"]} */ kind, erase = false) => {
      const [at, touch] = [this.screen(event), event.pointerType === "touch"];
      const second = this.stage.inSecond(toImage(state.view, at));
      return (this.drag = { kind, id: event.pointerId, began: Date.now(), second, at, from: this.point(event), erase, touch });
    };
    if (event.button === 1 || state.spaceHeld) {
      event.preventDefault();
      return begin("pan") && this.dress();
    }
    if (event.button > 2 && event.button !== ERASER) return;
    if (state.tool === "select" || ((event.ctrlKey || event.metaKey) && event.button === 0)) return this.pick(event);
    if (!inside(toImage(state.view, this.screen(event)), this.stage.world)) return this.store.set({ picked: null });
    if (!this.mayDraw()) return;
    if (state.tool === "draw") {
      if (!within(this.point(event), this.stage.project.clip)) return; // between two panels
      this.stage.live = { t: state.t, path: [this.point(event)], kind: this.kind(event), objectId: state.objectId, began: Date.now() };
      begin("stroke");
      this.store.set({ picked: null, playing: false });
    } else if (takeBrush(this.stage)) {
      const drag = begin("paint", state.tool === "eraser" || this.kind(event) === "remove");
      holdBrush(this.stage, drag);
      dab(this.stage, drag, this.point(event));
    }
    this.stage.schedule();
  }

  /** @returns {boolean} false: the reason is shown */
  mayDraw() {
    const { round, objectId, study, t, offline } = this.store.state;
    const object = this.stage.project?.objects.find((o) => o.id === objectId);
    if (offline) toast("The server does not answer, so nothing can be saved. Start it again and open the address it prints.");
    else if (round) toast("A round is running. Wait for it, or stop it with Esc, then draw.");
    else if (!object) toast("Make an object first: press N.");
    else if (!object.visible) toast(`${object.name} is hidden. Show it in the list of objects to draw on it.`);
    else if (object.locked) toast(`${object.name} is locked. Unlock it in the list of objects to draw on it.`);
    else if (study?.phase === "finished") toast("This study is finished. Thank you.");
    else if (study?.phase === "find" && study.round > 0) toast("Choose the frame to correct first: press A.");
    else if (this.stage.shown !== t) toast("This frame is still on its way. Draw when it is there.");
    else return true;
    return false;
  }

  /** @param {PointerEvent} event */
  moved(event) {
    if (event.pointerType === "pen") this.penned = Date.now();
    const palm = Date.now() - this.penned < PALM_MS;
    if (!this.drag && !palm && this.fingers.size > 1 && this.fingers.has(event.pointerId)) return this.pinch(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, this.screen(event));
    this.hover(event);
    const [{ drag, stage }, at] = [this, this.screen(event)];
    if (!drag || drag.id !== event.pointerId) return;
    if (drag.kind === "pan") {
      this.panned = true;
      stage.move(pan(this.store.state.view, at.x - drag.at.x, at.y - drag.at.y));
      drag.at = at;
      return;
    }
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) {
      if (drag.kind === "paint") dab(stage, drag, this.point(each));
      else this.extend(this.point(each));
    }
    stage.schedule();
  }

  /** Two fingers: the view moves with their middle and grows with their distance. @param {PointerEvent} event */
  pinch(event) {
    const pair = () => [...this.fingers.values()].slice(0, 2);
    const [a, b] = pair();
    this.fingers.set(event.pointerId, this.screen(event));
    const [c, d] = pair();
    const middle = { x: (c.x + d.x) / 2, y: (c.y + d.y) / 2 };
    this.stage.move(pan(this.store.state.view, middle.x - (a.x + b.x) / 2, middle.y - (a.y + b.y) / 2));
    this.stage.zoom(Math.max(1, Math.hypot(c.x - d.x, c.y - d.y)) / Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)), middle);
  }

  /** A stroke ends where it leaves the frame, and another one begins where the pen comes back. @param {[number, number]} point */
  extend(point) {
    const { drag, stage } = this;
    if (!stage.live || !drag || !stage.project) return;
    const { clip } = stage.project;
    const pixel = 1 / this.store.state.view.scale;
    const [was, is] = [drag.from, point].map((at) => within(at, clip, REACH * pixel)); // along the border a hand is not that sure
    if (is && !was) {
      stage.laid.push({ ...stage.live, ended: Date.now() });
      stage.live = { ...stage.live, began: Date.now(), path: [border(onto(point, clip), drag.from, clip)] };
    }
    const next = is ? onto(point, clip) : was ? border(onto(drag.from, clip), point, clip) : null;
    if (next && farEnough(stage.live.path, next, pixel)) stage.live.path.push(next);
    drag.from = point;
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.fingers.delete(event.pointerId);
    if (this.drag?.id === event.pointerId) this.finish();
  }

  /** Take what was drawn so far, as if the pen were lifted. */
  finish() {
    const { drag, stage } = this;
    if (!drag) return;
    this.drag = null;
    if (drag.kind === "stroke") for (const each of [...stage.laid, stage.live]) if (each) this.send(each);
    if (drag.kind === "paint") stage.editing()?.sendBrushwork(drag.version);
    this.clear();
  }

  /** Another frame is gone to: what is drawn belongs to the one that it was drawn on. */
  endDrawing() {
    if (this.drag && this.drag.kind !== "pan") this.finish();
  }

  /** Nothing is under the pen any more. */
  clear() {
    this.stage.live = null;
    this.stage.laid = [];
    this.dress();
    this.stage.schedule();
  }

  /** @param {NonNullable<import("./stage.js").Stage["live"]>} live */
  send(live) {
    const project = /** @type {import("../data/types.js").Project} */ (this.stage.project);
    const path = normalise(finish(live.path, 1 / this.store.state.view.scale), project.clip).slice(0, 5000);
    const stroke = { frame: live.t, object_id: live.objectId, kind: live.kind, path, start_ms: live.began, end_ms: live.ended ?? Date.now() };
    this.stage.editing()?.addStroke(stroke);
  }

  /** Forget the stroke or the brush drag under the pen. @returns {boolean} whether there was one */
  drop() {
    const { drag, stage } = this;
    this.drag = null;
    if (drag?.before) stage.editing()?.dropBrushwork(drag.before);
    this.clear();
    return drag !== null && drag.kind !== "pan";
  }

  /** @param {PointerEvent} event */
  pick(event) {
    const { state } = this.store;
    const project = /** @type {import("../data/types.js").Project} */ (this.stage.project);
    const hidden = new Set(project.objects.filter(({ visible }) => !visible).map(({ id }) => id)); // a removed one's background is seen
    const here = project.strokes.filter((stroke) => stroke.frame === state.t && !hidden.has(stroke.object_id));
    this.store.set({ picked: hit(here, this.point(event), project.clip, REACH / state.view.scale)?.id ?? null });
  }

  /** @param {PointerEvent | null} event */
  hover(event) {
    const over = event && inside(toImage(this.store.state.view, this.screen(event)), this.stage.world);
    this.stage.cursor = event && over ? { ...this.screen(event), kind: this.kind(event) } : null;
    this.dress();
    this.stage.schedule();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const { tool, brush } = this.store.state;
    if (event.ctrlKey && (tool === "brush" || tool === "eraser")) this.store.set({ brush: step(brush, event.deltaY < 0 ? 1 : -1) });
    else this.stage.zoom(wheelFactor(event.deltaY, event.deltaMode), this.screen(event));
  }

  /** The mouse cursor that fits the moment. */
  dress() {
    const { spaceHeld, tool, round } = this.store.state;
    const grabbing = this.drag?.kind === "pan";
    const names = { grabbing, grab: spaceHeld && !grabbing, blocked: Boolean(round) && !grabbing && !spaceHeld, arrow: tool === "select" || !this.stage.cursor };
    for (const [name, on] of Object.entries(names)) this.stage.canvas.classList.toggle(name, on);
  }
}
