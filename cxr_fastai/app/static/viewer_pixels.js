/* Gray levels: a film's own, as a window shows them, and the colours and the line of a heat.

   Pictures in, pictures out; nothing leaves the page. */

export const LEVELS = 256;

// viridis of matplotlib (CC0), as cxr_fastai/serving/paint.py has it; straight between these steps
const STEPS =
  "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 " +
  "84d44b addc30 d8e219 fde725";
export const HALF = 0.5; // of the highest heat: where the line is, and from where on colours cover alike
// quantiles of a film's own grays between which a window shows its dark or its bright tones
const DARK_TONES = [0.01, 0.55];
const BRIGHT_TONES = [0.45, 0.995];
const LEAST_WIDTH = 2; // gray levels

// ---- films

/** Decode a picture of a page's own making. Rejects where it is none. */
export async function decoded(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}

/** Read a picture's gray levels: {width, height, grays: Uint8ClampedArray of one a pixel}. */
export function graysOf(image) {
  const width = image.naturalWidth;
  const height = image.naturalHeight;
  const canvas = canvasOf(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  const data = pen.getImageData(0, 0, width, height).data;
  const grays = new Uint8ClampedArray(width * height);
  for (let i = 0; i < grays.length; i += 1) {
    grays[i] = data[4 * i];
  }
  return { width, height, grays };
}

/** Make a canvas that stands on no page. */
export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// ---- windows: {width, level} in gray levels, 0 to 255

export const WHOLE_RANGE = { width: LEVELS - 1, level: (LEVELS - 1) / 2 };

/** Give the windows that a film offers: its whole range, its dark and its bright tones. */
export function windowsOf(grays) {
  const counts = new Uint32Array(LEVELS);
  for (const gray of grays) {
    counts[gray] += 1;
  }
  return {
    whole: WHOLE_RANGE,
    dark: windowBetween(counts, grays.length, DARK_TONES),
    bright: windowBetween(counts, grays.length, BRIGHT_TONES),
  };
}

function windowBetween(counts, all, [from, to]) {
  const low = quantile(counts, all, from);
  const high = quantile(counts, all, to);
  return held({ width: high - low, level: (high + low) / 2 });
}

function quantile(counts, all, share) {
  let below = 0;
  for (let level = 0; level < LEVELS; level += 1) {
    below += counts[level];
    if (below >= share * all) {
      return level;
    }
  }
  return LEVELS - 1;
}

/** Hold a window within the gray levels. */
export function held(window) {
  const width = Math.min(Math.max(window.width, LEAST_WIDTH), LEVELS - 1);
  const level = Math.min(Math.max(window.level, 0), LEVELS - 1);
  return { width, level };
}

/** Give what is shown for each gray level of a film. */
export function lookup(window, isInverted) {
  const table = new Uint8ClampedArray(LEVELS); // rounds and holds within 0 to 255
  const lowest = window.level - window.width / 2;
  for (let gray = 0; gray < LEVELS; gray += 1) {
    const share = (gray - lowest) / window.width;
    const shown = 255 * Math.min(Math.max(share, 0), 1);
    table[gray] = isInverted ? 255 - shown : shown;
  }
  return table;
}

/** Paint a film's grays through a lookup into an ImageData of the film's size. */
export function painted(grays, table, picture) {
  const pixels = new Uint32Array(picture.data.buffer);
  const colours = new Uint32Array(LEVELS);
  for (let gray = 0; gray < LEVELS; gray += 1) {
    const shown = table[gray];
    // alpha first: the bytes of a number stand in the order of the least one first
    colours[gray] = ((255 << 24) | (shown << 16) | (shown << 8) | shown) >>> 0;
  }
  for (let i = 0; i < grays.length; i += 1) {
    pixels[i] = colours[grays[i]];
  }
  return picture;
}

// ---- heats

/** Spread the steps over 256 colours: a list of [red, green, blue]. */
export function colours() {
  const steps = STEPS.split(" ").map(redGreenBlue);
  const table = [];
  for (let level = 0; level < LEVELS; level += 1) {
    const place = (level / (LEVELS - 1)) * (steps.length - 1);
    const before = Math.min(Math.floor(place), steps.length - 2);
    const share = place - before;
    table.push(between(steps[before], steps[before + 1], share));
  }
  return table;
}

function redGreenBlue(digits) {
  const number = Number.parseInt(digits, 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

function between(low, high, share) {
  return low.map((value, i) => Math.round(value + share * (high[i] - value)));
}

/** Colour a heat, the more opaque the higher, and from half of the highest on alike. */
export function coloured(heat) {
  const canvas = canvasOf(heat.width, heat.height);
  const pen = canvas.getContext("2d");
  const picture = pen.createImageData(heat.width, heat.height);
  const table = colours();
  for (let i = 0; i < heat.grays.length; i += 1) {
    const level = heat.grays[i];
    const share = Math.min(level / 255 / HALF, 1);
    picture.data.set([...table[level], Math.round(255 * share)], 4 * i);
  }
  pen.putImageData(picture, 0, 0);
  return canvas;
}

/** Draw the line at half of the highest heat, in pixels of a film so wide and high. */
export function halfLine(heat, film) {
  const path = new Path2D();
  const across = film.width / heat.width;
  const along = film.height / heat.height;
  for (let row = 0; row + 1 < heat.height; row += 1) {
    for (let column = 0; column + 1 < heat.width; column += 1) {
      const ends = crossings(heat, row, column);
      for (let i = 0; i + 1 < ends.length; i += 2) {
        path.moveTo((ends[i][0] + 0.5) * across, (ends[i][1] + 0.5) * along);
        path.lineTo((ends[i + 1][0] + 0.5) * across, (ends[i + 1][1] + 0.5) * along);
      }
    }
  }
  return path;
}

/** Give where the line crosses the rim of one square of four points: no, two or four places. */
function crossings(heat, row, column) {
  const half = 255 * HALF;
  const at = (down, right) => heat.grays[(row + down) * heat.width + column + right];
  const corners = [
    [0, 0, at(0, 0)],
    [1, 0, at(0, 1)],
    [1, 1, at(1, 1)],
    [0, 1, at(1, 0)],
  ];
  const found = [];
  for (let i = 0; i < 4; i += 1) {
    const [x, y, from] = corners[i];
    const [nextX, nextY, to] = corners[(i + 1) % 4];
    if (from >= half !== to >= half) {
      const share = (half - from) / (to - from);
      found.push([column + x + share * (nextX - x), row + y + share * (nextY - y)]);
    }
  }
  return found;
}
