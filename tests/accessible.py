"""What keeps people out of a page, looked for by hand in a real browser: no outside tool is needed.

Each function gives sentences, one for each thing that is wrong; none where all is well. The bounds
are those of WCAG 2.2: contrast 1.4.3 and 1.4.11, size of targets 2.5.8, names 4.1.2, reflow 1.4.10.
"""

import io

import numpy as np
from PIL import Image

TEXT_CONTRAST, LARGE_CONTRAST = 4.5, 3.0
LARGE, LARGE_BOLD = 24, 18.66  # px
TARGET = 24  # px
FINGER = 40  # px, of what a finger presses on a phone

# ---- of the page as it stands: names, roles, order of headings, ids

STRUCTURE = """() => {
const wrong = [];
const isSeen = (e) => e.checkVisibility({checkOpacity: false, checkVisibilityCSS: true});
const nameOf = (e) => {
  const by = e.getAttribute("aria-labelledby");
  if (by) return by.split(" ").map(id => document.getElementById(id)?.textContent ?? "").join(" ").trim();
  return (e.getAttribute("aria-label") || [...(e.labels ?? [])].map(l => l.textContent).join(" ") || e.textContent || e.title || e.alt || "").trim();
};
const what = (e) => `<${e.tagName.toLowerCase()}${e.id ? " #" + e.id : ""}${e.className ? " ." + e.className : ""}>`;
if (!document.documentElement.lang) wrong.push("the page has no language");
if (!document.title.trim()) wrong.push("the page has no title");
const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`the id ${id} stands twice`);
for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls], label[for]")) {
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
    for (const id of (e.getAttribute(name) ?? "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) wrong.push(`${what(e)}: ${name} names ${id}, which is not there`);
  }
}
const acting = "a[href], button, input, select, textarea, summary, [tabindex], [role=button], [role=slider], [role=application], [role=img], section[aria-labelledby], dialog, nav, form[id]";
for (const e of document.querySelectorAll(acting)) {
  if (isSeen(e) && e.tagName !== "FORM" && e.tagName !== "MAIN" && !(e.tagName === "H2") && !nameOf(e)) wrong.push(`${what(e)} has no name`);
  if (e.tabIndex > 0) wrong.push(`${what(e)} stands before its turn: tabindex ${e.tabIndex}`);
}
for (const e of document.querySelectorAll("img")) if (!e.hasAttribute("alt")) wrong.push(`${what(e)} has no alt`);
const mains = [...document.querySelectorAll("main")].filter(isSeen);
if (mains.length !== 1) wrong.push(`${mains.length} main parts`);
if ([...document.querySelectorAll("h1")].filter(isSeen).length !== 1) wrong.push("not one h1");
const marks = [...document.querySelectorAll("nav, [role=region], section[aria-labelledby], section[aria-label], aside")].filter(isSeen).map(e => e.tagName + " " + nameOf(e));
for (const mark of new Set(marks.filter((mark, i) => marks.indexOf(mark) !== i))) wrong.push(`two parts of the page have the name ${mark}`);
let last = 0;
for (const e of [...document.querySelectorAll("h1, h2, h3, h4")].filter(isSeen)) {
  const level = Number(e.tagName[1]);
  if (level > last + 1) wrong.push(`${what(e)} "${e.textContent}" skips a level`);
  if (!e.textContent.trim()) wrong.push(`${what(e)} is empty`);
  last = level;
}
for (const e of document.querySelectorAll("th")) if (e.textContent.trim() && !e.scope) wrong.push(`${what(e)} heads nothing: no scope`);
for (const e of document.querySelectorAll("ul > *, ol > *")) if (e.tagName !== "LI") wrong.push(`${what(e)} in a list is no item`);
for (const e of document.querySelectorAll("button *, a *")) if (e.matches("a, button, input, select")) wrong.push(`${what(e)} acts inside what acts`);
for (const e of document.querySelectorAll("[aria-hidden=true]")) if (e.querySelector("a[href], button, input, select, [tabindex]")) wrong.push(`${what(e)} is hidden from readers and can be reached`);
for (const e of document.querySelectorAll("[aria-pressed], [aria-expanded], [aria-current]")) {
  for (const name of ["aria-pressed", "aria-expanded"]) {
    const value = e.getAttribute(name);
    if (value !== null && !["true", "false", "mixed"].includes(value)) wrong.push(`${what(e)}: ${name} is ${value}`);
  }
}
return wrong;
}"""

# ---- contrast of text, by the colours that are computed

