// The queue of films: two at once go to the server, the one looked at first. Where the server is
// busy it waits as long as it is told, where it is gone it looks for it, where the session has
// ended it asks for the token; a film is given up only for what is wrong with the film.

import { Gone, OtherModel, Refused, askLook, isAlive } from "./server.js";

const AT_ONCE = 2;
const MOST_TRIES = 3; // of a film whose sending breaks while the server is there
const MOST_WAITS = 40; // of a film that the server is too busy for
const MOST_LATE = 1; // of a film that takes the server too long
const FORM_BYTES = 2000; // at most, of what stands round a film when it is sent
const LOOK_EVERY = [1, 2, 4, 8, 15]; // seconds between looks for a server that is gone

/** Asks for films, one after the other. */
export class Asking {
  #queue = []; // films that wait, in the order given
  #running = new Map(); // film -> AbortController
  #first = null; // film that goes before all others
  #held = null; // {why: "busy" | "gone" | "signed-out" | "other-model", until, says, timer}
  #missed = 0; // looks for a server that is gone

  /** `on`: film(film), held(held or null), signIn() -> Promise, maxBytes. */
  constructor(on) {
    this.on = on;
  }

  get waiting() {
    return this.#queue.length + this.#running.size;
  }

  get held() {
    return this.#held;
  }

  add(films) {
    for (const film of films) {
      film.tries = 0;
      film.waits = 0;
      if (!this.has(film)) this.#queue.push(film);
    }
    this.#go();
  }

  /** Ask for a film before all others. */
  prefer(film) {
    this.#first = film;
  }

  /** Tell whether a film waits or is being asked for. */
  has(film) {
    return this.#running.has(film) || this.#queue.includes(film);
  }

  /** Say how many films are asked for before one that waits. */
  before(film) {
    return film === this.#first ? 0 : this.#queue.indexOf(film);
  }

  /** Forget all films. */
  clear() {
    this.#queue = [];
    for (const control of this.#running.values()) control.abort();
    this.#running.clear();
    this.#release();
  }

  /** Try again at once. */
  now() {
    this.#missed = 0;
    if (this.#held?.why === "other-model") location.reload();
    else if (this.#held?.why === "gone") this.#seek();
    else this.#release();
  }

  #go() {
    while (!this.#held && this.#running.size < AT_ONCE && this.#queue.length) {
      const at = Math.max(this.#queue.indexOf(this.#first), 0);
      const [film] = this.#queue.splice(at, 1);
      this.#ask(film);
    }
  }

  async #ask(film) {
    if (film.file.size + FORM_BYTES > this.on.maxBytes) {
      this.#fail(film, tooLarge(film, this.on.maxBytes));
      return;
    }
    const control = new AbortController();
    this.#running.set(film, control);
    if (film.state !== "answered") film.state = "asking";
    this.on.film(film);
    try {
      const look = await askLook(film, control.signal);
      if (this.#running.get(film) === control) this.#answered(film, look);
    } catch (error) {
      if (this.#running.get(film) === control) await this.#failed(film, error);
    }
    this.#go();
  }

  #answered(film, look) {
    this.#running.delete(film);
    film.state = "answered";
    film.refusal = null;
    film.look = look;
    this.on.film(film);
  }

  async #failed(film, error) {
    this.#running.delete(film);
    if (error instanceof Gone) await this.#broke(film);
    else if (error instanceof OtherModel) this.#stop(film);
    else if (!(error instanceof Refused)) throw error;
    else if (error.status === 401) this.#signIn(film);
    else if (error.seconds !== null && film.waits < mostWaits(error)) this.#wait(film, error);
    else this.#fail(film, error);
  }

  #back(film) {
    if (film.state !== "answered") film.state = "waiting";
    this.#queue.unshift(film);
    this.on.film(film);
  }

  #fail(film, refused) {
    // a film that was answered before keeps its answer: its picture alone could not be had again
    if (film.state !== "answered") film.state = "failed";
    film.refusal = { says: refused.says, does: refused.does, code: refused.code };
    this.on.film(film);
    this.#go();
  }

  async #broke(film) {
    this.#back(film);
    if (!(await isAlive())) {
      this.#hold({ why: "gone" });
      this.#later(LOOK_EVERY[0], () => this.#seek());
      return;
    }
    film.tries += 1;
    if (film.tries < MOST_TRIES || !this.#queue.includes(film)) return;
    this.#queue.splice(this.#queue.indexOf(film), 1);
    this.#fail(film, BROKE);
  }

  #wait(film, refused) {
    film.waits += 1;
    this.#back(film);
    const until = Date.now() + 1000 * refused.seconds;
    if (this.#held && this.#held.why !== "busy") return;
    this.#hold({ why: "busy", says: refused.says, until });
    this.#later(refused.seconds, () => this.#release());
  }

  /** Ask for nothing more: what this page says of the model is no longer true. */
  #stop(film) {
    this.#back(film);
    this.#hold({ why: "other-model" });
  }

  async #signIn(film) {
    this.#back(film);
    if (this.#held?.why === "signed-out") return;
    this.#hold({ why: "signed-out" });
    await this.on.signIn();
    this.#release();
  }

  async #seek() {
    if (this.#held?.why !== "gone") return;
    if (await isAlive()) {
      this.#missed = 0;
      this.#release();
      return;
    }
    this.#missed += 1;
    const seconds = LOOK_EVERY[Math.min(this.#missed, LOOK_EVERY.length - 1)];
    this.#later(seconds, () => this.#seek());
  }

  #later(seconds, then) {
    if (!this.#held) return;
    clearTimeout(this.#held.timer);
    this.#held.timer = setTimeout(then, 1000 * seconds);
  }

  #hold(held) {
    clearTimeout(this.#held?.timer);
    this.#held = held;
    this.on.held(held);
  }

  #release() {
    clearTimeout(this.#held?.timer);
    this.#held = null;
    this.on.held(null);
    this.#go();
  }
}

/** Say how often to wait: a film that takes too long by itself will not get faster. */
function mostWaits(refused) {
  return refused.code === "late" ? MOST_LATE : MOST_WAITS;
}

const BROKE = {
  code: "broken",
  says: "The connection broke while this film was sent, or its file can no longer be read.",
  does: "Try again; if it breaks again, choose the file anew.",
};

function tooLarge(film, most) {
  const mb = (bytes) => (bytes / 1e6).toFixed(1);
  return {
    code: "film_large",
    says: `The film has ${mb(film.file.size)} MB, and the server takes ${mb(most)} MB: it was not sent.`,
    does: "Save it without the pixels that are not needed, or ask who runs the server for more.",
  };
}
