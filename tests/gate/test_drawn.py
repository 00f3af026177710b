"""pytest tests/gate/test_drawn.py"""

import numpy as np

from cxr_fastai.gate.drawn import DRAWINGS, drawings


def test_every_subject_is_drawn_in_turn_and_no_drawing_is_empty():
    found, names = drawings(40, np.random.default_rng(0))
    assert set(names) == set(DRAWINGS) and len(names) == 40
    assert (found.reshape(40, -1).std(1) > 1).all()


def test_one_seed_draws_the_same():
    again = [drawings(8, np.random.default_rng(1))[0] for _ in range(2)]
    assert np.array_equal(*again)
