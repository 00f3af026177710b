// A film's answer on the page: what it is in words, before any number; then the numbers, what is
// noted of the file, and how long it took. The sentences come from the server.

import { apart, button, byId, count, fill, make } from "./dom.js";

const LONG_HEADLINE = 40; // characters, beyond which it is set smaller: many findings
const LONG_DETAIL = 200;
const OTHER_MODEL =
  "The server runs another model now than this page was made for: nothing more is asked. Save the csv if you need it, then load the page anew; the films have to be given again.";

/** Show what is known of a film. `does`: again(film), right(film). */
export function showAnswer(film, page, does) {
  byId("answer-title").replaceChildren(make("bdi", {}, film.shownName));
  const said = byId("said");
  const hadFocus = said.contains(document.activeElement);
  said.className = `said ${film.look?.words.kind ?? film.state}`;
  fill(said, ...wordsOf(film, page, does));
  if (hadFocus) (said.querySelector("button") ?? byId("answer-title")).focus();
  showNumbers(film.look, page);
  showNotes(film.look);
  const look = film.look;
  byId("seconds").textContent = look?.classes.length ? `Answered in ${look.seconds.toFixed(2)} s.` : "";
}

/** Say a film's state in a line, for those who do not see it. */
export function spokenOf(film) {
  if (film.state === "failed") return `Not answered. ${film.refusal.says}`;
  if (film.state !== "answered") return "No answer yet.";
  const words = film.look.words;
  return `${words.headline}: ${words.detail}`;
}

/** Return what stands first: the state, the answer, or large why there is none. */
function wordsOf(film, page, does) {
  if (film.state === "answered") return answered(film, does);
  if (film.state === "failed") return failed(film, does);
  if (page.held) return [headline("Waiting")]; // why, the page says above
  if (film.state === "asking") return [headline("Reading and answering", "busy")];
  const before = page.before(film);
  return [headline("Waiting"), detail(before > 0 ? `${count(before, "film")} before it.` : "It is next.")];
}

function answered(film, does) {
  const words = film.look.words;
  const parts = [];
  if (words.kind === "found" || words.kind === "negative") {
    parts.push(headline(words.headline), detail(sentence(words.detail)));
  } else {
    parts.push(make("p", { class: "state" }, words.headline), reason(sentence(words.detail)));
  }
  if (words.righted) parts.push(detail(words.righted));
  if (words.do) parts.push(detail(words.do));
  if (words.can_right) parts.push(button("Turn or invert it back, and ask again", () => does.right(film)));
  return parts;
}

function failed(film, does) {
  const { says, does: remedy } = film.refusal;
  const again = button("Try again", () => does.again(film));
  return [make("p", { class: "state" }, "Not answered"), reason(says), remedy ? detail(remedy) : "", again];
}

/** Say why all films wait. */
export function heldWords(held) {
  if (held.why === "other-model") return OTHER_MODEL;
  if (held.why === "gone") return "The server does not answer. Your films wait here.";
  if (held.why === "signed-out") return "The session has ended: sign in again. Your films wait here.";
  const seconds = Math.max(Math.ceil((held.until - Date.now()) / 1000), 1);
  return `${held.says} Trying again in ${seconds} s.`;
}

function headline(words, more = "") {
  const size = words.length > LONG_HEADLINE ? "long" : "";
  return make("p", { class: `headline ${more} ${size}` }, words);
}

function reason(words) {
  return make("p", { class: "headline reason" }, words);
}

function detail(words) {
  return make("p", { class: words.length > LONG_DETAIL ? "detail long" : "detail" }, words);
}

/** Make a sentence of a decision's words. */
function sentence(words) {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

// ---- numbers

function showNumbers(look, page) {
  const part = byId("numbers-part");
  part.hidden = !look?.classes.length;
  if (part.hidden) {
    fill(byId("numbers"));
    return;
  }
  const hasSpread = look.classes.some((one) => "low" in one);
  const hasThreshold = look.classes.some((one) => one.threshold !== null) || showsRisk(look, page);
  const heads = ["class", "", "probability"];
  if (hasThreshold) heads.push("threshold");
  if (hasSpread) heads.push("of the networks");
  const head = make("tr", {}, ...heads.map((words) => make(words ? "th" : "td", words ? { scope: "col" } : {}, words)));
  const rows = look.classes.map((one) => line(one, hasThreshold, hasSpread));
  if (showsRisk(look, page)) rows.unshift(riskLine(look.row.risk, page.riskThreshold, hasSpread));
  const table = make("table", { class: "numbers" }, make("thead", {}, head), make("tbody", {}, ...rows));
  fill(byId("numbers"), make("div", { class: "wide" }, table), hasThreshold ? make("p", { class: "soft legend" }, "The upright mark on a bar is the threshold.") : "");
}

/** Tell whether the answer follows from a risk that is held against a threshold. */
function showsRisk(look, page) {
  return page.riskThreshold !== null && typeof look.row.risk === "number";
}

function riskLine(risk, threshold, hasSpread) {
  const [value, least] = apart(risk, threshold);
  const cells = [make("td", {}, value), make("td", {}, least)];
  if (hasSpread) cells.push(make("td"));
  return make("tr", { class: "risk" }, make("th", { scope: "row" }, "Risk"), bar(risk, threshold), ...cells);
}

function line(one, hasThreshold, hasSpread) {
  const [value, least] = one.threshold === null ? [one.prob.toFixed(3), ""] : apart(one.prob, one.threshold);
  const mark = one.is_answer ? make("span", { class: "unseen" }, " (the answer)") : "";
  const cells = [make("td", {}, value)];
  if (hasThreshold) cells.push(make("td", {}, least));
  if (hasSpread) cells.push(make("td", { class: "spread" }, `${one.low.toFixed(2)} to ${one.high.toFixed(2)}`));
  const name = make("th", { scope: "row" }, one.display, mark);
  return make("tr", { class: one.is_answer ? "is-answer" : null }, name, bar(one.prob, one.threshold, one), ...cells);
}

/** Draw a number from 0 to 1: a bar, its threshold, and what several networks gave. */
function bar(value, threshold, { low, high } = {}) {
  const track = make("div", { class: "track" });
  track.append(at(make("i", { class: "filled" }), 0, value));
  if (low !== undefined) track.append(at(make("i", { class: "whisker" }), low, high - low));
  if (threshold !== null) track.append(at(make("b", { class: "mark" }), threshold));
  return make("td", { class: "bar-cell", "aria-hidden": "true" }, track);
}

function at(element, left, width = null) {
  element.style.left = `${100 * left}%`;
  if (width !== null) element.style.width = `${100 * width}%`;
  return element;
}

// ---- notes

function showNotes(look) {
  const notes = look?.words.notes ?? [];
  byId("notes-part").hidden = !notes.length;
  fill(byId("notes"), make("ul", {}, ...notes.map((note) => make("li", {}, note))));
}
