"""A map laid over a film: its colours, the contour, the lungs' outline.

python -m pytest tests/serving/test_paint.py
"""

import numpy as np

from cxr_fastai.serving.paint import COLOURS, laid_over


def test_the_colour_follows_the_heat_and_no_heat_leaves_the_film():
    levels = np.zeros((20, 40), np.float32)
    levels[:, 20:30] = 0.25
    levels[:, 30:] = 1.0
    mixed = laid_over(np.full((20, 40), 100, np.uint8), levels, None)
    assert (mixed[:, :20] == 100).all()
    assert (mixed[5, 35] == np.round(0.4 * 100 + 0.6 * COLOURS[255])).all()
    faint = mixed[5, 25].astype(int)
    assert (faint == np.round(0.7 * 100 + 0.3 * COLOURS[64])).all()


def test_a_contour_is_drawn_at_half_and_a_dotted_line_round_the_lungs():
    levels = np.zeros((40, 40), np.float32)
    levels[10:30, 10:30] = 0.6
    lungs = np.zeros((40, 40), bool)
    lungs[5:35, 2:8] = True
    mixed = laid_over(np.full((40, 40), 100, np.uint8), levels, lungs)
    assert (mixed[10, 10:30] == 255).all() and (mixed[9, 10:30] == 0).all()
    edge = (mixed[5:35, 2] == 255).all(1)
    assert edge.any() and not edge.all()
    below = laid_over(np.full((40, 40), 100, np.uint8), levels * 0.8, None)
    assert not (below == 255).any()


def test_colours_grow_evenly_lighter():
    lightness = COLOURS @ np.array([0.2126, 0.7152, 0.0722])
    steps = np.diff(lightness[::8])  # single colours are rounded
    assert steps.min() > 3 and steps.max() < 12
