// The page as a whole: films come in, are asked for, and are shown. Names, pictures and answers stay
// in this window's memory, and nowhere else.

import { heldWords, showAnswer, spokenOf } from "./answer.js";
import { Asking } from "./asking.js";
import { saveCsv } from "./csv.js";
import { button, byId, count, fill, make, plainName } from "./dom.js";
import { listen } from "./gather.js";
import { HeatPart } from "./heat.js";
import { listenToKeys } from "./keys.js";
import { Pictures, thumbnailOf } from "./pictures.js";
import { signInAgain } from "./sign_in.js";
import { showSimilar } from "./similar.js";
import { Viewer } from "./viewer.js";
import { Worklist } from "./worklist.js";

const SAY_EVERY = 2000; // ms between sentences for a screen reader while films are answered

const facts = byId("work").dataset;
const pictures = new Pictures();
const viewer = new Viewer(byId("viewer"));
const heat = new HeatPart(viewer, Boolean(facts.hasHeat));
const worklist = new Worklist(byId("list"), choose);
const asking = new Asking({
  film: changed,
  held: showHeld,
  signIn: signInAgain,
  maxBytes: Number(facts.maxBytes),
});
const page = {
  riskThreshold: facts.riskThreshold ? Number(facts.riskThreshold) : null,
  before: (film) => asking.before(film),
  get held() {
    return asking.held;
  },
};

let number = 0; // of films, ever
let shownPicture = null; // film whose picture the viewer holds
let drawing = false; // whether the current film is about to be drawn
let saidAt = 0;
let saying = 0; // timer
let ticking = 0; // timer of a countdown

// ---- films come in

function add(given, hidden, unread = 0) {
  const films = given.map(({ file, name }) => {
    number += 1;
    return { number, file, name, shownName: plainName(name), state: "waiting", look: null, thumb: "", right: false };
  });
  byId("alarm").replaceChildren();
  const words = leftOut(films.length, hidden, unread);
  if (words) alarm(words);
  if (!films.length) return;
  worklist.add(films);
  const isFirst = !worklist.current;
  showRoom();
  if (isFirst) choose(films[0], false);
  asking.add(films);
  progress();
}

/** Say what of a folder is not among the films; empty: all of it is. */
function leftOut(films, hidden, unread) {
  if (!films && !hidden && !unread) return "There is no file in what was given.";
  const words = [];
  if (hidden) words.push(`${count(hidden, "hidden file")} left out (such as .DS_Store).`);
  const are = unread === 1 ? "is" : "are";
  if (unread) words.push(`${count(unread, "entry", "entries")} of the folder could not be read and ${are} left out.`);
  return words.join(" ");
}

function showRoom() {
  const n = worklist.films.length;
  document.body.classList.toggle("has-films", n > 0);
  document.body.classList.toggle("has-many", n > 1);
  byId("room").hidden = n === 0;
  byId("intro").hidden = n > 0;
  byId("steps").hidden = n < 2;
}

// ---- films are shown

function choose(film, isEntered) {
  worklist.select(film);
  asking.prefer(film);
  draw();
  if (isEntered) byId("answer-title").focus();
  else if (document.activeElement?.closest(".list") && !matchMedia("(min-width: 47.5em)").matches) {
    byId("answer").scrollIntoView({ block: "start" });
  }
}

function step(by) {
  const film = worklist.next(by);
  if (!film) return;
  choose(film, false);
  speak(film);
}

function draw() {
  const film = worklist.current;
  if (!film) return;
  showAnswer(film, page, { again, right });
  showPicture(film);
  heat.offer(film);
  showSimilar(film.look);
  drawPlace();
}

function drawPlace() {
  const [place, n] = [worklist.place, worklist.films.length];
  byId("place").textContent = `${place} of ${n}`;
  byId("previous").disabled = place <= 1;
  byId("next").disabled = place >= n;
}

/** Draw the current film once, however many things changed. */
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function showPicture(film) {
  const uri = pictures.of(film.number);
  const hasNone = film.state === "answered" && film.look.width === 0;
  // the viewer keeps what it shows
  const isThere = !film.isUnseen && (Boolean(uri) || shownPicture === film);
  byId("viewer").hidden = !isThere;
  byId("no-film").hidden = isThere;
  if (isThere && shownPicture !== film) {
    shownPicture = film;
    const { width, height, words } = film.look;
    const isRighted = Boolean(words.righted);
    viewer.show({ film: uri, width, height, name: film.shownName, isRighted }).catch(() => unseen(film));
  }
  if (isThere) return;
  if (shownPicture) viewer.clear();
  shownPicture = null;
  byId("no-film").textContent = noPicture(film, hasNone);
  const isWanted = film.state === "answered" && !hasNone && !film.isUnseen && !film.refusal;
  if (isWanted && !asking.has(film)) asking.add([film]);
}

/** Say that this browser cannot decode a film's picture; its answer stands. */
function unseen(film) {
  film.isUnseen = true;
  drawSoon();
}

