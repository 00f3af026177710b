// Where the answer is most sensitive, asked for on demand: the film goes up again, as the server
// has kept nothing of it. The viewer lays the heat on the film and dims it.

import { byId, fill, make } from "./dom.js";
import { Gone, OtherModel, Refused, askHeat } from "./server.js";

/** The browser cannot decode a heat, for want of memory or else. */
class Unseen extends Error {}

export class HeatPart {
  #viewer;
  #film = null;
  #asked = null; // AbortController of the question that runs
  #isShown = false;

  constructor(viewer, can) {
    this.#viewer = viewer;
    this.can = can; // whether the server computes heats
    byId("heat-button").addEventListener("click", () => this.toggle());
    byId("heat-of").addEventListener("change", () => this.#changed());
  }

  /** Offer the heat of a film; null: of none. */
  offer(film) {
    if (film !== this.#film) {
      this.#hide();
      this.#say("");
    }
    this.#film = film;
    const words = film?.look?.words;
    const isAnswered = Boolean(film?.look?.classes.length);
    byId("heat-part").hidden = !isAnswered;
    if (!isAnswered) return;
    const can = this.can && !words.heat;
    byId("heat-form").hidden = !can;
    if (!can) this.#say(words.heat || "This server computes no heats.");
    else if (!this.#isShown && !this.#asked) choose(film.look);
  }

  toggle() {
    if (byId("heat-part").hidden || byId("heat-form").hidden) return;
    if (this.#isShown || this.#asked) {
      this.#hide();
      this.#say("");
    } else {
      this.#show();
    }
  }

  #changed() {
    if (!this.#isShown && !this.#asked) return;
    this.#hide();
    this.#show();
  }

  async #show() {
    const film = this.#film;
    const control = new AbortController();
    this.#asked = control;
    this.#press(true);
    this.#say("Computing where the answer is most sensitive.");
    try {
      const told = await askHeat(film, byId("heat-of").value, control.signal);
      if (this.#asked === control && told.heat) await this.#lay(told);
      if (this.#asked !== control) return; // it was taken away, or another film is looked at
      this.#asked = null;
      this.#told(told);
    } catch (error) {
      if (this.#asked !== control) return;
      this.#asked = null;
      this.#failed(error);
    }
  }

  async #lay(told) {
    try {
      await this.#viewer.showHeat({ heat: told.heat, of: told.display ?? told.of, says: told.says });
    } catch {
      throw new Unseen();
    }
  }

  #told(told) {
    if (!told.heat) {
      this.#press(false);
      this.#say(told.why || told.says);
      return;
    }
    this.#isShown = true;
    byId("film-part").scrollIntoView({ block: "nearest" });
    this.#say(told.says);
    if (told.mostly_outside) byId("heat-says").firstElementChild.className = "box warn";
  }

  #failed(error) {
    this.#hide();
    if (error instanceof Refused) this.#say(`${error.says} ${error.does}`.trim());
    else if (error instanceof OtherModel) this.#say("The server runs another model now: load the page anew.");
    else if (error instanceof Gone) this.#say("The server does not answer: no heat. Try again later.");
    else if (error instanceof Unseen) this.#say("The heat cannot be shown: this browser does not decode its picture.");
    else throw error;
  }

  #hide() {
    this.#asked?.abort();
    if (this.#isShown || this.#asked) this.#viewer.hideHeat();
    this.#asked = null;
    this.#isShown = false;
    this.#press(false);
  }

  #press(is) {
    const button = byId("heat-button");
    button.setAttribute("aria-pressed", String(is));
  }

  #say(...sentences) {
    fill(byId("heat-says"), ...sentences.filter(Boolean).map((words) => make("p", { class: "soft" }, words)));
  }
}

/** Choose the class that was answered, or the most probable one. */
function choose(look) {
  const one = look.classes.find((each) => each.is_answer) ?? look.classes[0];
  byId("heat-of").value = one.name;
}
