"""Files of a mirror: bytes, pictures and tables below a folder.

Makes folders as they are needed; never deletes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxr_fastai.core import make_folder

__all__ = ["Mirror", "csv_text", "encoded", "in_reversed_palette"]

# What Pillow calls by another name than the file's ending.
FORMATS = {".jpeg": "JPEG", ".jpg": "JPEG", ".tif": "TIFF"}

Picture = np.ndarray | Image.Image


def csv_text(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
) -> str:
    r"""Write rows as CSV text with \n endings; a column that a row lacks is blank."""
    out = io.StringIO()
    pen = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    pen.writeheader()
    pen.writerows(rows)
    return out.getvalue()


def encoded(
    picture: Picture,
    ending: str,  # of the file's name: .png
    **options: Any,  # of Pillow's save
) -> bytes:
    """Write a picture as a file of that ending holds it."""
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    buffer = io.BytesIO()
    image.save(buffer, FORMATS.get(ending, ending[1:].upper()), **options)
    return buffer.getvalue()


def in_reversed_palette(
    film: np.ndarray,  # (h, w) uint8
) -> Image.Image:
    """Store a film as numbers of a palette that runs from white to black."""
    image = Image.fromarray(255 - film)
    palette: list[int] = []
    for number in range(256):
        palette += [255 - number] * 3
    image.putpalette(palette)
    return image


class Mirror:
    """Writes files under names with slashes, relative to `root`.

    Each method gives the name back.
    """

    def __init__(self, root: Path):
        self.root = root
        self._made: set[Path] = set()  # folders

    def path(self, name: str) -> Path:
        """Give the path of a file."""
        return self.root / name

    def put(self, name: str, data: bytes) -> str:
        """Write bytes."""
        path = self.path(name)
        if path.parent not in self._made:
            make_folder(path.parent)
            self._made.add(path.parent)
        path.write_bytes(data)
        return name

    def text(self, name: str, text: str, encoding: str = "utf-8") -> str:
        """Write text."""
        return self.put(name, text.encode(encoding))

    def image(
        self,
        name: str,
        picture: Picture,
        **options: Any,  # of Pillow's save
    ) -> str:
        """Write a picture in the format of the name's ending."""
        ending = Path(name).suffix.lower()
        return self.put(name, encoded(picture, ending, **options))

    def table(
        self,
        name: str,
        rows: Sequence[Mapping[str, object]],  # at least one, all of the same keys
        encoding: str = "utf-8",
    ) -> str:
        """Write a CSV table."""
        columns = list(rows[0])
        return self.text(name, csv_text(columns, rows), encoding)
