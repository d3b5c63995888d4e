/** Masks made elsewhere, from chosen or dropped image files onto their frames. */

import { plural } from "../pure/format.js";
import { framesOf } from "../pure/mask_files.js";
import { $, report, toast } from "./dom.js";

/**
 * @param {import("../state.js").AppStore} store
 * @param {() => import("../data/editing.js").Editing | null} editing
 * @returns {{choose: () => void, take: (files: File[]) => Promise<void>}} `choose` asks for files, `take` has them
 */
export function maskImport(store, editing) {
  const input = $("mask-files");
  const take = async (/** @type {File[]} */ files) => {
    const [here, { project, t, objectId, study }] = [editing(), store.state];
    if (!here || !project || !files.length) return;
    if (study) return toast("The study measures scribbles: masks cannot be imported. Draw a stroke instead.", { error: true });
    const frames = framesOf(files.map((file) => file.name), t, project.clip.num_frames);
    const taken = await here.importMasks(files.map((file, i) => ({ file, frame: frames[i] })), objectId);
    if (!taken.length || here.left) return;
    const where = taken.length > 3 ? `${taken.length} frames` : `${taken.length > 1 ? "frames" : "frame"} ${taken.join(", ")}`;
    toast(`${plural(taken.length, "mask")} imported on ${where}. Propagate to carry ${taken.length > 1 ? "them" : "it"} to the others.`);
  };
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    take(files).catch(report);
  });
  return { choose: () => input.click(), take: (files) => take(files).catch(report) };
}
