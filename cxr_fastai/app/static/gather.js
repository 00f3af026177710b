// Files that people give: dropped, pasted, chosen, a whole folder, or from a camera.

import { isTyping } from "./keys.js";

const NO_PICTURE = "The clipboard holds no picture: copy the picture itself, or choose its file.";
const HIDDEN = /(^|\/)(\.[^/]*|__MACOSX\/.*|Thumbs\.db|desktop\.ini)$/i;

/** Call `add` with [{file, name}] whenever films are given, how many hidden files were not, and how
    many entries of a folder could not be read; `says` with why nothing came of it. */
export function listen(add, says) {
  for (const id of ["choose", "choose-folder", "camera"]) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      if (input.files.length) give([...input.files].map(named), add);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  const folder = document.getElementById("choose-folder");
  document.getElementById("choose-folder-part").hidden = !("webkitdirectory" in folder);
  listenToDrops(add);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) give(files.map(named), add);
    else if (!isTyping(event.target)) says(NO_PICTURE);
  });
}

function give(all, add, unread = 0) {
  const films = all.filter((film) => !HIDDEN.test(film.name));
  add(films, all.length - films.length, unread);
}

/** Name a file; of a folder with the way to it, which tells films apart. */
function named(file) {
  return { file, name: file.webkitRelativePath || file.name || "pasted" };
}

function listenToDrops(add) {
  const sign = document.getElementById("drop");
  let depth = 0; // elements entered and not left
  const show = (is) => {
    depth = is ? depth : 0;
    sign.hidden = !is;
  };
  addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    show(true);
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) show(false);
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(false);
    const { films, unread } = await dropped(event.dataTransfer);
    give(films, add, unread);
  });
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

/** Return what was dropped, folders opened, and how many entries could not be read. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return { films: files.map(named), unread: 0 };
  const found = { films: [], unread: 0 };
  for (const entry of entries) {
    if (entry) await open(entry, found);
  }
  return found;
}

/** Add the files of an entry; one that is gone or may not be read costs no other. */
async function open(entry, found) {
  try {
    if (entry.isFile) found.films.push(await filed(entry));
    else for (const inner of await listed(entry.createReader())) await open(inner, found);
  } catch {
    found.unread += 1;
  }
}

async function filed(entry) {
  const file = await new Promise((done, failed) => entry.file(done, failed));
  return { file, name: entry.fullPath.replace(/^\//, "") };
}

/** List a folder; a browser hands out a hundred at a time. */
async function listed(reader) {
  const all = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return all;
    all.push(...some);
  }
}
