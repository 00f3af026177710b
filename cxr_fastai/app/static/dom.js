// Elements of the page, made and found. Every text goes in as text, never as html.

/** Return the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Make an element: attributes by name (null leaves one out), children elements or text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** Put children in an element, instead of those that it has. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== ""));
}

/** Make a button that does something. */
export function button(words, does, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, words);
  made.addEventListener("click", does);
  return made;
}

/** Return a file's name without marks that would turn or hide what stands beside it. */
export function plainName(name) {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u00b7");
}

/** Count something in words: 1 film, 2 films. */
export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** Write two numbers from 0 to 1 with as many decimals as it takes to tell them apart. */
export function apart(value, threshold, least = 3) {
  for (let places = least; places < 9; places += 1) {
    const words = [value.toFixed(places), threshold.toFixed(places)];
    if (words[0] !== words[1] || value === threshold) return words;
  }
  return [value.toFixed(9), threshold.toFixed(9)];
}
