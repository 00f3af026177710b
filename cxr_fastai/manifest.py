"""The first door, curation to all other wings: manifest.csv, one row an image.

A curated folder -> a checked `Manifest`; records -> the text of manifest.csv. It never reads
pixels. The version of the manifest stands in curation.json beside it; what a row is and promises
stands in manifest_check.py.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.advice import command
from cxr_fastai.core import (
    SPLITS,
    CxrError,
    NotCurated,
    StorageError,
    StrPath,
    UnknownName,
    unknown_name,
)
from cxr_fastai.csv_cells import csv_rows, read_rows, to_csv, unguard, write_rows
from cxr_fastai.inputs import readable_path
from cxr_fastai.junk import is_junk
from cxr_fastai.manifest_check import (
    COLUMNS,
    Fault,
    Record,
    check_rows,
    find_faults,
    is_inside,
    shown,
)
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count
from cxr_fastai.strict_json import parse_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Record",
    "Manifest",
    "read_manifest",
    "read_curation",
    "check_manifest",
    "check_rows",
    "manifest_text",
    "write_rows",
    "read_rows",
    "to_csv",
    "COLUMNS",
    "MANIFEST",
    "CURATION",
    "MANIFEST_VERSION",
]

MANIFEST = "manifest.csv"
CURATION = "curation.json"
# Of the columns and what their cells may hold: key manifest_version of curation.json.
MANIFEST_VERSION = 4
# Version 1 had no repeat_of, 2 none of the columns after it, 3 none after jpeg_tables; such folders
# are still read.
COLUMNS_BEFORE = (COLUMNS[:20], COLUMNS[:21], COLUMNS[:25])
WHOLE_COLUMNS = (
    "width",
    "height",
    "fold",
    "bytes",
    "study",
)  # whose cells are whole numbers, or empty
MAX_FAULTS_SHOWN = 20  # that check_manifest spells out
MAX_LOOKED_AT = 2000  # entries of a folder, to tell whether it holds images
MAX_LOOKED_DEEP = 6  # folders: CLASS/DICOM/PAT00001/ST00001/SE00001/IM00001, as on a disc


@dataclass(frozen=True)
class Manifest:
    """A curated folder's rows and the recipe it was curated for."""

    root: Path
    rows: list[Record]
    recipe: Recipe
    sha256: str  # of manifest.csv's bytes
    # curation.json: what was asked for
    curation: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def vocab(self) -> list[str]:
        """The recipe's classes, in the order in which a network answers them."""
        return self.recipe.vocab

    @cached_property
    def df(self) -> pd.DataFrame:
        """All rows as a pandas DataFrame; columns as in `COLUMNS`.

        Text, but for age (float64, NaN where unknown) and WHOLE_COLUMNS (Int64, NA where unknown).
        The cells as manifest.csv has them are in `rows`.
        """
        import pandas as pd

        frame = pd.DataFrame([vars(r) for r in self.rows], columns=list(COLUMNS), dtype="str")
        ages = [float(cell) if cell else None for cell in frame["age"]]
        frame["age"] = pd.array(ages, dtype="float64")
        for column in WHOLE_COLUMNS:
            numbers = [int(cell) if cell else None for cell in frame[column]]
            frame[column] = pd.array(numbers, dtype="Int64")
        return frame

    def part(self, split: str) -> pd.DataFrame:
        """Return the rows of one split. Raises `UnknownName`."""
        if split not in SPLITS:
            raise UnknownName(unknown_name("split", split, SPLITS))
        is_part = self.df["split"] == split
        return self.df[is_part].reset_index(drop=True)

    def _repr_html_(self) -> str:
        """Show the first rows in a notebook."""
        head = self.df.head(8).to_html()
        return f"<p>{count(len(self.rows), 'image')}, recipe {self.recipe.name}</p>{head}"


def manifest_text(
    rows: list[Record],  # in any order; they stand in that of their paths
    recipe: Recipe,  # that their labels are of
) -> str:
    """Return manifest.csv of checked rows. Raises `NotCurated` for a row that breaks a promise."""
    rows = sorted(rows, key=lambda row: row.path)
    check_rows(rows, recipe, "the manifest to write")
    return to_csv([vars(row) for row in rows], COLUMNS)


