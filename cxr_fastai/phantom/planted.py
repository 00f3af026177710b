"""What the five fake sources share: answer sheet, writer, catalogue rows.

Writes files below one folder; never deletes any.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cxr_fastai.phantom.film import draw
from cxr_fastai.phantom.mirror import Mirror, Picture
from cxr_fastai.phantom.shapes import stream

__all__ = ["CatalogRow", "Planted", "Writer", "catalog_rows"]

DRAWINGS_A_SEED = 1_000_000  # so far do the drawings of two mirrors lie apart
# Patients of the hospital who also came to the tuberculosis clinic.
SHARED_WARDS = (2, 3, 4, 5)
# People of different sources are different: what is added to a source's own numbers.
CHILDREN = 100_000
COLLECTION = 200_000
WARDS = 300_000  # of the hospital and of the tuberculosis clinic, who share some
REPUBLISHED = 400_000

CatalogRow = dict[str, str | int]


@dataclass
class Planted:
    """The answer sheet: what was hidden where.

    Files are `source/path in the source`, with slashes.
    """

    root: Path  # the folder that was written
    mirror: Path  # pass it as --mirror
    catalog: Path  # pass it as --manifest
    # (original, copy, bytes | pixels), conflicts too
    copies: list[tuple[str, str, str]] = field(default_factory=list)
    # equal bytes under different labels
    conflicts: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)  # cut off in the middle
    shared_patients: list[str] = field(default_factory=list)  # with images in two sources
    # archive leftovers, a nested second copy: met by no glob
    junk: list[str] = field(default_factory=list)
    filtered: list[str] = field(default_factory=list)  # CT slices and lateral views
    missing: list[str] = field(default_factory=list)  # named in a table, not there
    unlisted: list[str] = field(default_factory=list)  # there, in no row of the table


class Writer(Mirror):
    """Draws and writes one mirror; every drawing has the next seed."""

    def __init__(self, root: Path, size: int, seed: int):
        super().__init__(root / "mirror" / "local")
        self.size = size
        self.base = seed * DRAWINGS_A_SEED
        self.count = 0  # of drawings
        self.films: list[str] = []  # names of images
        self.rng = stream(seed, 19)
        self.planted = Planted(
            root=root,
            mirror=root / "mirror",
            catalog=root / "data_manifest.csv",
        )

    def image(
        self,
        name: str,
        picture: Picture,
        **options: Any,  # of Pillow's save
    ) -> str:
        """Write a picture, and remember its name."""
        self.films.append(name)
        return super().image(name, picture, **options)

    def film(
        self,
        kind: str,  # of phantom.KINDS
        patient: int,
        age: str = "adult",  # of phantom.AGES
    ) -> np.ndarray:
        """Draw the next film, of one of phantom.KINDS."""
        self.count += 1
        return draw(
            kind,
            seed=self.base + self.count,
            size=self.size,
            patient=self.base + patient,
            age=age,
        )

    def copy(self, name: str, to: str) -> None:
        """Copy a file's bytes, and plant the copy."""
        self.put(to, self.path(name).read_bytes())
        self.planted.copies.append((name, to, "bytes"))


def catalog_rows(
    source: str,
    shared: CatalogRow,  # what all of its rows say
    rows: list[CatalogRow],  # one for each label
) -> list[CatalogRow]:
    """Make the catalogue rows of one source: the first holds what all of them share."""
    first: CatalogRow = {
        "source": source,
        "on": "yes",
        "transport": "local",
        "handle": source,
        "licence": "CC0-1.0",
        "redistribute": "yes",
        "citation": "Drawn by cxr_fastai.phantom; no person was imaged.",
        **shared,
        **rows[0],
    }
    others: list[CatalogRow] = [{"source": source, **row} for row in rows[1:]]
    return [first, *others]
