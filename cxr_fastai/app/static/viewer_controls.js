/* The buttons, sliders and words round a film. Builds elements; decides nothing. */

import { KEYS } from "./viewer_words.js";

const SVG = "http://www.w3.org/2000/svg";
// a round arrow to the right; to the left it is mirrored by the stylesheet
const ARROW = "M20 4v6h-6 M19.4 15a8 8 0 1 1-1.9-8.3L20 10";

/** Make an element with attributes, its class among them, and children or text. */
export function made(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

let viewers = 0; // on the page: their ids must differ

/** Build all that a viewer shows inside its host, and return the parts that change. */
export function build(host, acts) {
  viewers += 1;
  const id = `viewer-${viewers}`;
  const parts = {
    canvas: made("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": "Film",
      "aria-describedby": `${id}-keys`,
    }),
    readout: made("p", { class: "viewer-readout" }),
    spoken: made("p", { class: "viewer-spoken", role: "status" }),
    notice: made("p", { class: "viewer-notice" }),
    held: made("p", { class: "viewer-held" }),
    buttons: {},
    sliders: {},
  };
  const stage = made("div", { class: "viewer-stage" }, parts.canvas, parts.readout);
  parts.stage = stage;
  parts.heat = heatRow(id, parts, acts);
  host.replaceChildren(
    stage,
    parts.notice,
    toolbar(parts, acts),
    parts.heat,
    windowRow(id, parts, acts),
    parts.held,
    help(id),
    parts.spoken,
  );
  return parts;
}

function toolbar(parts, acts) {
  const list = [
    ["out", "−", "Zoom out", () => acts.zoom(1 / 1.25)],
    ["in", "+", "Zoom in", () => acts.zoom(1.25)],
    ["fit", "Fit", "Fit: the whole film", acts.fit],
    ["real", "1:1", "1:1, real size", acts.real],
    ["left", arrow("left"), "Turn to the left", () => acts.turn(-1)],
    ["right", arrow("right"), "Turn to the right", () => acts.turn(1)],
    ["invert", "Invert", "", acts.invert],
    ["drag", "Window", "Window: a drag changes width and level", acts.windowing],
    ["reset", "Reset", "Reset: as at first", acts.reset],
  ];
  const bar = made("div", { class: "viewer-bar", role: "group", "aria-label": "View" });
  for (const [name, face, title, act] of list) {
    parts.buttons[name] = button(face, title, act);
    bar.append(parts.buttons[name]);
  }
  for (const name of ["invert", "drag"]) {
    parts.buttons[name].setAttribute("aria-pressed", "false");
  }
  return bar;
}

function button(face, title, act) {
  const made_ = made("button", { type: "button", class: "viewer-button" }, face);
  if (title) {
    made_.title = title;
    made_.setAttribute("aria-label", title);
  }
  made_.addEventListener("click", act);
  return made_;
}

function arrow(way) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("class", `viewer-arrow viewer-arrow-${way}`);
  picture.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", ARROW);
  picture.append(line);
  return picture;
}

function windowRow(id, parts, acts) {
  const row = made("details", { class: "viewer-window" });
  parts.windowWords = made("span", {});
  row.append(made("summary", {}, "Gray levels: ", parts.windowWords));
  const presets = made("div", { class: "viewer-bar", role: "group", "aria-label": "Gray levels" });
  const list = [
    ["whole", "Full", "Full range of gray levels"],
    ["dark", "Dark tones (lungs)", ""],
    ["bright", "Bright tones (bone)", ""],
  ];
  for (const [name, face, title] of list) {
    parts.buttons[name] = button(face, title, () => acts.preset(name));
    parts.buttons[name].setAttribute("aria-pressed", "false");
    presets.append(parts.buttons[name]);
  }
  row.append(presets);
  row.append(slider(id, parts, "width", "Width", 2, 255, acts.setWidth));
  row.append(slider(id, parts, "level", "Level", 0, 255, acts.setLevel));
  return row;
}

function slider(id, parts, name, label, least, most, act) {
  const field = made("input", { type: "range", id: `${id}-${name}`, min: least, max: most });
  const words = made("output", { for: `${id}-${name}` });
  field.addEventListener("input", () => act(Number(field.value)));
  parts.sliders[name] = { field, words };
  const told = made("label", { for: `${id}-${name}` }, label);
  return made("div", { class: "viewer-slider" }, told, field, words);
}

function heatRow(id, parts, acts) {
  const row = made("div", { class: "viewer-heat", hidden: "" });
  parts.scale = made("canvas", { width: "256", height: "1", "aria-hidden": "true" });
  const legend = made("p", { class: "viewer-legend" });
  legend.append("0 ", parts.scale, " 1, the highest. Line: half of the highest.");
  const opacity = slider(id, parts, "heat", "Heat", 0, 100, (value) => acts.setHeat(value / 100));
  parts.says = made("p", { class: "viewer-says" });
  row.append(opacity, legend, parts.says);
  return row;
}

function help(id) {
  const box = made("details", { class: "viewer-help" });
  const list = made("dl", { id: `${id}-keys` });
  for (const [keys, does] of KEYS) {
    const marks = keys.split(" ").map((key) => made("kbd", {}, key));
    list.append(made("dt", {}, ...marks), made("dd", {}, does));
  }
  const hands = made(
    "p",
    {},
    "The keys act while the film has the focus. ",
    "Mouse: wheel zooms, drag moves, right button windows, double click zooms in and back. ",
    "Fingers: two zoom, one moves what is zoomed in, tap twice to zoom in and back.",
  );
  box.append(made("summary", {}, "Keys, mouse, fingers"), list, hands);
  return box;
}