# ---- reading a folder


def read_manifest(
    data: StrPath | Manifest,  # a folder that `cxr curate` wrote
) -> Manifest:
    """Read and check a curated folder. Raises `NotCurated` naming file, row and column."""
    if isinstance(data, Manifest):
        return data
    root = readable_path(data, "folder")
    file = readable_path(root / MANIFEST, "manifest")
    if not file.is_file():
        raise NotCurated(_not_curated(root))
    curation = read_curation(root)
    recipe = _recipe(root, curation)
    try:
        content = file.read_bytes()
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror}.") from e
    parsed = _parse(content, file)
    if parsed.faults:
        raise NotCurated(f"{parsed.faults[0].sentence(str(file))} Curate the folder again.")
    check_rows(parsed.rows, recipe, str(file))
    return Manifest(
        root=root,
        rows=parsed.rows,
        recipe=recipe,
        sha256=hashlib.sha256(content).hexdigest(),
        curation=curation,
    )


def _recipe(root: Path, curation: dict[str, Any]) -> Recipe:
    """Return the recipe that a folder was curated for. Raises `RecipeError`."""
    return Recipe.from_dict(curation.get("recipe") or {}, f"{root / CURATION} [recipe]")


def read_curation(root: StrPath) -> dict[str, Any]:
    """Return curation.json of a folder: what it was curated for.

    Raises `NotCurated`, also for one of a newer version.
    """
    file = readable_path(Path(root) / CURATION, "curation's file")
    try:
        curation = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise NotCurated(f"{file}: {e}. Curate the folder again, into an empty one.") from e
    if not isinstance(curation, dict):
        raise NotCurated(f"{file}: no JSON object. Curate the folder again, into an empty one.")
    version = curation.get("manifest_version", 1)  # version 1 was not always written down
    _check_version(version, file)
    return curation


def _check_version(version: object, file: Path) -> None:
    """Raise `NotCurated` for a version that is none, or that this package cannot read."""
    if type(version) is not int or version < 1:
        raise NotCurated(
            f"{file}, key manifest_version: {shown(str(version))}: expected a whole number from 1. "
            "Curate the folder again, into an empty one."
        )
    if version > MANIFEST_VERSION:
        raise NotCurated(
            f"{file}: written by a newer cxr_fastai (manifest version {version}; this one reads "
            f"{MANIFEST_VERSION}): update the package."
        )


def _not_curated(root: Path) -> str:
    """Say what a folder without a manifest needs."""
    if not root.exists():
        way = command(f"cxr curate --out {root}", f'curate("{root}")')
        return f"no folder {root}: give one that {way} wrote."
    inside = sorted(root.glob(f"*/{CURATION}")) if root.is_dir() else []
    curated = [str(file.parent) for file in inside if (file.parent / MANIFEST).is_file()]
    if curated:
        named = " or ".join(curated)
        return f"{root} holds no {MANIFEST} itself: give the curated folder in it, {named}."
    if _holds_images(root):
        folder = shlex.quote(str(root))
        out = shlex.quote(f"{str(root).rstrip('/')}_curated")
        return (
            f"{root} holds images and no {MANIFEST}: it is not a curated folder yet. Curate it: "
            f"{command(f'cxr curate --folder {folder} --out {out}', 'curate(out, folder=..)')}; "
            f"or all at once: {command(f'cxr prototype {folder}', 'prototype(folder)')}."
        )
    return (
        f"{root} holds no {MANIFEST}: it is not a curated folder. "
        "Curate it first: "
        f"{command('cxr curate --mirror DIR --out FOLDER', 'curate(FOLDER, mirror=DIR)')}."
    )