function noPicture(film, hasNone) {
  if (hasNone) return "No picture: it could not be read.";
  if (film.state === "failed") return "No picture: it was not answered.";
  if (film.isUnseen) return "No picture: it cannot be shown, as this browser does not decode it. The answer stands.";
  if (film.refusal) return `No picture: ${film.refusal.says}`;
  return "The picture comes with the answer.";
}

// ---- films are answered

function changed(film) {
  if (film.state === "answered" && film.look.film) takePicture(film);
  worklist.update(film);
  const isCurrent = film === worklist.current;
  if (isCurrent && film.state === "answered") speak(film);
  if (isCurrent && film.state === "failed") alarm(`${film.shownName}: ${film.refusal.says}`, "unseen"); // it is seen below
  byId("save-csv").disabled = !facts.csvHeader || !worklist.films.some((each) => each.look);
  drawPlace();
  if (isCurrent) draw();
  else if (worklist.current?.state === "waiting") drawSoon();
  progress();
}

/** Keep the picture apart from the answer, so that a thousand answers take little memory. */
async function takePicture(film) {
  const uri = film.look.film;
  film.look.film = "";
  pictures.keep(film.number, uri);
  film.isUnseen = false;
  if (film.thumb && !film.right) return;
  try {
    film.thumb = await thumbnailOf(uri);
  } catch {
    return; // the viewer says what is wrong with the picture
  }
  worklist.update(film);
}

function again(film) {
  film.state = "waiting";
  film.refusal = null;
  worklist.update(film);
  asking.add([film]);
  drawSoon();
}

function right(film) {
  film.right = true;
  film.look = null;
  pictures.forget(film.number);
  shownPicture = null;
  again(film);
}

// ---- what is said of all

function progress() {
  clearTimeout(saying);
  const wait = Math.max(saidAt + SAY_EVERY - Date.now(), 0);
  saying = setTimeout(sayProgress, asking.waiting ? wait : 0);
}

function sayProgress() {
  saidAt = Date.now();
  const films = worklist.films;
  const answered = films.filter((film) => film.look).length;
  const bar = byId("bar");
  bar.hidden = films.length < 2 || !asking.waiting;
  bar.max = films.length;
  bar.value = films.filter((film) => film.look || film.state === "failed").length;
  byId("progress").textContent = progressWords(films, answered);
}

function progressWords(films, answered) {
  if (!films.length) return "";
  if (films.length === 1) return "";
  const refused = films.filter((film) => film.look?.words.kind === "refused").length;
  const unread = films.filter((film) => film.look?.words.kind === "unread").length;
  const failed = films.filter((film) => film.state === "failed").length;
  const parts = [`${answered.toLocaleString("en")} of ${count(films.length, "film")} done`];
  if (unread) parts.push(`${unread} not read`);
  if (refused) parts.push(`${refused} refused by the gate`);
  if (failed) parts.push(`${failed} not answered`);
  return `${parts.join(", ")}.`;
}

/** Say the current film's state to those who do not see it. */
function speak(film) {
  const n = worklist.films.length;
  const place = n > 1 ? `, ${worklist.place} of ${n}` : "";
  byId("spoken").textContent = `${film.shownName}${place}. ${spokenOf(film)}`;
}

/** Hand out the csv, and say what is not in it. */
function save() {
  saveCsv(facts.csvHeader, worklist.films);
  const n = worklist.films.filter((film) => !film.look).length;
  const [are, them] = n === 1 ? ["is", "it"] : ["are", "them"];
  if (n) alarm(`${count(n, "film")} ${are} not in the csv: the server has not answered ${them}.`);
}

function alarm(words, kind = "box warn") {
  fill(byId("alarm"), make("p", { class: kind }, words));
}

/** Say why all films wait, and count down; aloud at once, but not each second. */
function showHeld(held) {
  clearInterval(ticking);
  const box = byId("held");
  box.hidden = !held;
  drawSoon();
  if (!held) return;
  box.className = held.why === "busy" ? "box" : "box warn";
  if (held.why === "busy") box.removeAttribute("role");
  else box.setAttribute("role", "alert");
  const say = () => {
    byId("held-says").textContent = heldWords(held);
    byId("held-button").textContent = held.why === "other-model" ? "Load the page anew" : "Try now";
    drawSoon();
  };
  say();
  if (held.why === "busy") ticking = setInterval(say, 1000);
}

function clearAll() {
  asking.clear();
  worklist.clear();
  pictures.clear();
  viewer.clear();
  heat.offer(null);
  shownPicture = null;
  byId("alarm").replaceChildren();
  byId("spoken").textContent = "";
  byId("said").replaceChildren();
  byId("answer-title").replaceChildren();
  byId("numbers").replaceChildren();
  byId("save-csv").disabled = true;
  showRoom();
  progress();
  byId("choose").focus();
}

listen(add, alarm);
listenToKeys({
  j: () => step(1),
  k: () => step(-1),
  u: () => byId("choose").click(),
  h: () => heat.toggle(),
});
byId("add").hidden = false;
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("clear-all").addEventListener("click", clearAll);
byId("save-csv").addEventListener("click", save);
byId("held").append(button("Try now", () => asking.now(), { id: "held-button" }));
