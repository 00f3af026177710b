"""The chest: one person is one set of measures, whatever the exposure.

python -m pytest tests/phantom/test_chest.py
"""

import numpy as np
import pytest
from toy_phantoms import (
    SIZE,
)

from cxr_fastai.phantom import (
    AGES,
)
from cxr_fastai.phantom.chest import anatomy, place, scene, stance


def test_children_have_the_larger_heart_for_their_chest():
    body = {age: [anatomy(i, age) for i in range(40)] for age in AGES}
    share = {age: np.mean([b.heart / b.half for b in people]) for age, people in body.items()}
    assert share["child"] > 1.15 * share["adult"]


def test_one_patient_has_one_anatomy_and_every_measure_lies_in_its_range():
    assert anatomy(7, "adult") == anatomy(7, "adult") != anatomy(8, "adult")
    assert 0.68 <= anatomy(7, "adult").half <= 0.78 and 0.62 <= anatomy(7, "child").half <= 0.72


def test_pixels_and_coordinates_are_each_others_inverse():
    pose = stance(3, 50)
    across, down = pose.pixels(pose.x, pose.y, 50)
    np.testing.assert_allclose(across, np.broadcast_to(np.arange(50) + 0.5, (50, 50)), atol=1e-9)
    np.testing.assert_allclose(down.T, across, atol=1e-9)


def test_lungs_lie_on_both_sides_between_heart_and_ribs():
    chest = scene(anatomy(5, "adult"), stance(1, SIZE))
    assert (chest.lung[chest.side < 0] > 0.5).any() and (chest.lung[chest.side > 0] > 0.5).any()
    inside = chest.lung > 0.9
    assert (chest.u[inside] > -0.1).all() and (chest.u[inside] < 1.1).all()
    assert (chest.depth <= chest.lung + 1e-12).all()


def test_what_lies_at_the_back_moves_against_the_front():
    chest = scene(anatomy(5, "adult"), stance(1, SIZE))
    back, front = chest.at_depth(1), chest.at_depth(-1)
    np.testing.assert_allclose((back.x + front.x) / 2, chest.x)
    np.testing.assert_allclose(front.x - back.x, 2 * chest.parallax[0])
    np.testing.assert_allclose(front.y - back.y, 2 * chest.parallax[1])


@pytest.mark.parametrize("side", [-1, 1])
def test_a_place_has_the_coordinates_that_were_asked_for(side):
    chest = scene(anatomy(5, "adult"), stance(1, 200))
    x, y = place(chest, side, 0.5, 0.6)
    nearest = np.unravel_index(((chest.x - x) ** 2 + (chest.y - y) ** 2).argmin(), chest.x.shape)
    assert chest.side[nearest] == side
    assert abs(chest.u[nearest] - 0.5) < 0.05 and abs(chest.t[nearest] - 0.6) < 0.02
