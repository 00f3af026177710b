// The worklist: all films in the order in which they are to be read, as the server's numbers say.
// Each stands in it once; an answer moves its film to its place. One stop for the tabulator, arrows
// inside.

import { make } from "./dom.js";

const UNANSWERED = [0]; // what the server could not be asked about goes first, with the unread
const WAITING = [9]; // what is still to be answered goes last

const WORDS = {
  waiting: "waiting",
  asking: "reading and answering",
  failed: "not answered",
};

export class Worklist {
  #list;
  #choose;
  #films = []; // in the order of the page
  #lines = new Map(); // film -> its elements
  #current = null;

  /** `list` is an empty <ol>; `choose(film, isEntered)` is called when one is chosen. */
  constructor(list, choose) {
    this.#list = list;
    this.#choose = choose;
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  get films() {
    return this.#films;
  }

  get current() {
    return this.#current;
  }

  /** Say where the current film stands, from 1. */
  get place() {
    return this.#films.indexOf(this.#current) + 1;
  }

  add(films) {
    const lines = document.createDocumentFragment();
    for (const film of films) {
      this.#films.push(film);
      lines.append(this.#line(film));
    }
    this.#list.append(lines);
  }

  /** Show what has become of a film, at its place. */
  update(film) {
    const line = this.#lines.get(film);
    if (!line) return;
    const look = film.look;
    line.item.className = `item ${look?.words.kind ?? film.state}`;
    line.words.textContent = film.state === "answered" ? look.words.line : WORDS[film.state];
    line.risk.hidden = typeof look?.row.risk !== "number";
    if (!line.risk.hidden) line.bar.style.width = `${100 * look.row.risk}%`;
    if (film.thumb && line.image.src !== film.thumb) {
      line.image.src = film.thumb;
      line.image.hidden = false;
    }
    this.#place(film, line);
  }

  select(film) {
    this.#mark(this.#current, false);
    this.#current = film;
    this.#mark(film, true);
  }

  /** Return the film so many places on from the current one; undefined: there is none. */
  next(step) {
    return this.#films[this.#films.indexOf(this.#current) + step];
  }

  clear() {
    this.#films = [];
    this.#lines.clear();
    this.#current = null;
    this.#list.replaceChildren();
  }

  #line(film) {
    const image = make("img", { alt: "", width: 36, height: 36, hidden: true });
    const words = make("span", { class: "item-words" }, WORDS[film.state]);
    const bar = make("i");
    const risk = make("span", { class: "item-risk", hidden: true, "aria-hidden": "true" }, bar);
    const name = make("bdi", { class: "item-name", title: film.shownName }, film.shownName);
    const text = make("span", { class: "item-text" }, words, risk, name);
    const thumb = make("span", { class: "item-thumb" }, image);
    const button = make("button", { type: "button", tabindex: "-1" }, thumb, text);
    const item = make("li", { class: `item ${film.state}` }, button);
    // a press of Enter comes as a click without a place: it goes on to the answer
    button.addEventListener("click", (event) => this.#choose(film, event.detail === 0));
    this.#lines.set(film, { item, button, image, words, risk, bar });
    return item;
  }

  #mark(film, is) {
    const button = this.#lines.get(film)?.button;
    if (!button) return;
    button.tabIndex = is ? 0 : -1;
    if (is) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    if (is) reveal(this.#list, this.#lines.get(film).item);
  }

  #place(film, line) {
    const from = this.#films.indexOf(film);
    this.#films.splice(from, 1);
    const to = placeOf(this.#films, film);
    this.#films.splice(to, 0, film);
    if (to === from) return;
    const hadFocus = document.activeElement === line.button;
    const current = this.#lines.get(this.#current)?.item;
    const wasInSight = current && isInSight(this.#list, current);
    const after = this.#films[to + 1];
    this.#list.insertBefore(line.item, after ? this.#lines.get(after).item : null);
    if (hadFocus) line.button.focus({ preventScroll: true });
    if (wasInSight) reveal(this.#list, current);
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    const film = { Home: this.#films[0], End: this.#films.at(-1) }[event.key] ?? this.next(step);
    if (!film) return;
    this.#choose(film, false);
    this.#lines.get(film).button.focus({ preventScroll: true });
  }
}

function isInSight(list, item) {
  const top = item.offsetTop - list.offsetTop;
  return top + item.offsetHeight > list.scrollTop && top < list.scrollTop + list.clientHeight;
}

/** Scroll a list, and nothing round it, until an item is in sight. */
function reveal(list, item) {
  const top = item.offsetTop - list.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top;
  const bottom = top + item.offsetHeight;
  if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/** Give what a film is ordered by: the server's numbers, then the order given. */
function keyOf(film) {
  if (film.look) return film.look.order;
  return film.state === "failed" ? UNANSWERED : WAITING;
}

function isBefore(one, other) {
  const [a, b] = [keyOf(one), keyOf(other)];
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference) return difference < 0;
  }
  return one.number < other.number;
}

/** Find a film's place among films in order. */
function placeOf(films, film) {
  let [low, high] = [0, films.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(films[middle], film)) low = middle + 1;
    else high = middle;
  }
  return low;
}
