// The csv of a worklist, put together from lines that the server wrote: no cell is made here.

/** Hand out the lines of the films that were answered, in their order. */
export function saveCsv(header, films) {
  const lines = films.filter((film) => film.look).map((film) => ended(film.look.csv));
  const blob = new Blob([ended(header), ...lines], { type: "text/csv;charset=utf-8" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "predictions.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function ended(line) {
  return line.endsWith("\n") ? line : `${line}\n`;
}
