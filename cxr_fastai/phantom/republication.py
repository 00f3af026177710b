"""A fake re-publication: copies of two sources under new names and in new containers.

Among them one wrong label, one cut file and a copy of an official test image. (Writer that has
written the others, images a class) -> files, what was planted, and the source's catalogue rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxr_fastai.phantom.chest import AGES
from cxr_fastai.phantom.planted import REPUBLISHED, CatalogRow, Writer, catalog_rows

__all__ = ["republication"]

SOURCE = "phantom_merge"
COPIED_SOURCES = ("phantom_children", "phantom_tb")
FOLDERS = {
    "bacteria": "bacterial_pneumonia",
    "normal": "normal",
    "tb": "tuberculosis",
    "virus": "viral_pneumonia",
}
FINDINGS = {**FOLDERS, "normal": "no_finding"}
DAMAGED_PATIENT = 499_999


@dataclass(frozen=True)
class Container:
    """How a copy of equal pixels is stored."""

    ending: str
    mode: str  # of Pillow
    options: dict[str, Any]  # of Pillow's save


CONTAINERS = (
    Container(".png", "L", {"compress_level": 1}),
    Container(".bmp", "L", {}),
    Container(".png", "RGB", {}),
    Container(".tif", "L", {}),
)


def republication(
    writer: Writer,
    n: int,  # images
) -> list[CatalogRow]:
    """Fill a re-publication of the children's and the tuberculosis clinic."""
    numbers = iter(writer.rng.permutation(100 * n).tolist())
    shuffled = [writer.films[i] for i in writer.rng.permutation(len(writer.films))]
    films = [name for name in shuffled if name.startswith(COPIED_SOURCES)]
    official = next(name for name in films if "/test/" in name and "_bacteria_" in name)
    films = [name for name in films if "/test/" not in name]
    mistaken = next(name for name in films if "_bacteria_" in name)
    films.remove(mistaken)
    many = 7 + n // 15
    _copy_bytes(writer, numbers, [*films[:many], official])
    _copy_pixels(writer, numbers, films[many : 2 * many + 1])
    _mislabel(writer, numbers, mistaken)
    _add_own(writer, numbers, n // 8 + 1)
    _cut_one(writer, numbers)
    return _rows(writer)


def _new_name(
    numbers: Iterator[int],  # that no file has yet
    folder: str,
    ending: str,
) -> str:
    """Name a re-published file; the number tells nothing."""
    return f"{SOURCE}/{folder}/{folder[0]}{next(numbers):05d}{ending}"


def _copy_bytes(
    writer: Writer,
    numbers: Iterator[int],  # that no file has yet
    films: list[str],  # names
) -> None:
    """Copy files as they are, under new names."""
    for name in films:
        writer.copy(name, _new_name(numbers, _folder(name), Path(name).suffix))


def _copy_pixels(
    writer: Writer,
    numbers: Iterator[int],  # that no file has yet
    films: list[str],  # names
) -> None:
    """Copy pictures into other containers, pixel for pixel."""
    for i, name in enumerate(films):
        container = CONTAINERS[i % len(CONTAINERS)]
        to = _new_name(numbers, _folder(name), container.ending)
        picture = Image.fromarray(_grey(writer.path(name))).convert(container.mode)
        writer.image(to, picture, **container.options)
        writer.planted.copies.append((name, to, "pixels"))


def _mislabel(
    writer: Writer,
    numbers: Iterator[int],  # that no file has yet
    film: str,  # its name
) -> None:
    """Copy a bacterial film into the folder of the viral ones."""
    to = _new_name(numbers, "virus", ".jpeg")
    writer.copy(film, to)
    writer.planted.conflicts.append((film, to))


def _add_own(
    writer: Writer,
    numbers: Iterator[int],  # that no file has yet
    n: int,  # images
) -> None:
    """Add `n` films to each folder that no other source has."""
    for folder, kind in FOLDERS.items():
        for i in range(n):
            name = _new_name(numbers, folder, ".png")
            age = AGES[i % len(AGES)]
            writer.image(name, writer.film(kind, REPUBLISHED + writer.count, age))


def _cut_one(
    writer: Writer,
    numbers: Iterator[int],  # that no file has yet
) -> None:
    """Add a file that is cut off in its middle."""
    name = _new_name(numbers, "normal", ".png")
    writer.image(name, writer.film("normal", DAMAGED_PATIENT))
    data = writer.path(name).read_bytes()
    writer.put(name, data[: len(data) // 2])
    writer.planted.damaged.append(name)


def _rows(writer: Writer) -> list[CatalogRow]:
    """Count what each folder holds, for the catalogue."""
    rows: list[CatalogRow] = []
    total = 0
    for folder, finding in FINDINGS.items():
        count = len(list(writer.path(f"{SOURCE}/{folder}").iterdir()))
        total += count
        rows.append({"label_value": folder, "findings": finding, "expected": count})
    shared: CatalogRow = {
        "title": "Drawn re-publication",
        "glob": "*/*.jpeg ; */*.png ; */*.bmp ; */*.tif",
        "label_from": "folder",
        "modality": "X-ray",
        "age_group": "mixed",
        "derived_from": "|".join(COPIED_SOURCES),
        "expected_total": total,
    }
    return catalog_rows(SOURCE, shared, rows)


def _grey(path: Path) -> np.ndarray:
    """Read back a drawn file's pixels, uint8, whatever form it has."""
    with Image.open(path) as image:
        if image.mode.startswith("I"):
            return (np.asarray(image) // 257).astype(np.uint8)
        return np.asarray(image.convert("L"))


def _folder(name: str) -> str:
    """Give the folder that an image of a copied source belongs in."""
    if name.startswith("phantom_tb"):
        return "tb" if name.endswith("_1.png") else "normal"
    for folder in ("bacteria", "virus"):
        if f"_{folder}_" in name:
            return folder
    return "normal"
