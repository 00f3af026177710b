"""A number divided: the parts sum to it.

python -m pytest tests/phantom/test_shares.py
"""

import pytest

from cxr_fastai.phantom.shares import shares


@pytest.mark.parametrize(
    "n, weights, parts",
    [
        (10, (1, 1), [5, 5]),
        (10, (1, 2), [3, 7]),
        (48, (662, 138), [40, 8]),
        (0, (1, 2), [0, 0]),
        (7, (7,), [7]),
    ],
)
def test_parts_stand_to_each_other_as_the_weights(n, weights, parts):
    assert shares(n, weights) == parts


@pytest.mark.parametrize("n", range(1, 60, 7))
def test_nothing_is_lost_by_rounding(n):
    assert sum(shares(n, (2780, 1493, 1583))) == n
