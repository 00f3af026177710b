"""Heart, bones and vessels: where they belong, and the same for one patient.

python -m pytest tests/phantom/test_shadows.py
"""

from dataclasses import replace

import numpy as np
from toy_phantoms import (
    SIZE,
)

from cxr_fastai.phantom import (
    shadows,
)
from cxr_fastai.phantom.chest import anatomy, scene, stance


def test_the_heart_points_to_the_right_of_the_image(films):
    mean = films["normal"].astype(float).mean(0)
    assert mean[16:22, 17:25].mean() > mean[16:22, 7:15].mean() + 8


def test_both_lungs_are_darker_than_what_lies_between(films):
    mean = films["normal"].astype(float).mean(0)
    between = mean[10:18, 15:17].mean()
    assert mean[10:18, 7:11].mean() < between - 40 and mean[10:18, 21:25].mean() < between - 40


def chest(patient=5, seed=1, size=SIZE):
    return scene(anatomy(patient, "adult"), stance(seed, size))


def test_two_thirds_of_the_heart_lie_on_the_right_of_the_image():
    shares_right = []
    for seed in range(12):
        c = chest(patient=seed, seed=seed)
        heart = shadows.heart_shadow(c) * (c.y > 0)
        shares_right.append(heart[c.x > 0].sum() / heart.sum())
    assert 0.55 < np.mean(shares_right) < 0.8


def test_a_brighter_skeleton_is_brighter_by_so_much():
    c = chest()
    double = replace(c, body=replace(c.body, bone=2 * c.body.bone))
    np.testing.assert_allclose(shadows.bones(double), 2 * shadows.bones(c))
    assert shadows.bones(c).min() >= 0 and shadows.bones(c).max() > 0.1


def test_vessels_are_the_patients_own_and_lie_beside_the_heart():
    c = chest()
    drawn = shadows.vessels(c)
    assert (drawn == shadows.vessels(chest())).all() and 0 <= drawn.min() < drawn.max() <= 1
    assert abs(drawn - shadows.vessels(chest(patient=6))).mean() > 0.01
    assert drawn[c.a < 0.6].mean() > 3 * drawn[c.a > 0.8].mean()
