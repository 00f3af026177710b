"""Shapes: soft edges, blobs, noise and strokes.

python -m pytest tests/phantom/test_shapes.py
"""

import numpy as np
import pytest

from cxr_fastai.phantom.chest import stance
from cxr_fastai.phantom.shapes import (
    Grid,
    branches,
    bump,
    clouds,
    ellipse,
    polylines,
    step,
    stream,
)


@pytest.fixture
def film():
    return stance(0, 64)


def test_a_step_rises_smoothly_from_nothing_to_all():
    rise = step(np.linspace(-1, 1, 201), 0.5)
    assert rise[0] == 0 and rise[-1] == 1 and rise[100] == 0.5 and (np.diff(rise) >= 0).all()


def test_a_bump_is_one_in_its_middle_and_nothing_outside():
    assert bump(np.array([0.0, 1.0, 4.0])).tolist() == [1, 0, 0]


def test_an_ellipse_covers_its_radii_and_leans_to_the_right():
    x, y = np.meshgrid(np.linspace(-1, 1, 101), np.linspace(-1, 1, 101))
    grid = Grid(x=x, y=y)
    filled = ellipse(grid, 0, 0, 0.5, 0.25)
    assert filled[50, 50] == 1 and filled[50, 50 + 30] == 0 and filled[50 + 15, 50] == 0
    leaning = ellipse(grid, 0, 0, 0.3, 0.5, lean=0.5)
    low, high = leaning[65] > 0.5, leaning[35] > 0.5  # rows at y of 0.3 and -0.3
    assert x[65][low].mean() == pytest.approx(0.15, abs=0.02)
    assert x[35][high].mean() == pytest.approx(-0.15, abs=0.02)


def test_noise_is_smooth_and_the_streams_own(film):
    a, b = clouds(film, stream(1), 6), clouds(film, stream(1), 6)
    assert (a == b).all() and a.shape == (64, 64) and -1 <= a.min() < a.max() <= 1
    assert abs(np.diff(a, axis=1)).max() < 0.4
    assert (clouds(film, stream(2), 6) != a).any()


def test_branches_have_twigs_that_begin_on_them():
    angles = np.array([0.0, 1.0])
    bare = branches(stream(1), 1, angles, 0.5, 0.02, twigs=0)
    grown = branches(stream(1), 1, angles, 0.5, 0.02, twigs=1)
    assert len(bare) == 6 and len(grown) == 12
    assert all((bare[i][0] == grown[i][0]).all() for i in range(6))
    (x, y, width) = grown[6]
    assert width == 0.01 and x[0] in grown[0][0] and y[0] in grown[0][1]
    left = branches(stream(1), -1, angles, 0.5, 0.02, twigs=0)
    assert (left[0][0] == -bare[0][0]).all()


def test_a_stroke_is_drawn_where_its_points_lie(film):
    line = (np.array([-0.5, 0.5]), np.array([0.0, 0.0]), 0.1)
    drawn = polylines(film, [line])
    assert drawn.shape == (64, 64) and drawn.max() == 1
    on_line = (abs(film.y) < 0.03) & (abs(film.x) < 0.45)
    assert drawn[on_line].min() > 0.5 and drawn[abs(film.y) > 0.3].max() == 0


def test_no_strokes_leave_the_film_empty(film):
    assert not polylines(film, []).any()
