/**
 * Every keyboard and mouse command, as data: the page's handler and the help dialog read the same table.
 *
 * @typedef {{action: string, keys: string[], text: string, group: string, held?: boolean}} Binding
 *   `keys` as `chord` writes them; `held`: acts while the key is down
 * @typedef {{key: string, code?: string, ctrlKey?: boolean, metaKey?: boolean, shiftKey?: boolean, altKey?: boolean}} KeyLike
 */

/** @type {Binding[]} */
export const BINDINGS = [
  { group: "Draw", action: "tool.draw", keys: ["d"], text: "Scribble" },
  { group: "Draw", action: "sign.toggle", keys: ["x"], text: "Switch between adding and taking away" },
  { group: "Draw", action: "object.new", keys: ["n"], text: "New object" },
  { group: "Draw", action: "tool.select", keys: ["g"], text: "Pick strokes (or Ctrl+click on one)" },
  { group: "Draw", action: "delete.stroke", keys: ["Delete", "Backspace"], text: "Delete the picked stroke, else the newest on this frame" },
  { group: "Draw", action: "delete.frame", keys: ["Ctrl+Delete"], text: "Delete this frame's strokes and brushwork" },
  { group: "Draw", action: "delete.object", keys: ["Shift+Delete"], text: "Delete the object's strokes and brushwork on this frame" },
  { group: "Draw", action: "delete.all", keys: ["Ctrl+Shift+Delete"], text: "Delete the strokes and brushwork of all frames" },
  { group: "Draw", action: "tool.brush", keys: ["Shift+b"], text: "Brush on the mask itself" },
  { group: "Draw", action: "tool.eraser", keys: ["e"], text: "Eraser on the mask itself" },
  { group: "Draw", action: "brush.smaller", keys: ["["], text: "Smaller brush" },
  { group: "Draw", action: "brush.larger", keys: ["]"], text: "Larger brush (or Ctrl+wheel)" },
  { group: "Cut out", action: "round.both", keys: ["r", "Enter"], text: "Propagate both ways" },
  { group: "Cut out", action: "round.forward", keys: ["f"], text: "Propagate forward only" },
  { group: "Cut out", action: "round.backward", keys: ["b"], text: "Propagate backward only" },
  { group: "Cut out", action: "cancel", keys: ["Escape"], text: "Drop the stroke under the pen, stop the round, close a dialog" },
  { group: "Cut out", action: "worst", keys: ["w"], text: "Go to the frame most worth correcting" },
  { group: "Cut out", action: "undo", keys: ["Ctrl+z"], text: "Undo" },
  { group: "Cut out", action: "redo", keys: ["Ctrl+Shift+z", "Ctrl+y"], text: "Redo" },
  { group: "Move", action: "frame.previous", keys: ["ArrowLeft", ","], text: "Previous frame" },
  { group: "Move", action: "frame.next", keys: ["ArrowRight", "."], text: "Next frame" },
  { group: "Move", action: "frame.back10", keys: ["Shift+ArrowLeft"], text: "10 frames back" },
  { group: "Move", action: "frame.forward10", keys: ["Shift+ArrowRight"], text: "10 frames on" },
  { group: "Move", action: "frame.first", keys: ["Home"], text: "First frame" },
  { group: "Move", action: "frame.last", keys: ["End"], text: "Last frame" },
  { group: "Move", action: "frame.previousMarked", keys: ["PageUp"], text: "Annotated frame before" },
  { group: "Move", action: "frame.nextMarked", keys: ["PageDown"], text: "Annotated frame after" },
  { group: "Move", action: "play", keys: ["Space", "k", "p"], text: "Play, pause" },
  { group: "Move", action: "mark.in", keys: ["i"], text: "First frame of the range (again: no limit)" },
  { group: "Move", action: "mark.out", keys: ["o"], text: "Last frame of the range (again: no limit)" },
  { group: "Look", action: "mode.next", keys: ["v"], text: "Next overlay" },
  { group: "Look", action: "mask.hide", keys: ["h"], text: "Hide the masks while held", held: true },
  { group: "Look", action: "before", keys: ["c"], text: "Compare: before the last round, while held", held: true },
  { group: "Look", action: "zoom.fit", keys: ["0"], text: "Fit the frame (wheel zooms at the cursor)" },
  { group: "Look", action: "zoom.one", keys: ["Shift+1", "Ctrl+0"], text: "1:1" },
  { group: "Look", action: "zoom.in", keys: ["+", "="], text: "Zoom in" },
  { group: "Look", action: "zoom.out", keys: ["-"], text: "Zoom out" },
  { group: "Project", action: "save", keys: ["Ctrl+s"], text: "Say when it was saved (saving is automatic)" },
  { group: "Project", action: "open", keys: ["Ctrl+o"], text: "Open another clip or project" },
  { group: "Project", action: "export", keys: ["Ctrl+e"], text: "Export" },
  { group: "Project", action: "help", keys: ["?", "F1"], text: "This list" },
  { group: "Study", action: "study.select", keys: ["a"], text: "Annotate this frame (study mode)" },
];

/** Mouse gestures, for the help dialog only. @type {{group: string, keys: string[], text: string}[]} */
export const GESTURES = [
  { group: "Draw", keys: ["Left drag"], text: "Add to the object" },
  { group: "Draw", keys: ["Right drag", "Alt+drag"], text: "Take away: background, of no object" },
  { group: "Draw", keys: ["1 … 9"], text: "Choose the object" },
  { group: "Draw", keys: ["Drop files"], text: "Import masks made elsewhere" },
  { group: "Look", keys: ["Wheel"], text: "Zoom at the cursor" },
  { group: "Look", keys: ["Middle drag"], text: "Pan (or hold Space and drag)" },
];

/**
 * A key event as text, "Ctrl+Shift+z": Ctrl stands for Cmd too; Shift is left out where it only makes the character ("?").
 * @param {KeyLike} event
 * @returns {string}
 */
export function chord(event) {
  if (event.key === "[" || event.key === "]") return event.key; // AltGr on many keyboards
  const digit = event.code?.match(/^(?:Digit|Numpad)(\d)$/)?.[1];
  let key = event.key === " " ? "Space" : event.key;
  const letter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  if (letter) key = key.toLowerCase();
  if (digit && key.length === 1 && !letter) key = digit; // "!" and "&" are on the key 1 of some keyboards
  const shift = event.shiftKey && (letter || key.length > 1 || Boolean(digit));
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${key}`;
}

const BY_CHORD = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding])));

/**
 * @param {KeyLike} event
 * @returns {{action: string, held: boolean, object?: number} | null} null for keys that mean nothing here
 */
export function actionOf(event) {
  const text = chord(event);
  if (/^[1-9]$/.test(text)) return { action: "object.choose", held: false, object: Number(text) };
  const binding = BY_CHORD.get(text);
  return binding ? { action: binding.action, held: Boolean(binding.held) } : null;
}

/** @param {string} action @returns {string} its first key for tooltips, "Ctrl+Z"; empty where it has none */
export function keyOf(action) {
  const key = BINDINGS.find((binding) => binding.action === action)?.keys[0];
  return key ? readable(key) : "";
}

/** @param {string} text a chord @returns {string} as people write it */
export function readable(text) {
  const names = /** @type {Record<string, string>} */ ({
    ArrowLeft: "←", ArrowRight: "→", PageUp: "PgUp", PageDown: "PgDn", Delete: "Del", Escape: "Esc",
  });
  return text.split(/\+(?=.)/).map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join("+");
}