CONTRAST = """([least, leastLarge, large, largeBold]) => {
const wrong = [];
const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const parse = (colour) => {
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const luminance = (c) => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
const ground = (e) => {
  const layers = [];
  for (let at = e; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour[3]) layers.push(colour);
    if (colour[3] === 1) break;
  }
  const page = getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18, 1] : [255, 255, 255, 1];
  return layers.reverse().reduce((below, top) => over(top, below), page);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const told = new Set();
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const e = node.parentElement;
  if (!node.data.trim() || !e.checkVisibility({checkVisibilityCSS: true}) || e.closest("noscript, script, style, .unseen, .viewer-spoken, option")) continue;
  if (e.closest(":disabled")) continue;
  const style = getComputedStyle(e);
  let opacity = 1;
  for (let at = e; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
  const below = ground(e);
  const ink = parse(style.color);
  const seen = over([...ink.slice(0, 3), ink[3] * opacity], below);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= large || (size >= largeBold && Number(style.fontWeight) >= 700);
  const found = ratio(seen, below);
  if (found < (isLarge ? leastLarge : least)) told.add(`"${node.data.trim().slice(0, 40)}" (${e.className || e.tagName}) has contrast ${found.toFixed(2)}`);
}
return [...told];
}"""

SMALL = """([least]) => {
const wrong = [];
for (const e of document.querySelectorAll("a[href], button, select, summary, input, label.button")) {
  if (!e.checkVisibility({checkVisibilityCSS: true}) || e.matches(".unseen, [type=hidden]")) continue;
  if (e.matches("p a, li a, dd a, td a")) continue; // in a sentence
  const held = e.matches("[type=checkbox], [type=radio]") ? e.closest("label") ?? e : e;
  const box = held.getBoundingClientRect();
  if (!box.width || (box.width >= least && box.height >= least)) continue;
  wrong.push(`${e.tagName.toLowerCase()} ${e.id || e.className} "${(e.ariaLabel || e.textContent).trim().slice(0, 30)}" is ${Math.round(box.width)} x ${Math.round(box.height)} px`);
}
return wrong;
}"""

TO_THE_TOP = (
    "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
)

AT_FOCUS = """() => {
let e = document.activeElement;
if (!e || e === document.body) return null;
const name = (e.id || e.className || e.tagName) + " " + (e.ariaLabel || e.textContent || "").trim().slice(0, 30);
if (e.getBoundingClientRect().width <= 2) e = e.closest("label, .chooser") ?? e.parentElement;
const box = e.getBoundingClientRect();
const space = 6;
return {name, x: box.x - space, y: box.y - space, width: box.width + 2 * space, height: box.height + 2 * space};
}"""


def structure(page):
    "Names, roles, headings, ids."
    return page.evaluate(STRUCTURE)


def contrast(page):
    "Text that is too faint on what lies below it."
    return page.evaluate(CONTRAST, [TEXT_CONTRAST, LARGE_CONTRAST, LARGE, LARGE_BOLD])


def small_targets(page, least=TARGET):
    "What is pressed, and is too small to be hit."
    return page.evaluate(SMALL, [least])


def walked(page, most=80):
    "Walk the page with the tabulator: (names in their order, what has the focus and does not show it)."
    page.evaluate(TO_THE_TOP)
    page.mouse.move(0, 0)
    names, dark = [], []
    for _ in range(most):
        page.keyboard.press("Tab")
        place = page.evaluate(AT_FOCUS)
        if place is None or (names and place["name"] == names[0]):
            break
        name = place.pop("name")
        names.append(name)
        if not shows_focus(page, place):
            dark.append(f"{name} has the focus and does not show it")
    return names, dark


def shows_focus(page, place):
    "Whether an element looks different with the focus and without it."
    page.evaluate("document.activeElement.scrollIntoViewIfNeeded?.()")
    place = {k: v for k, v in (page.evaluate(AT_FOCUS) or place).items() if k != "name"}
    with_focus = picture(page, place)
    page.evaluate("window.held = document.activeElement; held.blur()")
    without = picture(page, place)
    page.evaluate("held.focus({focusVisible: true, preventScroll: true})")
    return with_focus.shape != without.shape or np.any(np.abs(with_focus - without) > 40)


def picture(page, place):
    "A part of the window, (h, w, 3) int."
    view = page.viewport_size
    left, top = max(place["x"], 0), max(place["y"], 0)
    width = max(min(place["x"] + place["width"], view["width"]) - left, 1)
    height = max(min(place["y"] + place["height"], view["height"]) - top, 1)
    data = page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
