"""Parts of a film, and facts of its file."""

from dataclasses import replace

import numpy as np
import pytest
from toy import curated

from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes import features as f
from cxr_fastai.probes.films import BANDS, LEVELS, SIDE, Films


def films(small):
    n = len(small)
    return Films(
        rows=[None] * n,
        small=np.asarray(small, np.uint8),
        histogram=np.zeros((n, LEVELS), np.float32),
        spectrum=np.ones((n, BANDS), np.float32),
    )


def black_with(rows, columns):
    """One film, white there."""
    film = np.zeros((SIDE, SIDE))
    film[rows, columns] = 255
    return films([film])


def test_gray_is_the_mean_of_what_a_square_covers():
    film = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 251
    got = f.gray(films([film]), 8)
    assert got.shape == (1, 64)
    assert got[0, 0] == pytest.approx(film[:8, :8].mean())
    assert got[0, 9] == pytest.approx(film[8:16, 8:16].mean())


@pytest.mark.parametrize(
    "part,inside,outside",
    [
        (f.ring, (slice(0, 6), slice(None)), (slice(8, 56), slice(8, 56))),
        (f.corners, (slice(0, 8), slice(56, 64)), (slice(12, 52), slice(None))),
        (f.centre, (slice(30, 34), slice(30, 34)), (slice(0, 11), slice(None))),
    ],
)
def test_a_part_sees_its_own_place_and_no_other(part, inside, outside):
    assert part(black_with(*inside)).max() == 255
    assert part(black_with(*outside)).max() == 0


def test_all_four_corners_and_sides_are_seen():
    for rows in (slice(0, 4), slice(60, 64)):
        for columns in (slice(0, 4), slice(60, 64)):
            assert f.corners(black_with(rows, columns)).max() == 255
            assert f.ring(black_with(rows, columns)).max() == 255


@pytest.fixture
def rows(tmp_path):
    return read_manifest(curated(tmp_path / "data")).rows[:3]


def test_facts_are_numbers_and_what_is_unknown_is_minus_one(rows):
    told = replace(
        rows[0], width="200", height="100", bytes="5000", format="JPEG", jpeg_tables="7.5:ab"
    )
    other = replace(told, jpeg_tables="", format="PNG", bytes="", width="", height="")
    got = f.facts([told, other])
    assert got[0, :5].tolist() == [200, 100, 2, 0.25, 7.5]
    assert got[1, :5].tolist() == [-1, -1, -1, -1, -1]
    assert got[0, -1] != got[1, -1] and got[0, -2] != got[1, -2]


def test_a_folder_of_before_has_no_facts(rows):
    assert not f.has_facts([replace(row, format="") for row in rows])
    assert f.has_facts([replace(rows[0], format="PNG"), rows[1]])
