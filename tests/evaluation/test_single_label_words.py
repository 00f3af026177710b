"""pytest tests/evaluation/test_single_label_words.py

The verdict of a single-label report follows from its gain and interval.
"""

import pytest

from cxr_fastai.evaluation.single_label_words import DOUBT, NOT_ABOVE, verdict_words


@pytest.mark.parametrize(
    "gain,between,says",
    [
        (
            5,
            [0.01, 0.2],
            "above the source-only floor by 10.0 points (5 of 50 images; 95 % interval 1.0 to 20.0)",
        ),
        (
            5,
            [-0.01, 0.2],
            "above the source-only floor by 10.0 points (5 of 50 images; 95 % interval -1.0 to 20.0)"
            + DOUBT,
        ),
        (1, None, "above the source-only floor by 2.0 points (1 of 50 images)"),
        (0, None, NOT_ABOVE),
        (
            0,
            [-0.1, 0.1],
            f"{NOT_ABOVE} (0.0 points, 95 % interval -10.0 to 10.0, which includes 0)",
        ),
        (-5, [-0.2, -0.1], f"{NOT_ABOVE} (-10.0 points, 95 % interval -20.0 to -10.0)"),
    ],
)
def test_a_gain_is_put_beside_the_floor(gain, between, says):
    assert verdict_words(gain, 50, between) == says
