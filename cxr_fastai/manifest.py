"""The first door, curation to training and evaluation: manifest.csv, one row an image. Reads and writes a curated
folder's manifest and checks it; never reads pixels. Its version stands in curation.json beside it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

from cxr_fastai.core import (
    FINDINGS,
    SPLITS,
    CxrError,
    NotCurated,
    UnknownName,
    csv_rows,
    unknown_name,
    write_text,
)
from cxr_fastai.recipes import Recipe

__all__ = [
    "Record",
    "Manifest",
    "read_manifest",
    "read_curation",
    "check_manifest",
    "manifest_text",
    "write_manifest",
    "write_rows",
    "read_rows",
    "to_csv",
    "COLUMNS",
    "MANIFEST",
    "CURATION",
    "MANIFEST_VERSION",
]

MANIFEST, CURATION = "manifest.csv", "curation.json"
MANIFEST_VERSION = (
    1  # of the columns and what their cells may hold: key manifest_version of curation.json
)
SHOWN = 20  # faults that check_manifest spells out


@dataclass(frozen=True)
class Record:
    """A row of manifest.csv. All text; an empty cell is unknown."""

    path: str  # of the image, relative to the folder, with /
    sha256: str  # of the source file's bytes, 64 hex digits
    pixel_sha256: str  # of width, height and the upright 8-bit gray pixels, 64 hex digits; its start names the file
    phash: str  # 64-bit perceptual hash, 16 hex digits
    source: str  # source id of the catalogue
    upstream: str  # the sources it re-publishes, pipe-joined, * = any; empty: it is the original
    original_path: str  # where the file lay in the source; arrays: file.npz#split/row
    source_label: str  # the source's own words
    label: str  # class slug of the recipe; multi-label: recipes.present, recipes.unknown read it
    findings: str  # pipe-joined, of core.FINDINGS; blank = unknown
    patient: str  # namespace:id, blank = unknown
    group: str  # connected by same patient or same radiograph; no split cuts it
    split: str  # train | valid | test
    view: str  # PA | AP | L | the source's word
    age: str  # years
    sex: str  # F | M
    width: str  # px, upright
    height: str  # px, upright
    mode: str  # of the source file: Pillow's mode and bit depth, as L/8, I;16/12
    licence: str


COLUMNS = tuple(f.name for f in fields(Record))
REQUIRED = ("path", "sha256", "pixel_sha256", "source", "label", "group", "split")


@dataclass(frozen=True)
class Manifest:
    """A curated folder's rows and the recipe it was curated for."""

    root: Path
    rows: list[Record]
    recipe: Recipe
    sha256: str  # of manifest.csv's bytes
    curation: dict = field(repr=False, default_factory=dict)  # curation.json: what was asked for

    @property
    def vocab(self) -> list[str]:
        return self.recipe.vocab

    @cached_property
    def df(self):
        """All rows as a pandas DataFrame of text; columns as in `COLUMNS`."""
        import pandas as pd

        return pd.DataFrame([vars(r) for r in self.rows], columns=list(COLUMNS), dtype="str")

    def part(self, split: str):
        """The rows of one split, as a DataFrame. Raises `UnknownName`."""
        if split not in SPLITS:
            raise UnknownName(unknown_name("split", split, SPLITS))
        return self.df[self.df["split"] == split].reset_index(drop=True)

    def counts(self) -> dict[tuple[str, str, str], int]:
        """(class, source, split) -> images."""
        out: dict = {}
        for r in self.rows:
            out[r.label, r.source, r.split] = out.get((r.label, r.source, r.split), 0) + 1
        return out

    def _repr_html_(self) -> str:
        return (
            f"<p>{len(self.rows)} images, recipe {self.recipe.name}</p>{self.df.head(8).to_html()}"
        )


# ---- csv

# A spreadsheet takes cells that begin so for formulas (OWASP, CSV injection). They are written with an apostrophe
# before them; so are cells that begin with apostrophes and then so, and one is taken off again when they are read.
GUARDED = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]").match
GUARDS = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def _guard(text: str) -> str:
    return f"'{text}" if text[:1] in GUARDS and GUARDED(text) else text


