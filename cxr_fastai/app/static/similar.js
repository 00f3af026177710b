// The training films that are nearest by embedding: pictures where the licence lets the folder be
// shown, and words in any case.

import { byId, fill, make } from "./dom.js";

/** Show the films that are like one; nothing where it has no answer. */
export function showSimilar(look) {
  const part = byId("similar-part");
  if (!part) return;
  const films = look?.similar ?? [];
  const says = look?.words.similar ?? "";
  part.hidden = !films.length && !says;
  const list = films.length ? make("ul", { class: "similar" }, ...films.map(figureOf)) : "";
  fill(byId("similar"), says ? make("p", { class: "soft" }, says) : "", list);
}

function figureOf(film) {
  const label = film.display || film.label;
  const picture = film.film
    ? make("img", { src: film.film, alt: `Training film labelled ${label}` })
    : make("span", { class: "hidden-film" }, film.why_hidden);
  const details = [film.source, `distance ${film.distance.toFixed(3)}`, film.licence, film.says];
  const lines = details.filter(Boolean).map((words) => make("span", { class: "soft" }, words));
  return make("li", {}, make("div", { class: "frame" }, picture), make("strong", {}, label), ...lines);
}
