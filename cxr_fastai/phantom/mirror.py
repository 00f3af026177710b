"""Files of a mirror: bytes, pictures and tables below a folder, and a list of what was drawn. Makes folders as they are
needed; never deletes.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cxr_fastai.core import make_folder

FORMATS = {
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".tif": "TIFF",
}  # what Pillow calls by another name than the file's ending
FAMILIES = (
    "kermany",
    "radiography",
    "shenzhen",
    "montgomery",
    "belarus",
    "nih",
)  # of sources that share radiographs


def first_drawing(seed: int, family: str) -> int:
    """The number from which a family counts its people and drawings: no other family or seed comes near."""
    return seed * 10**8 + (FAMILIES.index(family) + 1) * 10**6


@dataclass(frozen=True)
class Drawn:
    """A drawn image, and what its source says of it."""

    path: str  # in the source, as manifest.csv's original_path
    label: str  # the source's own words, as manifest.csv's source_label
    person: (
        str  # who was drawn: images of one person share it, whatever the source says of patients
    )
    test: bool = False  # in the official test set
    why_not: str = ""  # what a curation leaves it out for: a view


def csv_text(columns, rows) -> str:
    """Rows as CSV text with \\n endings; a column that a row lacks is blank."""
    out = io.StringIO()
    pen = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    pen.writeheader()
    pen.writerows(rows)
    return out.getvalue()


def encoded(image, ending: str, **how) -> bytes:
    """Pixels or a Pillow image as a file of that ending holds them."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, FORMATS.get(ending, ending[1:].upper()), **how)
    return buffer.getvalue()


class Mirror:
    """Writes files under names with slashes, relative to `root`; each method gives the name back."""

    def __init__(self, root):
        self.root, self.made = Path(root), set()

    def path(self, name: str) -> Path:
        return self.root / name

    def put(self, name: str, data: bytes) -> str:
        path = self.path(name)
        if path.parent not in self.made:
            self.made.add(make_folder(path.parent))
        path.write_bytes(data)
        return name

    def text(self, name: str, text: str, encoding: str = "utf-8") -> str:
        return self.put(name, text.encode(encoding))

    def image(self, name: str, image, **how) -> str:
        """Save pixels or a Pillow image in the format of the name's ending."""
        return self.put(name, encoded(image, Path(name).suffix.lower(), **how))

    def table(self, name: str, rows: list[dict], encoding: str = "utf-8") -> str:
        return self.text(name, csv_text(list(rows[0]), rows), encoding)
