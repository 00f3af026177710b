"""Stored levels of a DICOM radiograph -> 8-bit gray, as its header says to show them.

In the order of DICOM PS3.4 N.2: modality (look-up table or rescale), values of interest (look-up
table, or the first window), presentation (MONOCHROME1 or INVERSE: inverted, once, after all else),
then 8 bits. Each stored level has one gray, so all of it is done on a table of the levels, not on
the pixels. docs/pixels.md has the rules. It never guesses: half a rule in the header is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cxr_fastai.images.dicom_file import DicomFile
from cxr_fastai.images.dicom_kind import Form
from cxr_fastai.images.dicom_lut import Lut, lut_of
from cxr_fastai.images.radiograph import rejected

__all__ = ["GRAY_KEYWORDS", "USED_LEAST", "shown"]

GRAY_KEYWORDS = (
    *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("PresentationLUTShape", "PresentationLUTSequence"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
)
NUMBERS = {
    *("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
}
SHAPES = ("", "IDENTITY", "INVERSE")
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
# Levels that use this share of their scale or less are not on that scale: 12 bits in a header of
# 14 or 16 use a quarter or less of it. So `RANGES` reads whole numbers by the fewest bits, too.
USED_LEAST = 0.25
GREATEST = 1e12  # number of a header that is reckoned with; levels have 16 bits
FLATTEST = 1e-12  # slope
BLOCK = 1 << 20  # pixels that are looked up at a time
EIGHT_BITS = 255  # of these all are taken as they are, as in any other file
NARROWEST = 1e-9  # window: a step, for levels that differ by as little as FLATTEST
STEEPEST = 700.0  # exponent of a sigmoid that float64 still holds
DIGITS = 6  # of a gray level: what is left of rounding errors, so that halves round alike


@dataclass(frozen=True)
class _Levels:
    """What each stored level has become, so far along the road."""

    values: np.ndarray  # float64, one for each stored level, in their order
    least: float  # that they could be
    greatest: float


def shown(
    levels: np.ndarray,  # (rows, columns) whole numbers, as stored
    file: DicomFile,  # opened with GRAY_KEYWORDS at least
    form: Form,
    name: str,  # for messages
    notes: list[str],  # keys of images.NOTES, appended to
) -> np.ndarray:  # (rows, columns) uint8
    """Return the gray of each pixel. Raises `ImageRejected` where the header contradicts itself."""
    _check_values(file, name)
    is_inverted = _is_inverted(file, form, name)
    places = _places(levels, form)
    is_padding = _padding(file, form, is_inverted)
    table = _through_modality(file, form, name)
    shares = _through_voi(table, places, is_padding, file, name, notes)
    if is_inverted:
        notes.append("white_is_zero")
        shares = 1 - shares
    gray = np.rint(np.round(shares * 255, DIGITS)).astype(np.uint8)
    gray[is_padding] = 0
    pixels = np.empty(levels.shape, np.uint8)
    for block in _blocks(levels.shape):
        pixels[block] = gray[places[block]]
    return pixels


def _check_values(
    file: DicomFile,
    name: str,  # for messages
) -> None:
    """Refuse a value that is not of its kind."""
    for keyword in GRAY_KEYWORDS:
        if keyword in file.broken or not _is_of_its_kind(file, keyword):
            raise rejected("damaged", name, f"damaged DICOM: its {keyword} cannot be read")


def _is_of_its_kind(
    file: DicomFile,
    keyword: str,
) -> bool:
    """Tell whether what must be numbers is: pydicom leaves other words as they are."""
    if keyword not in NUMBERS or not file.text(keyword):
        return True
    numbers = file.numbers(keyword)
    return bool(numbers) and bool((np.abs(numbers) <= GREATEST).all())  # nor is NaN


def _places(
    levels: np.ndarray,
    form: Form,
) -> np.ndarray:  # unsigned whole numbers
    """Return where the table has each level."""
    if not form.is_signed:
        return levels
    return (levels.astype(np.int32) - form.least).astype(np.uint16)


def _blocks(
    shape: tuple[int, ...],  # rows and columns of a picture
) -> Iterator[slice]:
    """Yield rows, some at a time: as an index, numpy takes 8 bytes for each level."""
    rows, columns = shape
    step = max(1, BLOCK // columns)
    for start in range(0, rows, step):
        yield slice(start, start + step)


def _padding(
    file: DicomFile,
    form: Form,
    is_inverted: bool,  # the least level is white
) -> np.ndarray:  # bool, one for each stored level
    """Tell which levels fill up the picture and are shown black, by DICOM PS3.3 C.7.5.1.1.2.

    That puts padding at the black end of the levels; at the white end it would blacken bones and
    markers, so there it is read as any other level.
    """
    stored = np.arange(form.least, form.greatest + 1)
    first = file.numbers("PixelPaddingValue")
    if not first:
        return np.zeros(len(stored), bool)
    ends = [_as_stored(value, form) for value in first + file.numbers("PixelPaddingRangeLimit")]
    middle = (form.least + form.greatest) / 2
    is_padding = (stored >= min(ends)) & (stored <= max(ends))
    if is_inverted:
        return is_padding & (stored > middle)
    return is_padding & (stored < middle)


def _as_stored(
    value: float,  # of the header, where it may stand as unsigned
    form: Form,
) -> float:
    """Return a level as the pixels have it."""
    if form.is_signed and value > form.greatest:
        return value - (1 << form.allocated)
    return value


# ---- modality


def _through_modality(
    file: DicomFile,
    form: Form,
    name: str,  # for messages
) -> _Levels:
    """Apply the modality look-up table, or slope and intercept."""
    stored = np.arange(form.least, form.greatest + 1, dtype=np.float64)
    plain = _Levels(values=stored, least=form.least, greatest=form.greatest)
    lut = lut_of(file, "ModalityLUTSequence", name)
    if lut is not None:
        return _looked_up(lut, plain)
    slope = file.numbers("RescaleSlope")
    intercept = file.numbers("RescaleIntercept")
    if not slope and not intercept:
        return plain
    if len(slope) != 1 or len(intercept) != 1 or abs(slope[0]) < FLATTEST:
        text = "damaged DICOM: its rescale lacks a slope, an intercept, or is flat"
        raise rejected("damaged", name, text)
    ends = sorted(end * slope[0] + intercept[0] for end in (form.least, form.greatest))
    return _Levels(
        values=stored * slope[0] + intercept[0],
        least=ends[0],
        greatest=ends[1],
    )


def _looked_up(
    lut: Lut,
    table: _Levels,
) -> _Levels:
    """Look each level up: below the first entry it is the first, above the last the last."""
    first = lut.first
    if first >= 1 << 15 and table.least < 0:  # a negative number, written as unsigned
        first -= 1 << 16
    # a level just under a whole number is that number, rounded badly
    entries = np.floor(table.values + 1e-6) - first
    entries = np.clip(entries, 0, len(lut.entries) - 1).astype(np.intp)
    return _Levels(
        values=lut.entries[entries].astype(np.float64),
        least=0,
        greatest=lut.greatest,
    )


# ---- values of interest


def _through_voi(
    table: _Levels,  # behind the modality
    places: np.ndarray,  # of each pixel's level in the table
    is_padding: np.ndarray,  # bool, one for each stored level
    file: DicomFile,
    name: str,  # for messages
    notes: list[str],  # appended to
) -> np.ndarray:  # float64, one for each stored level: 0 to 1
    """Apply the look-up table, else the first window, else the whole scale."""
    lut = lut_of(file, "VOILUTSequence", name)
    if lut is not None:
        return _scaled(_looked_up(lut, table), lut.entries, notes)
    center = file.numbers("WindowCenter")
    width = file.numbers("WindowWidth")
    if center and width:
        return _windowed(table.values, center[0], width[0], _function(file, name), name)
    notes.append("no_window")
    is_seen = np.zeros(len(is_padding), bool)
    for block in _blocks(places.shape):
        is_seen[places[block]] = True
    is_seen &= ~is_padding
    seen = table.values[is_seen] if is_seen.any() else table.values
    return _scaled(table, seen, notes)


def _scaled(
    levels: _Levels,
    seen: np.ndarray,  # those that the picture, or a look-up table, has
    notes: list[str],  # appended to
) -> np.ndarray:  # float64, one for each stored level: 0 to 1
    """Map the whole scale to 0-1, or what is used of it where that is a small part of it.

    The range of what is used is the same for a film and its negative; its greatest level is not.
    """
    least = levels.least
    greatest = levels.greatest
    used = seen.max() - seen.min()
    if greatest - least > EIGHT_BITS and used <= USED_LEAST * (greatest - least):
        notes.append("range_stretched")
        least = seen.min()
        greatest = seen.max()
    span = (greatest - least) or 1
    return np.clip((levels.values - least) / span, 0, 1)


def _function(
    file: DicomFile,
    name: str,  # for messages
) -> str:  # of FUNCTIONS
    """Return the form of the window."""
    function = file.text("VOILUTFunction").upper() or "LINEAR"
    if function not in FUNCTIONS:
        text = f"damaged DICOM: its VOILUTFunction is none of {', '.join(FUNCTIONS)}"
        raise rejected("damaged", name, text)
    return function


def _windowed(
    values: np.ndarray,  # float64
    center: float,
    width: float,
    function: str,  # of FUNCTIONS
    name: str,  # for messages
) -> np.ndarray:  # of the same shape, 0 to 1
    """Apply a window, as DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3 have it."""
    if width <= 0 or (function == "LINEAR" and width < 1):
        text = f"damaged DICOM: a {function} window of width {width:g}"
        raise rejected("damaged", name, text)
    width = max(width, NARROWEST)
    if function == "SIGMOID":
        steps = np.clip(-4 * (values - center) / width, -STEEPEST, STEEPEST)
        return 1 / (1 + np.exp(steps))
    if function == "LINEAR":
        center -= 0.5
        width -= 1
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


# ---- presentation


def _is_inverted(
    file: DicomFile,
    form: Form,
    name: str,  # for messages
) -> bool:
    """Tell whether the least level is white.

    MONOCHROME1 says so, and so does the shape INVERSE; together, as in every digital radiograph
    that is MONOCHROME1, they say it once (PS3.3 C.8.11.3.1.2).
    """
    shape = file.text("PresentationLUTShape").upper()
    if file.items("PresentationLUTSequence") or shape not in SHAPES:
        text = f"DICOM of a presentation LUT other than {' and '.join(SHAPES[1:])} is not read"
        raise rejected("format_not_allowed", name, text)
    return form.photometric == "MONOCHROME1" or shape == "INVERSE"
