/* One film on a canvas: zoom, pan, window, invert, turn, and a heat laid over it.

   `new Viewer(host)` fills an empty element. `show` takes a picture of the film, `showHeat` a gray
   picture of the whole film's shape. What is done to the view changes no answer and is sent
   nowhere; the viewer says so when the film is turned or inverted. */

import { build } from "./viewer_controls.js";
import * as geometry from "./viewer_geometry.js";
import { listen } from "./viewer_gestures.js";
import * as pixels from "./viewer_pixels.js";
import { Said, paintScale } from "./viewer_said.js";
import { heldWords } from "./viewer_words.js";

const KEY_ZOOM = 1.25; // times
const TAP_ZOOM = 2.5; // times, of a double tap
const KEY_STEP = 0.1; // of the stage, for one arrow
const KEY_LEVELS = 5; // gray levels, for one arrow
const DRAG_LEVELS = 0.6; // gray levels a pixel of a drag
const HEAT_COVER = 0.6; // of the film's gray by the highest heat at first, as in serving/paint.py
const LINE_WIDTH = 1.5; // px of the page

export class Viewer {
  constructor(host) {
    this.host = host;
    host.classList.add("viewer");
    this.parts = build(host, this.acts());
    this.said = new Said(host, this.parts);
    this.canvas = this.parts.canvas;
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.asked = { films: 0, heats: 0 }; // so that one that comes late is let go
    this.stage = { width: 1, height: 1 };
    this.ratio = 1; // screen pixels for one of the page
    this.forget();
    listen(this.canvas, this.told());
    host.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.measure()).observe(this.parts.stage);
    window.addEventListener("resize", () => this.measure());
    paintScale(this.parts.scale);
    this.measure();
    this.refresh();
  }

  // ---- films and heats

  /** Show a film: as it was given, or as the server righted it before it answered. Rejects where the
      picture cannot be decoded. */
  async show({ film, width, height, name, isRighted }) {
    this.forget();
    this.draw(); // black until it is decoded: never the film before beside this one's answer
    const mine = this.asked.films;
    const image = await pixels.decoded(film);
    if (mine !== this.asked.films) {
      return; // another film was asked for meanwhile
    }
    const picture = pixels.graysOf(image);
    this.picture = picture;
    this.film = { width: width || picture.width, height: height || picture.height };
    this.shown = pixels.canvasOf(picture.width, picture.height);
    this.windows = pixels.windowsOf(picture.grays);
    this.isRighted = Boolean(isRighted);
    this.canvas.setAttribute("aria-label", name ? `Film ${name}` : "Film");
    this.parts.held.textContent = heldWords(this.film, picture);
    this.reset();
  }

  /** Show no film. */
  clear() {
    this.forget();
    this.refresh();
  }

  /** Lay the heat of a class over the film. What it says stands beside the page's button; on a
      narrow window, where that is far away, below the film too. */
  async showHeat({ heat, of, says }) {
    this.asked.heats += 1;
    const mine = this.asked.heats;
    const image = await pixels.decoded(heat);
    if (mine !== this.asked.heats || !this.film) {
      return;
    }
    const read = pixels.graysOf(image);
    this.heat = { picture: pixels.coloured(read), line: pixels.halfLine(read, this.film), of };
    this.cover = HEAT_COVER;
    this.parts.says.textContent = says || "";
    this.refresh();
  }

  /** Take the heat away. */
  hideHeat() {
    this.asked.heats += 1;
    this.heat = null;
    this.refresh();
  }

  /** Forget film, heat and view. */
  forget() {
    this.asked.films += 1;
    this.asked.heats += 1;
    this.film = null;
    this.picture = null;
    this.heat = null;
    this.cover = HEAT_COVER;
    this.view = { zoom: 1, x: 0, y: 0, turns: 0 };
    this.window = pixels.WHOLE_RANGE;
    this.windows = { whole: pixels.WHOLE_RANGE };
    this.isInverted = false;
    this.isWindowing = false;
    this.isPainted = false;
    this.isRighted = false;
    this.parts.held.textContent = "";
    this.canvas.setAttribute("aria-label", "Film");
  }

  // ---- what buttons, keys and hands do

  /** What the buttons and sliders do. */
  acts() {
    return {
      zoom: (times) => this.zoomMiddle(times),
      fit: () => this.fit(),
      real: () => this.realSize(),
      turn: (quarters) => this.turn(quarters),
      invert: () => this.invert(),
      windowing: () => this.toggleWindowing(),
      reset: () => this.reset(),
      preset: (name) => this.setWindow(this.windows[name] || pixels.WHOLE_RANGE),
      setWidth: (width) => this.setWindow({ ...this.window, width }),
      setLevel: (level) => this.setWindow({ ...this.window, level }),
      setHeat: (cover) => this.setCover(cover),
    };
  }

  /** What the hands do over the film. */
  told() {
    return {
      isWindowing: () => this.isWindowing,
      move: (right, down) => this.move(right * this.ratio, down * this.ratio),
      zoom: (x, y, times) => this.zoomAt({ x: x * this.ratio, y: y * this.ratio }, times),
      window: (right, down) => this.windowBy(DRAG_LEVELS * right, DRAG_LEVELS * down),
      twice: (x, y) => this.tapTwice({ x: x * this.ratio, y: y * this.ratio }),
    };
  }

  /** Do what a key means here; all other keys are the page's. */
  key(event) {
    const isField = event.target.tagName === "INPUT";
    if (!this.film || isField || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const act = this.keys()[event.key];
    const isArrow = event.key.startsWith("Arrow");
    if (!act || (isArrow && event.target !== this.canvas)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  keys() {
    const acts = this.acts();
    return {
      "+": () => acts.zoom(KEY_ZOOM),
      "=": () => acts.zoom(KEY_ZOOM), // the key of + without shift
      "-": () => acts.zoom(1 / KEY_ZOOM),
      0: acts.fit,
      1: acts.real,
      i: acts.invert,
      r: () => acts.turn(1),
      R: () => acts.turn(-1),
      w: acts.windowing,
      d: () => acts.preset("dark"),
      b: () => acts.preset("bright"),
      f: () => acts.preset("whole"),
      Escape: acts.reset,
      ArrowLeft: () => this.arrow(-1, 0),
      ArrowRight: () => this.arrow(1, 0),
      ArrowUp: () => this.arrow(0, -1),
      ArrowDown: () => this.arrow(0, 1),
    };
  }

  /** Look further to one side; with the window on, change its width and level. */
  arrow(right, down) {
    if (this.isWindowing) {
      this.windowBy(KEY_LEVELS * right, KEY_LEVELS * down);
    } else {
      const step = KEY_STEP * Math.min(this.stage.width, this.stage.height);
      this.move(-step * right, -step * down);
    }
  }

  move(right, down) {
    this.look((view) => geometry.moved(view, this.film, this.stage, right, down));
  }

  zoomAt(point, times) {
    this.look((view) => geometry.zoomedAt(view, this.film, this.stage, point, times));
  }

  zoomMiddle(times) {
    this.zoomAt({ x: this.stage.width / 2, y: this.stage.height / 2 }, times);
  }

  tapTwice(point) {
    if (this.film && geometry.isFitted(this.view, this.film, this.stage)) {
      this.zoomAt(point, TAP_ZOOM);
    } else {
      this.fit();
    }
  }

  fit() {
    this.look((view) => geometry.fitted(this.film, this.stage, view.turns));
  }

  realSize() {
    this.zoomMiddle(1 / this.view.zoom);
  }

  turn(quarters) {
    this.look((view) => geometry.turned(view, this.film, this.stage, quarters));
  }

  look(change) {
    if (this.film) {
      this.view = change(this.view);
      this.refresh();
    }
  }

  invert() {
    this.isInverted = !this.isInverted;
    this.isPainted = false;
    this.refresh();
  }

  toggleWindowing() {
    this.isWindowing = !this.isWindowing;
    this.refresh();
  }

  windowBy(width, level) {
    const now = this.window;
    this.setWindow({ width: now.width + width, level: now.level + level });
  }

  setWindow(window) {
    this.window = pixels.held(window);
    this.isPainted = false;
    this.refresh();
  }

  setCover(cover) {
    this.cover = cover;
    this.refresh();
  }

  /** Show the film as it was given: whole, upright, all gray levels; the heat stays. */
  reset() {
    this.window = pixels.WHOLE_RANGE;
    this.isInverted = false;
    this.isWindowing = false;
    this.isPainted = false;
    if (this.film) {
      this.view = geometry.fitted(this.film, this.stage, 0);
    }
    this.refresh();
  }

  // ---- the stage

  /** Take the stage's size; a film that was seen whole stays whole, else its middle stays. */
  measure() {
    const box = this.parts.stage.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const stage = {
      width: Math.max(Math.round(box.width * ratio), 1),
      height: Math.max(Math.round(box.height * ratio), 1),
    };
    const isSame = stage.width === this.stage.width && stage.height === this.stage.height;
    if (isSame && ratio === this.ratio) {
      return;
    }
    const wasFitted = this.film && geometry.isFitted(this.view, this.film, this.stage);
    this.stage = stage;
    this.ratio = ratio;
    if (this.film) {
      const { turns } = this.view;
      const whole = geometry.fitted(this.film, stage, turns);
      this.view = wasFitted ? whole : geometry.kept(this.view, this.film, stage);
    }
    this.refresh();
  }

  /** Say and draw the state, once for all that changes before the next picture of the screen. */
  refresh() {
    this.said.say(this.state(), this.windows);
    if (this.isWaiting) {
      return;
    }
    this.isWaiting = true;
    requestAnimationFrame(() => {
      this.isWaiting = false;
      this.draw();
    });
  }

  draw() {
    const { width, height } = this.stage;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const pen = this.pen;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, width, height);
    if (!this.film) {
      return;
    }
    this.paint();
    this.lay(pen);
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.shown, 0, 0, this.film.width, this.film.height);
    if (this.heat && this.cover > 0) {
      this.drawHeat(pen);
    }
  }

  /** Put the film's own pixels under the pen, as the view has them. */
  lay(pen) {
    const { zoom, x, y, turns } = this.view;
    pen.translate(this.stage.width / 2, this.stage.height / 2);
    pen.rotate((turns * Math.PI) / 2);
    pen.scale(zoom, zoom);
    pen.translate(-x, -y);
  }

  /** Put the film's gray levels through the window, where that has changed. */
  paint() {
    if (this.isPainted) {
      return;
    }
    const { width, height, grays } = this.picture;
    const pen = this.shown.getContext("2d");
    const table = pixels.lookup(this.window, this.isInverted);
    pen.putImageData(pixels.painted(grays, table, pen.createImageData(width, height)), 0, 0);
    this.isPainted = true;
  }

  drawHeat(pen) {
    pen.globalAlpha = this.cover;
    pen.drawImage(this.heat.picture, 0, 0, this.film.width, this.film.height);
    pen.globalAlpha = 1;
    const thin = (LINE_WIDTH * this.ratio) / this.view.zoom;
    pen.strokeStyle = "#000";
    pen.lineWidth = 2.4 * thin; // a dark rim on both sides of the white line
    pen.stroke(this.heat.line);
    pen.strokeStyle = "#fff";
    pen.lineWidth = thin;
    pen.stroke(this.heat.line);
  }

  // ---- what is said

  state() {
    const { width, level } = this.window;
    const whole = pixels.WHOLE_RANGE;
    return {
      zoom: this.view.zoom,
      turns: this.view.turns,
      isInverted: this.isInverted,
      isWindowing: this.isWindowing,
      window: this.window,
      isWindowed: width !== whole.width || level !== whole.level,
      heat: this.heat ? this.cover : null,
      heatOf: this.heat ? this.heat.of : "",
      hasFilm: this.film !== null,
      isRighted: this.isRighted,
      isWhole: !this.film || geometry.isFitted(this.view, this.film, this.stage),
    };
  }
}
