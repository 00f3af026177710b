// Files that people give: dropped, pasted, chosen, a whole folder, or from a camera.

const HIDDEN = /(^|\/)(\.[^/]*|__MACOSX\/.*|Thumbs\.db|desktop\.ini)$/i;

/** Call `add` with [{file, name}] whenever films are given, and how many hidden files were not. */
export function listen(add) {
  for (const id of ["choose", "choose-folder", "camera"]) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      give([...input.files].map(named), add);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  const folder = document.getElementById("choose-folder");
  document.getElementById("choose-folder-part").hidden = !("webkitdirectory" in folder);
  listenToDrops(add);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) give(files.map(named), add);
  });
}

function give(all, add) {
  const films = all.filter((film) => !HIDDEN.test(film.name));
  if (all.length) add(films, all.length - films.length);
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
    give(await dropped(event.dataTransfer), add);
  });
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

/** Return what was dropped, folders opened. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files.map(named);
  const found = [];
  for (const entry of entries) {
    if (entry) await open(entry, found);
  }
  return found;
}

async function open(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    found.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  for (const inner of await listed(entry.createReader())) await open(inner, found);
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
