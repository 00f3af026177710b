// Keys for the whole page. Single keys can be turned off, as those who dictate to a computer need.

import { byId } from "./dom.js";

const KEY = "cxr-single-keys";

/** Call `does[key]()` for a key that is pressed outside all fields. */
export function listenToKeys(does) {
  const isOn = byId("single-keys");
  isOn.checked = remembered() !== "off";
  isOn.addEventListener("change", () => remember(isOn.checked ? "on" : "off"));
  byId("show-keys").hidden = false;
  byId("show-keys").addEventListener("click", () => byId("keys").showModal());
  document.addEventListener("keydown", (event) => {
    const isBusy = event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey;
    if (isBusy || !isOn.checked || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const act = event.key === "?" ? () => byId("keys").showModal() : does[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Tell whether keys go into a field. */
export function isTyping(target) {
  return target instanceof Element && target.matches("input:not([type=range]):not([type=file]), select, textarea");
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function remember(value) {
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // it holds for this page alone
  }
}
