/* Mouse, pen and fingers over a film, told as steps: move, zoom, window, tap twice.

   `listen(canvas, told)` calls, with places and steps in pixels of the page:
   told.move(right, down), told.zoom(x, y, times), told.window(right, down), told.twice(x, y);
   told.isWindowing() says whether a drag changes the window instead of moving the film. */

const WHEEL_STEP = 1.0015; // times a pixel of the wheel: a notch of 100 px is 16 %
const LINE_OF_WHEEL = 16; // px, where a browser counts lines
const MOST_WHEEL = 300; // px, of one event
const TAP_TIME = 350; // ms between two taps
const TAP_WAY = 24; // px, that a finger may stray between and within two taps
const RIGHT_BUTTON = 2;

/** Tell a viewer what the hand does over its canvas. */
export function listen(canvas, told) {
  const hands = new Hands(canvas, told);
  canvas.addEventListener("pointerdown", (event) => hands.down(event));
  canvas.addEventListener("pointermove", (event) => hands.move(event));
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(kind, (event) => hands.up(event));
  }
  canvas.addEventListener("wheel", (event) => wheel(event, canvas, told), { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("touchstart", keepTwoFingers, { passive: false });
  canvas.addEventListener("dblclick", (event) => event.preventDefault());
}

/** Keep the page from being scrolled by two fingers: they zoom. */
function keepTwoFingers(event) {
  if (event.touches.length > 1) {
    event.preventDefault();
  }
}

function wheel(event, canvas, told) {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? LINE_OF_WHEEL : 1;
  const way = Math.min(Math.max(event.deltaY * unit, -MOST_WHEEL), MOST_WHEEL);
  const point = placeOn(canvas, event);
  told.zoom(point.x, point.y, WHEEL_STEP ** -way);
}

function placeOn(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

/** The pointers that are down, and what they did last. */
class Hands {
  constructor(canvas, told) {
    this.canvas = canvas;
    this.told = told;
    this.points = new Map(); // id of a pointer -> its last place
    this.isRight = false; // the right button began this drag
    this.strayed = 0; // px, since the first pointer went down
    this.lastTap = null;
  }

  down(event) {
    const isFirst = this.points.size === 0;
    if (isFirst) {
      this.isRight = event.button === RIGHT_BUTTON;
      this.strayed = 0;
    } else {
      this.strayed = Infinity; // two fingers are no tap
    }
    this.points.set(event.pointerId, placeOn(this.canvas, event));
    this.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    const before = this.points.get(event.pointerId);
    if (!before) {
      return;
    }
    const now = placeOn(this.canvas, event);
    const others = [...this.points.entries()].filter(([id]) => id !== event.pointerId);
    this.points.set(event.pointerId, now);
    this.strayed += Math.hypot(now.x - before.x, now.y - before.y);
    if (others.length) {
      this.pinch(before, now, others[0][1]);
    } else {
      this.drag(now.x - before.x, now.y - before.y);
    }
  }

  drag(right, down) {
    if (this.isRight || this.told.isWindowing()) {
      this.told.window(right, down);
    } else {
      this.told.move(right, down);
    }
  }

  /** Zoom and move with a finger that moved beside one that lay still. */
  pinch(before, now, still) {
    const wasApart = Math.max(Math.hypot(before.x - still.x, before.y - still.y), 1);
    const isApart = Math.max(Math.hypot(now.x - still.x, now.y - still.y), 1);
    const middle = { x: (now.x + still.x) / 2, y: (now.y + still.y) / 2 };
    this.told.move((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.told.zoom(middle.x, middle.y, isApart / wasApart);
  }

  up(event) {
    const point = this.points.get(event.pointerId);
    if (!point) {
      return;
    }
    this.points.delete(event.pointerId);
    const isTap = event.type === "pointerup" && this.strayed < TAP_WAY && !this.isRight;
    if (isTap && this.points.size === 0) {
      this.tap(point, event.timeStamp);
    }
  }

  tap(point, time) {
    const last = this.lastTap;
    const isSecond =
      last !== null &&
      time - last.time < TAP_TIME &&
      Math.hypot(point.x - last.x, point.y - last.y) < TAP_WAY;
    if (isSecond) {
      this.lastTap = null;
      this.told.twice(point.x, point.y);
    } else {
      this.lastTap = { ...point, time };
    }
  }
}
