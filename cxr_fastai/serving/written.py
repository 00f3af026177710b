"""What `cxr predict --out` writes: the page, a csv and JSON lines of one set of answers.

A folder and rows in, files out; the first page comes last. Pages that an earlier run left and this
one does not write are removed, so that nothing stale stands beside; no other file is touched.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cxr_fastai.core import StorageError, StrPath, UsageError, make_folder, printable, write_text
from cxr_fastai.outputs import check_own_files, is_own_page
from cxr_fastai.reporting.html import thumbnail
from cxr_fastai.serving.about import about_of
from cxr_fastai.serving.answers import Film, Model
from cxr_fastai.serving.cards import Names, reading_key
from cxr_fastai.serving.page import MAX_SHOWN, PAGE, Picture, Thumb, page_names, pages_of
from cxr_fastai.serving.rows import Row, row_of, with_risk
from cxr_fastai.serving.rows_csv import check_own_csv, spelled_out, write_csv

__all__ = ["CSV", "JSON_LINES", "Thumbnails", "check_out", "json_lines", "write_answers"]

CSV = "predictions.csv"
JSON_LINES = "predictions.jsonl"
FURTHER_PAGE = re.compile(r"predictions-[0-9]+\.html")


class Thumbnails:
    """Keeps a thumbnail of each film that a page may show, as films pass.

    Of more than twice MAX_SHOWN films it forgets those that come last in reading order, which
    bounds its memory.
    """

    def __init__(
        self,
        names: Names,  # of the classes, which the reading order asks
    ):
        self.names = names
        self.kept: dict[int, Thumb] = {}  # number of a film -> its thumbnail
        self._keys: dict[int, tuple[float, ...]] = {}

    def look(self, film: Film) -> None:
        """Keep a film's thumbnail."""
        row = with_risk(row_of(film.answer), self.names.negative)
        number = film.number
        self.kept[number] = thumbnail(film.shown)
        self._keys[number] = reading_key(row, self.names)
        if len(self.kept) > 2 * MAX_SHOWN:
            self._forget()

    def _forget(self) -> None:
        """Keep the first MAX_SHOWN in reading order."""
        in_order = sorted(self.kept, key=self._keys.__getitem__)
        for number in in_order[MAX_SHOWN:]:
            del self.kept[number]
            del self._keys[number]


def check_out(
    out: StrPath,
    flag: str,  # that named it
    inputs: Iterable[StrPath] = (),  # files that are read
) -> None:
    """Raise `UsageError` where a file of others, or one that is read, would be written over."""
    folder = Path(out)
    try:
        check_own_csv(folder / CSV, f"{flag}: file")
        check_own_files(out, PAGE, [JSON_LINES], flag)
    except OSError as e:
        raise StorageError(f"cannot read {printable(folder)}: {e.strerror or e}.") from e
    read = {os.path.realpath(one) for one in inputs}
    for name in (PAGE, CSV, JSON_LINES):
        if os.path.realpath(folder / name) in read:
            raise UsageError(
                f"{flag} {printable(out)}: {name} in it is one of the files to read, and would be "
                f"written over: choose another {flag}."
            )


def json_lines(rows: Sequence[Row]) -> str:
    """Write a row a line as JSON; bytes of a path that are no UTF-8 are spelled out."""
    lines = []
    for row in rows:
        plain = {key: _plain(value) for key, value in row.items()}
        lines.append(json.dumps(plain, allow_nan=False) + "\n")  # ASCII: no odd line break
    return "".join(lines)


def _plain(value: object) -> object:
    """Spell out what is no UTF-8 of a text; return anything else as it is."""
    return spelled_out(value) if isinstance(value, str) else value


def write_answers(
    out: StrPath,
    rows: Sequence[Row],  # a row a film, by its number
    model: Model,
    tta: bool = False,
    listed: Sequence[Row] | None = None,  # of csv and JSON lines, in their order; None: `rows`
    thumbs: Mapping[int, Thumb] | None = None,  # number of a row -> thumbnail
    pictures: Mapping[int, Sequence[Picture]] | None = None,  # number of a row -> pictures
    gate: bool = True,  # whether the gates were asked
) -> Path:  # of the first page
    """Write the pages, the csv and the JSON lines."""
    folder = make_folder(out)
    about = about_of(model, tta, (CSV, JSON_LINES), gate)
    told = [with_risk(row, about.names.negative) for row in rows]
    in_order = list(rows if listed is None else listed)
    write_csv(in_order, folder / CSV)
    write_text(folder / JSON_LINES, json_lines(in_order))
    pages = pages_of(told, about, thumbs or {}, pictures or {})
    _remove_further_pages(folder, keep=page_names(len(told)))
    for file in reversed(pages):
        write_text(folder / file, pages[file])
    return folder / PAGE


def _remove_further_pages(
    folder: Path,
    keep: Sequence[str],  # names of the pages that this run writes
) -> None:
    """Remove the pages of an earlier run that this one does not write."""
    for file in folder.iterdir():
        is_further = FURTHER_PAGE.fullmatch(file.name)
        if not is_further or file.name in keep:
            continue
        if is_own_page(file):
            file.unlink()
