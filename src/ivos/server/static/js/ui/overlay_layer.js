/** A mask drawn into a canvas of its own, drawn again only when what it shows has changed. */

import { composite } from "../pure/composite.js";

export class OverlayLayer {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.key = "";
    /** @type {ImageData | null} */
    this.image = null;
  }

  /**
   * @param {string} key names labels and look
   * @param {() => Uint8Array} labels
   * @param {{width: number, height: number}} size
   * @param {import("../pure/composite.js").Look} look
   * @returns {HTMLCanvasElement}
   */
  update(key, labels, size, look) {
    if (key === this.key) return this.canvas;
    if (!this.image || this.image.width !== size.width || this.image.height !== size.height) {
      this.canvas.width = size.width;
      this.canvas.height = size.height;
      this.image = new ImageData(size.width, size.height);
    }
    composite(labels(), size.width, look, new Uint32Array(this.image.data.buffer));
    this.context.putImageData(this.image, 0, 0);
    this.key = key;
    return this.canvas;
  }
}
