// The colours of the page: as the system, light, or for a dark room. A plain script that stands in
// the head, so that a dark room never sees a flash of white. Remembers the choice where it may.
"use strict";

(() => {
  const KEY = "cxr-theme";
  const root = document.documentElement;

  function remembered() {
    try {
      return localStorage.getItem(KEY) ?? "";
    } catch {
      return ""; // a browser that keeps nothing
    }
  }

  function remember(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // it holds for this page alone
    }
  }

  function use(theme) {
    if (theme === "light" || theme === "room") {
      root.dataset.theme = theme;
    } else {
      delete root.dataset.theme;
    }
  }

  use(remembered());
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    if (!choice) return;
    choice.value = root.dataset.theme ?? "";
    choice.closest("label").hidden = false;
    choice.addEventListener("change", () => {
      use(choice.value);
      remember(choice.value);
    });
  });
})();
