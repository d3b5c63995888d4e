/** Numbers as people read them. */

/** @param {number} seconds @returns {string} "0.4 s", "12 s", "3 min 20 s", "1 h 5 min" */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds) / 60;
  if (minutes < 60) {
    const rest = Math.round(seconds) % 60;
    return rest ? `${Math.floor(minutes)} min ${rest} s` : `${Math.floor(minutes)} min`;
  }
  const whole = Math.round(minutes);
  return whole % 60 ? `${Math.floor(whole / 60)} h ${whole % 60} min` : `${whole / 60} h`;
}

/** @param {number} count @returns {string} "512 B", "3.4 MB", "1.2 GB" (powers of 1000) */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [count, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** @param {number} t @param {number} fps @returns {string} time of a frame, "0:03.20" */
export function timecode(t, fps) {
  const hundredths = Math.floor((t / (fps || 24)) * 100 + 1e-6);
  const seconds = Math.floor(hundredths / 100);
  const two = (/** @type {number} */ v) => String(v).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}.${two(hundredths % 100)}`;
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} "1 stroke", "3 strokes" */
export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** @param {number} then milliseconds @param {number} now @returns {string} "just now", "5 min ago", "3 days ago" */
export function ago(then, now) {
  const minutes = Math.floor((now - then) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 60 * 24) return `${plural(Math.floor(minutes / 60), "hour")} ago`;
  return `${plural(Math.floor(minutes / 60 / 24), "day")} ago`;
}
