// Pictures of films, in the browser's memory alone: the shown ones of the last few that were looked
// at, and a small one of each for the worklist.

const THUMB = 72; // px of its longer side, on a plain screen
const MOST_CHARACTERS = 64e6; // of all kept pictures; beyond it the one looked at longest ago goes

/** Keeps pictures, the last used longest. */
export class Pictures {
  #kept = new Map(); // film's number -> data URI, the last used last
  #size = 0;

  keep(number, uri) {
    this.forget(number);
    this.#kept.set(number, uri);
    this.#size += uri.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= MOST_CHARACTERS || oldest === number) break;
      this.forget(oldest);
    }
  }

  /** Return a film's picture; undefined: it is not kept. */
  of(number) {
    const uri = this.#kept.get(number);
    if (uri !== undefined) {
      this.#kept.delete(number);
      this.#kept.set(number, uri);
    }
    return uri;
  }

  forget(number) {
    this.#size -= this.#kept.get(number)?.length ?? 0;
    this.#kept.delete(number);
  }

  clear() {
    this.#kept.clear();
    this.#size = 0;
  }
}

/** Make a small picture of a film. */
export async function thumbnailOf(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  const side = THUMB * Math.min(window.devicePixelRatio || 1, 2);
  const scale = Math.min(side / Math.max(image.naturalWidth, image.naturalHeight), 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(Math.round(image.naturalWidth * scale), 1);
  canvas.height = Math.max(Math.round(image.naturalHeight * scale), 1);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8);
}
