/* What a viewer says of its view. State in, sentences out. */

const TURNS = [
  "",
  "turned a quarter to the right",
  "turned upside down",
  "turned a quarter to the left",
];

const AS_GIVEN = "as it was given";
const AS_RIGHTED = "as the server turned or inverted it back";

/** Say what a view is, as a reader hears it: "zoom 150 %, inverted". */
export function described(state) {
  const parts = [`zoom ${percent(state.zoom)}`];
  if (state.isWindowed) {
    parts.push(windowWords(state.window));
  }
  if (state.turns) {
    parts.push(TURNS[state.turns]);
  }
  if (state.isInverted) {
    parts.push("inverted");
  }
  if (state.isWindowing) {
    parts.push("window on");
  }
  if (state.heat !== null) {
    parts.push(`heat ${percent(state.heat)}`);
  }
  return parts.join(", ");
}

/** Say that the answer is not of what is seen; empty where the film stands as it was shown first. */
export function notAsGiven(state) {
  const ways = [];
  if (state.turns) {
    ways.push("turned");
  }
  if (state.isInverted) {
    ways.push("inverted");
  }
  if (!ways.length) {
    return "";
  }
  const answered = state.isRighted ? AS_RIGHTED : AS_GIVEN;
  return `The view is ${ways.join(" and ")}; the answer is of the film ${answered}.`;
}

/** Say a window in numbers. */
export function windowWords(window) {
  return `window ${Math.round(window.width)}, level ${Math.round(window.level)}`;
}

/** Say how much of the film the picture holds; empty where it holds every pixel. */
export function heldWords(film, picture) {
  if (picture.width >= film.width) {
    return "";
  }
  const shown = `${picture.width} × ${picture.height}`;
  return `The page holds ${shown} of the film's ${film.width} × ${film.height} pixels.`;
}

export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** The keys, as the help lists them. */
export const KEYS = [
  ["+ −", "zoom"],
  ["0", "the whole film"],
  ["1", "real size: a pixel of the film is one of the screen"],
  ["← → ↑ ↓", "move; with the window on, width and level"],
  ["w", "window on or off: a drag, too, changes width and level"],
  ["d b f", "window of the dark tones, of the bright tones, full"],
  ["i", "invert"],
  ["r R", "turn to the right, to the left"],
  ["Esc", "all as at first"],
];
