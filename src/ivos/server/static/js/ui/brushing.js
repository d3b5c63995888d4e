/** Brush and eraser on the mask that is on screen. */

import { paint } from "../pure/brush.js";
import { toast } from "./dom.js";

/** @typedef {import("./stage.js").Stage} Stage @typedef {NonNullable<import("./pen.js").Pen["drag"]>} Drag */

/** Make sure there is a mask to paint on. @param {Stage} stage @returns {boolean} false: the reason is shown */
export function takeBrush(stage) {
  const editing = stage.editing();
  if (!editing) return false;
  const work = editing.brushwork;
  const mine = work?.t === stage.shown;
  if (editing.waiting > (mine ? work.held : 0)) { // what is on its way may change the mask under the brush
    toast("The mask is still being made. Paint when it is there.");
    return false;
  }
  if (mine) return true;
  const labels = stage.labels();
  if (!labels) return false;
  editing.brushwork = { t: stage.shown, labels, version: 0, held: 0, revision: editing.revision(stage.shown, false) };
  stage.store.set({ playing: false });
  return true;
}

/** The drag that begins keeps the mask as it was, and the mask stays while the drag lasts. @param {Stage} stage @param {Drag} drag */
export function holdBrush(stage, drag) {
  const work = stage.editing()?.brushwork;
  if (!work) return;
  work.held += 1;
  drag.before = work.labels.slice();
  drag.version = work.version;
}

/** Paint from where the drag is to a point. @param {Stage} stage @param {Drag} drag @param {[number, number]} to in frame pixels */
export function dab(stage, drag, to) {
  const work = stage.editing()?.brushwork;
  const { project } = stage;
  if (!work || !project) return;
  const { objectId, brush: radius } = stage.store.state;
  const locked = new Set(project.objects.filter((object) => object.locked).map((object) => object.id));
  const how = drag.erase ? { radius, label: 0, only: objectId } : { radius, label: objectId, locked };
  if (paint(work.labels, project.clip, drag.from, to, how)) work.version += 1;
  drag.from = to;
}
