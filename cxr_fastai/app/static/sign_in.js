// Signing in again without leaving the page, so that no film is lost.

import { byId } from "./dom.js";
import { Refused, signIn } from "./server.js";

/** Ask for the token until it is right. */
export function signInAgain() {
  const dialog = byId("again");
  const says = byId("again-says");
  const token = byId("again-token");
  says.textContent = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((done) => {
    byId("again-form").onsubmit = async (event) => {
      event.preventDefault();
      says.textContent = await triedWith(token.value);
      token.value = "";
      if (says.textContent) return token.focus();
      dialog.close();
      done();
    };
  });
}

/** Try a token; return what went wrong, empty where it was right. */
async function triedWith(token) {
  try {
    return (await signIn(token)) ? "" : "This is not the server's token.";
  } catch (error) {
    return error instanceof Refused ? `${error.says} ${error.does}` : "The server does not answer.";
  }
}
