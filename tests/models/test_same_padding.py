"""pytest tests/models/test_same_padding.py"""

import pytest
import torch
from torch import nn

from cxr_fastai.models.same_padding import SameConv2d, is_same_padded


@pytest.mark.parametrize("side", [7, 8, 9])
@pytest.mark.parametrize("kernel, stride", [(3, 2), (5, 2), (3, 1), (1, 2)])
def test_maps_have_as_many_places_as_strides_fit(side, kernel, stride):
    answer = SameConv2d(1, 2, kernel, stride)(torch.zeros(1, 1, side, side + 3))
    assert answer.shape[-2:] == (-(-side // stride), -(-(side + 3) // stride))


def test_what_is_left_over_is_padded_at_the_end():
    layer = SameConv2d(1, 1, 3, 2, bias=False)
    nn.init.ones_(layer.weight)
    answer = layer(torch.ones(1, 1, 4, 4))
    assert answer.flatten().tolist() == [9.0, 6.0, 6.0, 4.0]


def test_ours_and_timms_are_told_from_others():
    assert is_same_padded(SameConv2d(1, 1, 3))
    assert not is_same_padded(nn.Conv2d(1, 1, 3, padding="same"))
    timm = pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    theirs = timm.layers.Conv2dSame(1, 2, 5, 2)
    ours = SameConv2d(1, 2, 5, 2)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 1, 9, 12)
    assert is_same_padded(theirs) and torch.equal(ours(x), theirs(x))
