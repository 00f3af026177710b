"""pytest tests/auditing/test_changed_films.py: each change leaves what it should"""

import numpy as np
import pytest

from cxr_fastai.auditing.changed_films import (
    NUISANCES,
    border_cropped,
    centre_only,
    corners_blanked,
    marker_pasted,
    ring_only,
)

FILM = np.random.default_rng(0).integers(0, 200, (100, 80), np.uint8)


def changed(change):
    return change(FILM) != FILM


def test_the_ring_keeps_the_outer_tenth_and_nothing_else():
    assert not changed(ring_only)[:10].any() and not changed(ring_only)[:, :8].any()
    assert len(np.unique(ring_only(FILM)[10:-10, 8:-8])) == 1


def test_the_centre_keeps_the_middle_and_nothing_else():
    assert not changed(centre_only)[20:80, 16:64].any()
    outside = centre_only(FILM).astype(int)
    outside[20:80, 16:64] = -1
    assert len(np.unique(outside)) == 2


def test_corners_and_markers_leave_the_middle_alone():
    for change in (corners_blanked, marker_pasted):
        assert changed(change).any() and not changed(change)[20:80, 16:64].any()
    assert (marker_pasted(FILM) == 255).sum() > 5
    assert len(np.unique(corners_blanked(FILM)[:15, :12])) == 1


def test_the_border_is_cut_on_all_sides():
    assert (border_cropped(FILM) == FILM[5:-5, 4:-4]).all()


@pytest.mark.parametrize("change", [ring_only, centre_only, *NUISANCES.values()])
def test_no_change_writes_on_the_film_itself_and_small_ones_stand_it(change):
    before = FILM.copy()
    change(FILM)
    assert (before == FILM).all()
    assert change(np.full((16, 16), 9, np.uint8)).dtype == np.uint8
