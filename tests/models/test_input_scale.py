"""pytest tests/models/test_input_scale.py"""

import pytest

from cxr_fastai.models.input_scale import IMAGENET, INCEPTION, OURS, InputScale
from cxr_fastai.training.data import MEAN, STD


def test_training_normalises_with_our_own_scale():
    assert (OURS.mean, OURS.std) == ((MEAN,), (STD,))


@pytest.mark.parametrize("scale", [OURS, IMAGENET, INCEPTION, InputScale((0.5,), (1 / 2048,))])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_gain_and_shift_turn_our_input_into_theirs(scale, value):
    x = (value - MEAN) / STD
    theirs = [(value - mean) / std for mean, std in zip(scale.mean, scale.std)]
    ours = [gain * x + shift for gain, shift in zip(scale.gains, scale.shifts)]
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_of_our_scale_nothing_changes_and_of_minus_one_to_one_a_half_is_left():
    assert (OURS.gains, OURS.shifts) == ([1.0], [0.0])
    assert (INCEPTION.gains, INCEPTION.shifts) == ([0.5] * 3, [0.0] * 3)
