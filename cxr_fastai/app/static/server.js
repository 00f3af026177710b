// What is asked of the server, and how it refuses. A film goes up whole, and nothing else does.

/** The server refused: its words, and what can be done. */
export class Refused extends Error {
  constructor(status, told, seconds) {
    super(told.says);
    this.status = status;
    this.code = told.code ?? "";
    this.says = told.says;
    this.does = told.do ?? "";
    this.seconds = seconds; // after which to try again; null: not at all
  }
}

/** The server runs another model now than this page was made for. */
export class OtherModel extends Error {}

/** No answer came: the server is gone, the network is down, or the file can no longer be read. */
export class Gone extends Error {}

const UNKNOWN = { code: "unknown", says: "The server answered in a way that this page does not know.", do: "Reload the page." };
const SHORTEST_WAIT = 1; // seconds
const LONGEST_WAIT = 60;

/** Ask what is to be shown of a film: its answer and its picture. */
export function askLook(film, signal) {
  return post("/look", film, signal, film.right ? { right: "1" } : {});
}

/** Ask for the heat of a class. */
export function askHeat(film, of, signal) {
  return post("/heat", film, signal, film.right ? { of, right: "1" } : { of });
}

/** Tell whether the server answers at all. */
export async function isAlive() {
  try {
    const answer = await fetch("/health", { cache: "no-store" });
    return answer.ok;
  } catch {
    return false;
  }
}

/** Sign in with a token; tell whether it was the right one. Throws `Gone`, `Refused`. */
export async function signIn(token) {
  const answer = await sent("/sign-in", { method: "POST", body: new URLSearchParams({ token }) });
  if (answer.ok) return true;
  if (answer.status === 401) return false;
  throw await refusalOf(answer);
}

/** Send a film; return what the server says of it. Throws `Gone`, `Refused`. */
async function post(path, film, signal, query) {
  const form = new FormData();
  form.append("files", film.file, film.name);
  const address = Object.keys(query).length ? `${path}?${new URLSearchParams(query)}` : path;
  const headers = { Accept: "application/json" };
  const answer = await sent(address, { method: "POST", body: form, headers, signal });
  const told = await jsonOf(answer);
  checkModel(answer);
  if (told?.words || (answer.ok && told)) return told; // a film that could not be read has its words
  throw refusalFrom(answer, told);
}

/** Throw `OtherModel` where what answers is not what the page was made for. */
function checkModel(answer) {
  const own = document.getElementById("work").dataset.model;
  const name = answer.headers.get("Cxr-Model");
  if (name && name !== own) throw new OtherModel();
}

/** Ask; whatever keeps an answer from coming is `Gone`, but for being called off. */
async function sent(address, options) {
  try {
    return await fetch(address, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone(error.message);
  }
}

/** Read an answer as JSON; null where it is none. */
async function jsonOf(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

async function refusalOf(answer) {
  return refusalFrom(answer, await jsonOf(answer));
}

function refusalFrom(answer, told) {
  return new Refused(answer.status, told?.error?.says ? told.error : UNKNOWN, waitOf(answer));
}

/** Say how many seconds to wait before trying again; null where that would not help. */
function waitOf(answer) {
  if (answer.status !== 503 && answer.status !== 429) return null;
  const asked = Number(answer.headers.get("Retry-After"));
  return Math.min(Math.max(asked || SHORTEST_WAIT, SHORTEST_WAIT), LONGEST_WAIT);
}
