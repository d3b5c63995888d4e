/**
 * The shapes that cross the wire, as the server's schema names them.
 *
 * @typedef {{num_frames: number, height: number, width: number, fps: number, name: string}} ClipFacts
 * @typedef {{id: number, name: string, colour: string, visible: boolean, locked: boolean, annotated: number[]}} ObjectFacts
 * @typedef {{id: number | string, frame: number, object_id: number, kind: "add" | "remove", path: [number, number][],
 *   start_ms: number, end_ms: number, round: number | null}} Stroke
 * @typedef {{id: number, frame: number, object_ids: number[]}} Paint
 * @typedef {{done: number, total: number, frame?: number, frames_per_second?: number | null, seconds_left?: number | null}} Progress
 * @typedef {{done: number, total: number, frames: number[], revision: number, reason: string}} Undecided
 * @typedef {"tint" | "contour" | "matte" | "checker" | "green" | "side"} Overlay
 * @typedef {{frame: number, in_frame: number | null, out_frame: number | null, object_id: number, overlay: Overlay,
 *   opacity: number, brush: number}} View
 * @typedef {{format: string, object_ids: number[] | null, first: number | null, last: number | null}} ExportRequest
 * @typedef {{number: number, format: string, status: string, done: number, total: number, name: string, bytes: number | null,
 *   message: string | null, url: string | null, path: string}} ExportJob
 * @typedef {{frame: number, revision: number, runs: number[]}} FrameMask
 * @typedef {{number: number, frames: number[], direction: string, seconds: number, num_frames: number, partial: boolean}} Round
 * @typedef {{id: string, name: string, made_at: string, seq: number, clip: ClipFacts, working: {height: number, width: number}, objects: ObjectFacts[],
 *   strokes: Stroke[], waiting: number[], annotated: number[], paints: Paint[], stale: boolean, revisions: (number | null)[],
 *   before: (number | null)[] | null, changed: number[] | null, trust: (number | null)[],
 *   worst: {frame: number, trust: number, reason: string} | null, rounds: Round[], undo: string | null, redo: string | null,
 *   running: Progress | null, undecided: Undecided | null, view: View, export_choice: ExportRequest | null,
 *   export: ExportJob | null}} Project
 * @typedef {{project: Project, masks: FrameMask[], seconds: number}} Change
 * @typedef {{id: string, name: string, num_frames: number, height: number, width: number, fps: number, num_objects: number,
 *   num_rounds: number, bytes: number, made_at: string, opened_at: string, thumbnail: string}} Summary
 * @typedef {{num_frames: number, height: number, width: number, fps: number, duration_seconds: number, working_height: number,
 *   working_width: number, memory_bytes: number, disk_bytes_per_round: number, free_disk_bytes: number, seconds_per_frame: number,
 *   seconds_per_round: number, warnings: string[]}} Needs
 * @typedef {{user: string, sequence: string, number: number, total: number, project_id: string | null,
 *   phase: "scribble" | "operate" | "find" | "finished", slider_locked: boolean, frame: number | null, round: number, jf: number | null}} Study
 * @typedef {{version: string, model: {name: string, available: boolean, message: string | null}, device: string, threads: number,
 *   max_upload_bytes: number, free_bytes: number, has_demo: boolean, open_project: string | null, study: boolean}} AppFacts
 */

export {};
