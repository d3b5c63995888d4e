/** The server's routes. Every failure becomes an ApiError whose message is a sentence for the user. */

import { jsonLines } from "../pure/lines.js";

const GONE = "The server does not answer. It may have been stopped: start it again and open the address it prints. What you did is saved; a stroke on its way is sent when you open the project again.";

export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {number} [status] @param {number} [seq] */
  constructor(code, message, status = 0, seq) {
    super(message);
    this.code = code;
    this.status = status;
    this.seq = seq;
  }
}

/**
 * @param {string} method
 * @param {string} path below /api
 * @param {{body?: unknown, signal?: AbortSignal}} [options] a `body` that is a file goes as it is, else as JSON
 * @returns {Promise<any>} the answer's JSON; null for an empty answer
 */
export async function call(method, path, options = {}) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, signal?: AbortSignal}} [options] `signal`: stop listening; what was asked for is done all the same
 * @returns {Promise<AsyncGenerator<any>>} the lines of a streamed answer
 */
export async function stream(method, path, { body, signal } = {}) {
  const response = await send(method, path, { body });
  if (!response.body) throw new ApiError("network", "The server sent an empty answer. Try again.");
  return unbroken(response.body.pipeThrough(new TransformStream(), { signal }), signal);
}

/** @param {ReadableStream<Uint8Array>} body @param {AbortSignal} [signal] @returns {AsyncGenerator<any>} */
async function* unbroken(body, signal) {
  try {
    yield* jsonLines(body);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", GONE);
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, signal?: AbortSignal}} options
 * @returns {Promise<Response>}
 */
async function send(method, path, { body, signal }) {
  const file = body instanceof Blob;
  const headers = body === undefined ? undefined : { "Content-Type": file ? "application/octet-stream" : "application/json" };
  const content = file || body === undefined ? body : JSON.stringify(body);
  let response;
  try {
    response = await fetch(`/api${path}`, { method, headers, signal, cache: "no-store", body: content });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", GONE);
  }
  if (!response.ok) throw await failure(response.status, () => response.json());
  return response;
}

/**
 * @param {number} status
 * @param {() => Promise<any>} read
 * @returns {Promise<ApiError>}
 */
async function failure(status, read) {
  if (status === 401) return new ApiError("token", "The server was restarted: open the address it printed.", status);
  try {
    const { error, seq } = await read();
    return new ApiError(error.code, error.message, status, seq);
  } catch {
    return new ApiError("server", `The server answered with status ${status}. Try again.`, status);
  }
}

/**
 * Send one video file.
 * @param {File} file
 * @param {(sent: number, total: number) => void} progress bytes
 * @returns {{done: Promise<import("./types.js").Summary>, cancel: () => void}}
 */
export function upload(file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", `/api/projects/upload?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded, event.total);
    request.onabort = () => reject(new ApiError("cancelled", "The upload was cancelled."));
    request.onerror = () => reject(new ApiError("network", "The upload broke off: the server does not answer, or it refused the file."));
    request.onload = async () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText));
      else reject(await failure(request.status, async () => JSON.parse(request.responseText)));
    };
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}