def _unguard(text: str) -> str:
    return text[1:] if text[:1] == "'" and GUARDED(text) else text


def to_csv(
    rows: list[dict],  # of text
    columns,
) -> str:
    """Rows as csv text: \\n line ends, quotes where needed, no cell that a spreadsheet would compute."""
    out = io.StringIO()
    w = csv.DictWriter(out, columns, lineterminator="\n")
    quoted = csv.DictWriter(out, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    w.writeheader()
    for row in (
        rows
    ):  # csv before Python 3.13 does not quote a carriage return, and readers end the line there
        row = {k: _guard(v) for k, v in row.items()}
        (quoted if any("\r" in v for v in row.values()) else w).writerow(row)
    return out.getvalue()


def read_rows(path) -> list[dict]:
    """The rows of a csv that `write_rows` wrote, as they were given to it. Raises `IntegrityError` for a damaged one."""
    path = Path(path)
    return [
        {k: _unguard(v) if isinstance(v, str) else v for k, v in row.items()}
        for row in csv_rows(path.read_bytes(), path)[1]
    ]


def write_rows(path, rows: list[dict], columns) -> bool:
    """Write a csv, whole or not at all; False where it stands already."""
    return write_text(path, to_csv(rows, columns))


def manifest_text(
    rows: list[Record],  # in any order; they stand in that of their paths
    labels,  # what a label may be: Recipe.labels
) -> str:
    """manifest.csv of checked rows. Raises `NotCurated` for a row that breaks a promise."""
    rows = sorted(rows, key=lambda r: r.path)
    check_rows(rows, labels, "the manifest to write")
    return to_csv([vars(r) for r in rows], COLUMNS)


def write_manifest(root: Path, rows: list[Record], labels) -> bool:
    """Check and write a folder's manifest.csv. False where it stands already. Raises `NotCurated`."""
    return write_text(Path(root) / MANIFEST, manifest_text(rows, labels))


# ---- check

BAD_PATH = re.compile(
    r"^[A-Za-z]:|\\|\0|(?:^|/)\.{0,2}(?:/|$)"
).search  # a drive, a backslash, an empty part, . or ..
ID = re.compile(r"[a-z0-9_]+").fullmatch
AGE = re.compile(r"[0-9]{1,3}(\.[0-9]+)?").fullmatch
HEX = "lower-case hex digits"

# Column -> (whether a cell that is not empty has its form, what is allowed). A column without a row here is free text.
FORMS = {
    "path": (
        lambda v: not BAD_PATH(v),
        "a path within the folder, with / and without .., as normal/0a1b.png",
    ),
    "sha256": (re.compile("[0-9a-f]{64}").fullmatch, f"64 {HEX}"),
    "pixel_sha256": (re.compile("[0-9a-f]{64}").fullmatch, f"64 {HEX}"),
    "phash": (re.compile("[0-9a-f]{16}").fullmatch, f"16 {HEX}"),
    "source": (ID, "an id of lower-case letters, digits and underscores"),
    "upstream": (
        lambda v: all(u == "*" or ID(u) for u in v.split("|")),
        "source ids joined by |, or empty",
    ),
    "age": (lambda v: AGE(v) and float(v) <= 120, "years from 0 to 120, as 54 or 0.5, or empty"),
    "sex": (("F", "M").__contains__, "F, M, or empty"),
    "width": (re.compile("[1-9][0-9]*").fullmatch, "a whole number of pixels, at least 1"),
    "height": (re.compile("[1-9][0-9]*").fullmatch, "a whole number of pixels, at least 1"),
}
REQUIRED = ("path", "sha256", "pixel_sha256", "source", "label", "group", "split")


def check_rows(
    rows: list[Record],
    labels,  # what a label may be: Recipe.labels; None: any text
    where: str,  # names the manifest in errors
):
    """The promises of a manifest: cells of the right form, names known, no path and no image twice, no group or
    patient in two splits. Raises `NotCurated` naming row and column of the first that is broken.
    """
    for i, say in _faults(rows, labels)[:1]:
        raise NotCurated(f"{say(f'{where}, row {i + 2}')} Curate the folder again.")


def check_manifest(
    path,  # a folder that `cxr curate` wrote, or its manifest.csv
) -> list[str]:
    """All faults of a manifest, a line each, the first SHOWN spelled out; empty: it is sound. Images that the folder
    lacks are faults; their pixels are not read.
    """
    file = Path(path) if Path(path).is_file() else Path(path) / MANIFEST
    if not file.is_file():
        return [_not_curated(file.parent)]
    labels, out = _labels(file.parent)
    try:
        numbers, rows, faults = _parse(file.read_bytes(), file)
    except (CxrError, OSError) as e:
        return [*out, str(e)]
    faults += [(numbers[i], say) for i, say in _faults(rows, labels)]
    faults += [
        (i, _column("path", f"no file {_show(r.path)} in the folder"))
        for i, r in zip(numbers, rows)
        if not BAD_PATH(r.path) and not os.path.isfile(file.parent / r.path)
    ]
    faults.sort(key=lambda f: f[0])
    out += [say(f"{file}, row {i}") for i, say in faults[:SHOWN]]
    return out + (
        [f"{file}: and {len(faults) - SHOWN} more faults."] if len(faults) > SHOWN else []
    )


def _labels(root: Path) -> tuple[tuple[str, ...] | None, list[str]]:
    """(what a label may be, faults) of a folder's curation.json."""
    try:
        return _recipe(root, read_curation(root)).labels, []
    except CxrError as e:
        return None, [str(e)]


def _faults(rows: list[Record], labels) -> list[tuple]:
    """(index of the row, its sentence given where it stands), in the order of the rows."""
    return sorted(
        [*_cell_faults(rows, labels), *_twin_faults(rows), *_split_faults(rows)], key=lambda f: f[0]
    )


def _column(name: str, what: str):
    return lambda at: f"{at}, column {name}: {what}."


def _show(value: str) -> str:
    return repr(value if len(value) <= 80 else value[:80] + "..")


def _cell_faults(rows: list[Record], labels):
    for col in COLUMNS:
        values = [getattr(r, col) for r in rows]
        wrong = {v: say for v in set(values) if (say := _cell(col, v, labels))}
        if wrong:
            yield from ((i, wrong[v]) for i, v in enumerate(values) if v in wrong)


def _cell(col: str, value: str, labels):
    """What is wrong with a cell, as a sentence of where it stands; None where nothing is."""
    if not value:
        return _column(col, "empty") if col in REQUIRED else None
    names = {"label": labels, "split": SPLITS, "findings": FINDINGS}.get(col)
    if names is not None:
        unknown = [
            v for v in (value.split("|") if col == "findings" else [value]) if v not in names
        ]
        kind = {"label": "class", "findings": "finding"}.get(col, col)
        return (
            (lambda at: unknown_name(kind, unknown[0][:80], names, f"{at}, column {col}"))
            if unknown
            else None
        )
    fits, allowed = FORMS.get(col, (bool, ""))
    return None if fits(value) else _column(col, f"{_show(value)}: expected {allowed}")


def _twin_faults(rows: list[Record]):
    """Paths, and images, that stand twice."""
    at, folded, images = {}, {}, {}
    for i, r in enumerate(rows):
        first, alike, image = (
            seen.setdefault(key, i)
            for seen, key in ((at, r.path), (folded, r.path.casefold()), (images, r.pixel_sha256))
        )
        if first != i:
            yield i, _column("path", f"{_show(r.path)} stands twice, in row {first + 2} too")
        elif alike != i:
            yield (
                i,
                _column(
                    "path",
                    f"{_show(r.path)} differs from row {alike + 2}'s in upper and lower case only: "
                    "one file on many disks",
                ),
            )
        elif image != i:
            yield i, _column("pixel_sha256", f"that of row {image + 2}: the image stands twice")


def _split_faults(rows: list[Record]):
    home: dict = {}
    for i, r in enumerate(rows):
        for col, id in (("group", r.group), ("patient", r.patient)):
            first = home.setdefault((col, id), r.split)
            if id and first != r.split:
                yield (
                    i,
                    _column(
                        col,
                        f"{_show(id)} is in {first} and in {r.split}: a model would be tested on what "
                        "it was trained on",
                    ),
                )


# ---- read


def read_manifest(
    data,  # a folder that `cxr curate` wrote, or a Manifest
) -> Manifest:
    """Read and check a curated folder. Raises `NotCurated` naming file, row and column."""
    if isinstance(data, Manifest):
        return data
    root = Path(data)
    file = root / MANIFEST
    if not file.is_file():
        raise NotCurated(_not_curated(root))
    curation = read_curation(root)
    recipe = _recipe(root, curation)
    data = file.read_bytes()
    _, rows, faults = _parse(data, file)
    for i, say in faults[:1]:
        raise NotCurated(f"{say(f'{file}, row {i}')} Curate the folder again.")
    check_rows(rows, recipe.labels, str(file))
    return Manifest(root, rows, recipe, hashlib.sha256(data).hexdigest(), curation)


def _recipe(root: Path, curation: dict) -> Recipe:
    return Recipe.from_dict(curation.get("recipe") or {}, f"{root / CURATION} [recipe]")


def read_curation(root: Path) -> dict:
    """curation.json of a folder: what it was curated for. Raises `NotCurated`, also for one of a newer version."""
    file = Path(root) / CURATION
    try:
        curation = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise NotCurated(f"{file}: {e}. Curate the folder again, into an empty one.") from e
    if not isinstance(curation, dict):
        raise NotCurated(f"{file}: no JSON object. Curate the folder again, into an empty one.")
    _check_version(
        curation.get("manifest_version", 1), file
    )  # version 1 was not always written down
    return curation


def _check_version(version, file: Path):
    if type(version) is not int or version < 1:
        raise NotCurated(
            f"{file}, key manifest_version: {_show(str(version))}: expected a whole number from 1. "
            "Curate the folder again, into an empty one."
        )
    if version > MANIFEST_VERSION:
        raise NotCurated(
            f"{file}: written by a newer cxr_fastai (manifest version {version}; this one reads "
            f"{MANIFEST_VERSION}): update the package."
        )


def _not_curated(root: Path) -> str:
    if not root.exists():
        return f"no folder {root}: give one that `cxr curate --out {root}` wrote."
    return (
        f"{root} holds no {MANIFEST}: it is not a curated folder. "
        "Curate it first: cxr curate --mirror DIR --out FOLDER."
    )


def _parse(data: bytes, file: Path) -> tuple[list[int], list[Record], list[tuple]]:
    """(row numbers, records, faults): rows of as many cells as columns, and what is wrong with the others."""
    columns, table = csv_rows(data, file, error=NotCurated)
    if tuple(columns) != COLUMNS:
        raise NotCurated(f"{file}, row 1: {_why_columns(columns)}")
    whole = [len(d) == len(COLUMNS) and None not in d.values() for d in table]
    say = lambda at: f"{at}: expected {len(COLUMNS)} cells."
    return (
        [i for i, ok in enumerate(whole, 2) if ok],
        [Record(**{k: _unguard(v) for k, v in d.items()}) for d, ok in zip(table, whole) if ok],
        [(i, say) for i, ok in enumerate(whole, 2) if not ok],
    )


def _why_columns(columns: list[str]) -> str:
    """What is wrong with a header: the columns that are unknown, with the nearest name, and those that are missing."""
    missing = [c for c in COLUMNS if c not in columns]
    unknown = [c for c in columns if c not in COLUMNS]
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if not columns:
        return "no columns: the file is empty. Curate the folder again."
    if unknown:
        said = unknown_name("column", unknown[0][:80], missing or COLUMNS)
    elif twice:
        said = f"column {', '.join(twice)} stands twice."
    else:
        said = (
            "" if missing else f"the columns stand in another order. Expected: {','.join(COLUMNS)}."
        )
    return f"{said}{' Missing' if said else 'missing'}: {', '.join(missing)}." if missing else said
