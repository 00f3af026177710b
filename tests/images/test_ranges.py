"""The table of ranges: each boundary on both sides, and the page that prints it."""

import re
from pathlib import Path

import numpy as np
import pytest
from pictures import rejection, saved
from PIL import Image

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import read
from cxr_fastai.images.ranges import RANGES, REFUSED, SCALED, STRETCHED, range_of

PAGE = Path(__file__).parents[2] / "docs" / "pixels.md"
INF = float("inf")


def beyond(number: float, towards: float) -> float:
    "The next double."
    return float(np.nextafter(number, towards))


@pytest.mark.parametrize(
    "least,greatest,bits,reading",
    [
        (0, 0, 8, SCALED),
        (0, 254, 8, SCALED),
        (0, 255, 8, SCALED),
        (0, 256, 10, SCALED),
        (0, 1022, 10, SCALED),
        (0, 1023, 10, SCALED),
        (0, 1024, 12, SCALED),
        (0, 4094, 12, SCALED),
        (0, 4095, 12, SCALED),
        (0, 4096, 14, SCALED),
        (0, 16382, 14, SCALED),
        (0, 16383, 14, SCALED),
        (0, 16384, 16, SCALED),
        (0, 65534, 16, SCALED),
        (0, 65535, 16, SCALED),
        (0, 65536, 32, STRETCHED),
        (1, 255, 8, SCALED),
        (-1, 255, 32, STRETCHED),
        (-1, 65535, 32, STRETCHED),
    ],
)
def test_whole_numbers_on_both_sides_of_each_boundary(least, greatest, bits, reading):
    row = range_of(False, least, greatest)
    assert (row.bits, row.reading) == (bits, reading)
    assert reading == STRETCHED or row.white == (1 << bits) - 1


@pytest.mark.parametrize(
    "least,greatest,reading,white",
    [
        # the greatest
        (0, 0.0, SCALED, 1),
        (0, beyond(1, 0), SCALED, 1),
        (0, 1.0, SCALED, 1),
        (0, beyond(1, 2), SCALED, 1),
        (0, beyond(1.3, 0), SCALED, 1),
        (0, 1.3, SCALED, 1),
        (0, beyond(1.3, 2), REFUSED, None),
        (0, beyond(32, 0), REFUSED, None),
        (0, 32.0, SCALED, 255),
        (0, beyond(32, 99), SCALED, 255),
        (0, beyond(255, 0), SCALED, 255),
        (0, 255.0, SCALED, 255),
        (0, beyond(255, 999), SCALED, 255),
        (0, beyond(331.5, 0), SCALED, 255),
        (0, 331.5, SCALED, 255),
        (0, beyond(331.5, 999), STRETCHED, None),
        # the least, of each scale
        (beyond(0, -1), 1.0, SCALED, 1),
        (beyond(-0.3, 0), 1.0, SCALED, 1),
        (-0.3, 1.0, SCALED, 1),
        (beyond(-0.3, -1), 1.0, STRETCHED, None),
        (-0.1, 0.5, SCALED, 1),
        (-0.1, 0.3, STRETCHED, None),
        (-0.1, 0.0, STRETCHED, None),
        (-0.2, -0.1, STRETCHED, None),
        (-3.0, 10.0, REFUSED, None),
        (beyond(-3, -9), 10.0, STRETCHED, None),
        (-60.0, 200.0, SCALED, 255),
        (beyond(-60, -99), 200.0, STRETCHED, None),
        # what is known to end there
        (0, 1.5, REFUSED, None),
        (0, 3.0, REFUSED, None),
        (0, 11.1, REFUSED, None),
        (-2.1, 2.6, STRETCHED, None),
        (-1024.0, 1024.0, STRETCHED, None),
        (0, 4095.0, STRETCHED, None),
    ],
)
def test_floats_on_both_sides_of_each_boundary(least, greatest, reading, white):
    row = range_of(True, least, greatest)
    assert (row.bits, row.reading) == (32, reading)
    assert reading != SCALED or row.white == white