def _holds_images(root: Path) -> bool:
    """Tell whether a folder, or those below it down to MAX_LOOKED_DEEP, hold an image."""
    from cxr_fastai.images.found import is_image_file

    if not root.is_dir():
        return False
    for depth in range(1, MAX_LOOKED_DEEP + 1):
        for file in islice(root.glob("/".join("*" * depth)), MAX_LOOKED_AT):
            junk = is_junk(file.relative_to(root).as_posix())
            if not junk and is_image_file(file.name, file):
                return True
    return False


# ---- from bytes to records


@dataclass(frozen=True)
class _Parsed:
    """A manifest.csv whose cells nobody has checked."""

    rows: list[Record]  # those of as many cells as columns
    numbers: list[int]  # of these rows in the file
    faults: list[Fault]  # the other rows


def _parse(content: bytes, file: Path) -> _Parsed:
    """Take a manifest.csv apart, also one of an earlier version: what it lacks is empty.

    Raises `NotCurated` for what has not its columns.
    """
    columns, table = csv_rows(content, file, error=NotCurated)
    if tuple(columns) not in (COLUMNS, *COLUMNS_BEFORE):
        raise NotCurated(f"{file}, row 1: {_wrong_columns(columns)}")
    parsed = _Parsed(rows=[], numbers=[], faults=[])
    for number, cells in enumerate(table, start=2):  # row 1 is the header
        is_whole = len(cells) == len(columns) and None not in cells.values()
        if not is_whole:
            wrong = f"expected {len(columns)} cells"
            parsed.faults.append(Fault(number, "", wrong))
            continue
        values = {column: unguard(cell) for column, cell in cells.items()}
        parsed.rows.append(Record(**values))
        parsed.numbers.append(number)
    return parsed


def _wrong_columns(columns: list[str]) -> str:
    """Say what is wrong with a header: unknown columns with the nearest name, and missing ones."""
    missing = [column for column in COLUMNS if column not in columns]
    unknown = [column for column in columns if column not in COLUMNS]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if not columns:
        return "no columns: the file is empty. Curate the folder again."
    if unknown:
        sentence = unknown_name("column", unknown[0][:80], missing or COLUMNS)
    elif twice:
        sentence = f"column {', '.join(twice)} stands twice."
    elif missing:
        return f"missing: {', '.join(missing)}."
    else:
        return f"the columns stand in another order. Expected: {','.join(COLUMNS)}."
    if missing:
        sentence += f" Missing: {', '.join(missing)}."
    return sentence


# ---- checking a folder


def check_manifest(
    path: StrPath,  # a folder that `cxr curate` wrote, or its manifest.csv
) -> list[str]:
    """Return all faults of a manifest, a line each, at most MAX_FAULTS_SHOWN spelled out.

    Empty: it is sound. Images that the folder lacks are faults; their pixels are not read.
    """
    try:
        file = readable_path(path, "folder")
        if not file.is_file():
            file = readable_path(file / MANIFEST, "manifest")
    except CxrError as e:
        return [str(e)]
    root = file.parent
    if not file.is_file():
        return [_not_curated(root)]
    lines = []
    recipe = None
    try:
        recipe = _recipe(root, read_curation(root))
    except CxrError as e:
        lines.append(str(e))
    try:
        parsed = _parse(file.read_bytes(), file)
    except (CxrError, OSError) as e:
        return [*lines, str(e)]
    faults = parsed.faults + find_faults(parsed.rows, recipe, parsed.numbers)
    faults += _missing_images(root, parsed)
    faults.sort(key=lambda fault: fault.row)
    lines += [fault.sentence(str(file)) for fault in faults[:MAX_FAULTS_SHOWN]]
    if len(faults) > MAX_FAULTS_SHOWN:
        lines.append(f"{file}: and {count(len(faults) - MAX_FAULTS_SHOWN, 'more fault')}.")
    return lines


def _missing_images(root: Path, parsed: _Parsed) -> list[Fault]:
    """Return the rows whose image the folder lacks."""
    missing = []
    for number, row in zip(parsed.numbers, parsed.rows):
        if not is_inside(row.path):
            continue  # that is a fault already
        if not os.path.isfile(root / row.path):
            wrong = f"no file {shown(row.path)} in the folder"
            missing.append(Fault(number, "path", wrong))
    return missing
