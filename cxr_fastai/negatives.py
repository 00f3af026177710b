"""What a curated folder knows of pictures that are no frontal films: thumbnails for the gate.

A curated folder -> Negatives: laterals and CT slices that curation left out because their source
says what they are. The folder keeps them in two files at its root, negatives.csv and
negatives.safetensors: a folder of images would be read as a class by loaders of class folders. Each
has a group and a split as an image has, so that no gate is fitted on a patient of the test split.
It decodes no image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from cxr_fastai.core import (
    SPLITS,
    NotCurated,
    StrPath,
    atomic_path,
    sha256_text,
    write_text,
)
from cxr_fastai.csv_cells import csv_rows, to_csv, unguard
from cxr_fastai.inputs import readable_path
from cxr_fastai.manifest import Manifest
from cxr_fastai.reporting.text import count

__all__ = [
    "Negative",
    "read_negatives",
    "write_negatives",
    "negatives_text",
    "negatives_stand",
    "negatives_words",
    "COLUMNS",
    "KINDS",
    "SIDE",
    "TABLE",
    "THUMBNAILS",
]

TABLE = "negatives.csv"
THUMBNAILS = "negatives.safetensors"
KINDS = ("lateral", "ct")
WORDS = {"lateral": ("lateral", "laterals"), "ct": ("CT slice", "CT slices")}  # one, several
SIDE = 64  # px of a thumbnail: what the gate looks at
TENSOR = "thumbnails"  # in THUMBNAILS
ROWS_SHA256 = "rows_sha256"  # metadata of THUMBNAILS: SHA-256 of the table whose rows it shows
BYTES_OF_A_HEADER = 1 << 16  # at most, of a safetensors file of one tensor
AGAIN = "Curate the folder again."


@dataclass(frozen=True, eq=False)
class Negative:
    """A picture of a patient that is no frontal film, as a row of negatives.csv says it."""

    kind: str  # one of KINDS
    source: str  # source id
    original_path: str  # where the file lay in the source
    sha256: str  # of the source file's bytes
    pixel_sha256: str  # of the picture as it was decoded
    patient: str  # as in the manifest; blank = unknown
    group: str  # that of the patient's films, where the folder has any
    split: str  # train | valid | test; that of the patient's films, where the folder has any
    view: str  # PA | AP | L | the source's word
    licence: str
    # (SIDE, SIDE) uint8: the picture squashed to a square; not a column
    thumbnail: np.ndarray = field(
        default_factory=lambda: np.zeros((SIDE, SIDE), np.uint8), repr=False
    )


COLUMNS = tuple(f.name for f in fields(Negative) if f.name != "thumbnail")


# ---- reading


def read_negatives(
    data: StrPath | Manifest,  # a folder that `cxr curate` wrote
) -> list[Negative]:  # in the order of their paths; empty: the folder keeps none
    """Read the negatives of a curated folder. Raises `NotCurated` where its two files disagree."""
    root = data.root if isinstance(data, Manifest) else Path(data)
    table = readable_path(root / TABLE, "table of negatives")
    if not table.is_file():
        return []
    content = table.read_bytes()
    rows = _rows(content, table)
    thumbnails = _thumbnails(root, len(rows), content)
    negatives = []
    for cells, thumbnail in zip(rows, thumbnails):
        negatives.append(Negative(**cells, thumbnail=thumbnail))
    return negatives


def _rows(content: bytes, file: Path) -> list[dict[str, str]]:
    """Return the checked rows of the table."""
    columns, rows = csv_rows(content, file, error=NotCurated)
    if tuple(columns) != COLUMNS:
        raise NotCurated(f"{file}, row 1: expected {','.join(COLUMNS)}. {AGAIN}")
    checked = []
    for number, row in enumerate(rows, start=2):  # row 1 is the header
        if len(row) != len(COLUMNS) or None in row.values():
            raise NotCurated(f"{file}, row {number}: expected {len(COLUMNS)} cells. {AGAIN}")
        cells = {column: unguard(cell) for column, cell in row.items()}
        for column, allowed in (("kind", KINDS), ("split", SPLITS)):
            if cells[column] not in allowed:
                raise NotCurated(
                    f"{file}, row {number}, column {column}: {cells[column][:40]!r} is none of "
                    f"{', '.join(allowed)}. {AGAIN}"
                )
        checked.append(cells)
    return checked


def _thumbnails(
    root: Path,
    rows: int,  # of the table
    table: bytes,  # its content
) -> np.ndarray:  # (rows, SIDE, SIDE) uint8
    """Return the thumbnails that belong to a table."""
    from safetensors import SafetensorError, safe_open

    file = readable_path(root / THUMBNAILS, "file of thumbnails")
    if not file.is_file():
        raise NotCurated(f"{root} holds {TABLE} without {THUMBNAILS}. {AGAIN}")
    shape = (rows, SIDE, SIDE)
    if file.stat().st_size > rows * SIDE * SIDE + BYTES_OF_A_HEADER:
        raise NotCurated(f"{file}: larger than {rows} thumbnails are. {AGAIN}")
    try:
        with safe_open(file, framework="numpy") as opened:
            told = (opened.metadata() or {}).get(ROWS_SHA256, "")
            thumbnails: np.ndarray = opened.get_tensor(TENSOR)
    except (SafetensorError, OSError, ValueError) as e:
        raise NotCurated(f"{file}: no thumbnails can be read of it ({e}). {AGAIN}") from e
    if thumbnails.shape != shape or thumbnails.dtype != np.uint8 or told != _sha256(table):
        raise NotCurated(f"{file}: its thumbnails are not those of {TABLE}. {AGAIN}")
    return thumbnails


def _sha256(table: bytes) -> str:
    """Return what THUMBNAILS knows its table by."""
    return sha256_text(table.decode("utf-8", errors="replace"))


def negatives_words(
    numbers: Mapping[str, int],  # kind -> how many; at least one
) -> str:
    """Say how many there are: 54 laterals and 63 CT slices."""
    parts = [count(numbers[kind], *WORDS[kind]) for kind in KINDS if numbers.get(kind)]
    return " and ".join(parts)


# ---- writing


def negatives_text(
    negatives: Sequence[Negative],  # in the order of their rows
) -> str:
    """Return negatives.csv as text."""
    rows = []
    for negative in negatives:
        rows.append({column: getattr(negative, column) for column in COLUMNS})
    return to_csv(rows, COLUMNS)


def negatives_stand(root: Path, text: str) -> bool:
    """Tell whether a folder holds the negatives whose table is `text`, both files of them."""
    table = root / TABLE
    if not table.is_file() or table.read_bytes() != text.encode():
        return False
    try:
        read_negatives(root)
    except NotCurated:
        return False
    return True


def write_negatives(
    root: Path,
    negatives: Sequence[Negative],  # with their thumbnails, in the order of their rows
) -> None:
    """Write both files, each whole or not at all; the table last."""
    from safetensors.numpy import save

    text = negatives_text(negatives)
    thumbnails = np.stack([negative.thumbnail for negative in negatives])
    metadata = {ROWS_SHA256: sha256_text(text)}
    with atomic_path(root / THUMBNAILS) as part:
        part.write_bytes(save({TENSOR: np.ascontiguousarray(thumbnails)}, metadata))
    write_text(root / TABLE, text)
