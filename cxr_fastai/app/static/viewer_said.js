/* What stands beside a film and is told to who cannot see it: the state in words, buttons, sliders.

   The state of a viewer and the parts that viewer_controls.js built in; changed parts out, and the
   event "viewer:changed" on the host. */

import { colours } from "./viewer_pixels.js";
import * as words from "./viewer_words.js";

const SPEAK_AFTER = 500; // ms without a change, so that a drag is told once

export class Said {
  constructor(host, parts) {
    this.host = host;
    this.parts = parts;
    this.speaking = 0; // the timer of what is to be told
  }

  /** Write a state beside the film, and tell it to who cannot see it. */
  say(
    state, // of the viewer
    windows, // name of a preset -> window
  ) {
    const { parts } = this;
    const notice = state.hasFilm ? words.notAsGiven(state) : "";
    this.host.classList.toggle("viewer-empty", !state.hasFilm);
    parts.readout.textContent = state.hasFilm ? words.described(state) : "";
    parts.notice.textContent = notice;
    parts.windowWords.textContent = words.windowWords(state.window);
    this.press(state, windows);
    this.slide(state);
    this.lead(state);
    this.speak(state.hasFilm ? [words.described(state), notice].join(". ") : "");
    this.host.dispatchEvent(new CustomEvent("viewer:changed", { detail: { ...state, notice } }));
  }

  /** Show which buttons are on, and let none act without a film. */
  press(state, windows) {
    const { buttons } = this.parts;
    const pressed = { invert: state.isInverted, drag: state.isWindowing };
    for (const name of ["whole", "dark", "bright"]) {
      const own = windows[name];
      const { width, level } = state.window;
      pressed[name] = Boolean(own) && own.width === width && own.level === level;
    }
    for (const [name, is] of Object.entries(pressed)) {
      buttons[name].setAttribute("aria-pressed", String(is));
    }
    for (const button of Object.values(buttons)) {
      button.disabled = !state.hasFilm;
    }
  }

  slide(state) {
    const { sliders, heat } = this.parts;
    const percents = Math.round(100 * (state.heat || 0));
    setSlider(sliders.width, state.window.width, "");
    setSlider(sliders.level, state.window.level, "");
    setSlider(sliders.heat, percents, " %");
    sliders.width.field.disabled = !state.hasFilm;
    sliders.level.field.disabled = !state.hasFilm;
    heat.hidden = state.heat === null;
    sliders.heat.field.setAttribute("aria-label", `Heat of ${state.heatOf}, how opaque`);
  }

  /** Leave the page's own scrolling to a finger where the whole film is seen. */
  lead(state) {
    const { style } = this.parts.canvas;
    style.touchAction = state.isWhole && !state.isWindowing ? "pan-y" : "none";
    const still = state.isWhole ? "zoom-in" : "grab";
    style.cursor = state.isWindowing ? "move" : still;
  }

  speak(text) {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      this.parts.spoken.textContent = text;
    }, SPEAK_AFTER);
  }
}

function setSlider({ field, words: output }, value, unit) {
  const rounded = String(Math.round(value));
  if (field.value !== rounded) {
    field.value = rounded;
  }
  output.textContent = rounded + unit;
}

/** Paint the colours of a heat from its lowest to its highest. */
export function paintScale(canvas) {
  const pen = canvas.getContext("2d");
  const table = colours();
  for (let level = 0; level < table.length; level += 1) {
    pen.fillStyle = `rgb(${table[level].join(" ")})`;
    pen.fillRect(level, 0, 1, 1);
  }
}
