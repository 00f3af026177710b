"""A look-up table of a DICOM header -> a Lut, its entries held against what it says of itself.

It applies none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.dicom_file import DicomFile
from cxr_fastai.images.picture import BAD_DATA
from cxr_fastai.images.radiograph import rejected

__all__ = ["Lut", "lut_of"]

ALL_ENTRIES = 1 << 16  # what a number of 0 entries means
BITS = range(8, 17)  # of an entry


@dataclass(frozen=True)
class Lut:
    """A look-up table."""

    entries: np.ndarray  # whole numbers
    first: int  # the level whose entry is the first
    bits: int  # of an entry

    @property
    def greatest(self) -> int:
        """The greatest number that an entry can be."""
        return (1 << self.bits) - 1


def lut_of(
    file: DicomFile,
    keyword: str,  # of a sequence of look-up tables: the first is taken
    name: str,  # for messages
) -> Lut | None:  # None: the header has none
    """Read a look-up table. Raises `ImageRejected` where it contradicts itself."""
    items = file.items(keyword)
    if not items:
        return None
    try:
        count, first, bits = (int(number) for number in items[0]["LUTDescriptor"].value)
        entries = _entries(items[0]["LUTData"].value, count % ALL_ENTRIES or ALL_ENTRIES, file)
    except BAD_DATA as e:
        raise _broken(keyword, name) from e
    if entries is None or bits not in BITS or entries.max() >= 1 << bits:
        raise _broken(keyword, name)
    return Lut(
        entries=entries,
        first=first,
        bits=bits,
    )


def _entries(
    data: Any,  # as pydicom has it: bytes, or one or more whole numbers
    count: int,  # that the table says it has
    file: DicomFile,
) -> np.ndarray | None:  # whole numbers; None: another number of them
    """Return the entries, of one byte or two."""
    if not isinstance(data, bytes):
        numbers = np.atleast_1d(np.asarray(data, np.int64))
        return numbers if len(numbers) == count and numbers.min() >= 0 else None
    if len(data) == 2 * count:
        return np.frombuffer(data, f"{file.order}u2").astype(np.int64)
    if len(data) in (count, count + count % 2):
        return np.frombuffer(data, np.uint8)[:count].astype(np.int64)
    return None


def _broken(
    keyword: str,
    name: str,  # for messages
) -> ImageRejected:
    """Return the rejection of a table that contradicts itself."""
    text = f"damaged DICOM: its {keyword} is not the table that it says it is"
    return rejected("damaged", name, text)