@pytest.mark.parametrize("step,bits", [(1, 16), (256, 16), (257, 8), (514, 8)])
def test_whole_numbers_that_are_multiples_of_257_are_8_bits_widened(step, bits):
    assert range_of(False, 0, 257 * 200, step).bits == bits


@pytest.mark.parametrize("off,bits", [(0, 8), (1, 16)])
def test_one_level_beside_its_multiple_makes_16_bits(off, bits):
    levels = (np.arange(4096, dtype=np.uint16).reshape(64, 64) % 256) * 257
    levels[3, 3] += off
    assert read(levels).bits == read(saved(Image.fromarray(levels), "PNG")).bits == bits


def test_every_number_has_a_row():
    for floats in (False, True):
        last = [row for row in RANGES if row.floats == floats][-1]
        assert last.takes(floats, -INF, INF) and last.takes(floats, INF, INF)


# ---- arrays and files obey it


def ramp(least: float, greatest: float, dtype) -> np.ndarray:
    return np.linspace(least, greatest, 64 * 64).reshape(64, 64).astype(dtype)


def last_within(bound: float, dtype) -> np.floating:
    "The largest float of a type that is not above the bound."
    number = dtype(bound)
    return number if number <= bound else np.nextafter(number, dtype(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "bound,inside,outside",
    [
        (1.0, (), ("overshoot",)),
        (1.3, ("overshoot",), "unknown_range"),
        (255.0, (), ("overshoot",)),
        (331.5, ("overshoot",), ("range_stretched",)),
    ],
)
def test_pictures_of_floats_obey_the_table(bound, inside, outside, dtype):
    top = last_within(bound, dtype)
    above = np.nextafter(top, dtype(1000))
    assert notes_of(ramp(0, top, dtype)) == inside
    assert notes_of(ramp(0, above, dtype)) == outside


@pytest.mark.parametrize("top,expected", [(31.9, "unknown_range"), (32, ()), (32.1, ())])
def test_a_picture_as_dark_as_no_radiograph_is_refused(top, expected):
    assert notes_of(ramp(0, top, np.float32)) == expected


def notes_of(levels: np.ndarray):
    "The notes, or the reason of a rejection: of the array, and of its file where that is a float32."
    found = [outcome(levels)]
    if levels.dtype == np.float32:
        found.append(outcome(saved(Image.fromarray(levels), "TIFF")))
    assert len(set(found)) == 1
    return found[0]


def outcome(source):
    try:
        return read(source).notes
    except ImageRejected as e:
        return e.reason


def test_the_refusal_says_what_was_found_and_what_to_do():
    text = str(rejection(ramp(0, 3, np.float32), name="od.tif"))
    assert text == (
        "od.tif: floats from 0 to 3: too bright for a scale of 0 to 1 (at most 1.3), too dark for "
        "0 to 255 (at least 32); scale them to 0-1 or 0-255, or save whole numbers"
    )


# ---- the page


def test_the_page_prints_the_table_row_by_row():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    printed = [cells(line) for line in lines if re.match(r"\| (whole|floats) ", line)]
    assert [row[:7] for row in printed] == [page_cells(row) for row in RANGES]
    assert all(len(row) == 8 and row[7] for row in printed)  # each row has its reason


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def page_cells(row) -> list[str]:
    reading = f"0 to {row.white:g}" if row.reading == SCALED else row.reading
    if row.undershoot == INF:
        least = "any"
    elif row.undershoot:
        least = f"-{row.undershoot:g} x greatest"
    else:
        least = "0"
    return [
        "floats" if row.floats else "whole",
        str(row.bits),
        "any" if row.lowest_top == -INF else f"{row.lowest_top:g}",
        "any" if row.highest_top == INF else f"{row.highest_top:g}",
        least,
        "any" if row.step == 1 else str(row.step),
        reading,
    ]
