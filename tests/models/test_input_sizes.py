"""pytest tests/models/test_input_sizes.py"""

import pytest
import torch
from torch import nn
from toy_networks import fresh

from cxr_fastai.models.input_sizes import nearest_side, why_not
from cxr_fastai.models.networks import build_network


class OneSide(nn.Module):
    """A body that takes squares of one side, as timm states it."""

    pretrained_cfg = {"input_size": (3, 40, 40), "fixed_input_size": True}

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        """Give maps."""
        if x.shape[-1] != 40:
            raise AssertionError(f"Input height ({x.shape[-1]}) doesn't match model (40).")
        return self.conv(x)


class NoShapes(OneSide):
    """One that looks at numbers, which shapes alone do not have."""

    pretrained_cfg = {}

    def forward(self, x):
        """Give maps."""
        if x.sum().item() > 0 or x.shape[-1] < 30:
            raise ValueError("too\nsmall")
        return self.conv(x)


def whole(body):
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    return nn.Sequential(nn.Sequential(body), head)


def test_what_a_network_takes_is_no_reason():
    assert why_not(fresh("resnet18"), 16) == "" == why_not(fresh("resnet18"), 97)
    assert why_not(build_network("cnn", 2), 16) == ""


def test_a_network_of_one_side_says_so_and_which():
    net = whole(OneSide())
    assert why_not(net, 40) == ""
    assert why_not(net, 48) == "Input height (48) doesn't match model (40)."
    assert [nearest_side(net, side) for side in (16, 39, 48, 224)] == [40] * 4


def test_the_least_side_of_a_network_with_one_is_found_to_the_pixel():
    net = fresh("densenet121")
    least = nearest_side(net, 16)
    assert why_not(net, least) == "" and why_not(net, least - 1)


def test_a_network_whose_shapes_cannot_be_computed_alone_is_run():
    net = whole(NoShapes())
    assert why_not(net, 30) == "" and why_not(net, 29) == "too small"
    assert nearest_side(net, 16) == 30


def test_a_network_that_takes_nothing_has_no_nearest_side():
    class Never(OneSide):
        """One that fails in any case, without a word."""

        def forward(self, x):
            """Fail."""
            raise RuntimeError

    assert why_not(whole(Never()), 40) == "RuntimeError"
    assert nearest_side(whole(Never()), 48) is None


def test_the_network_stays_as_it_was():
    net = fresh("resnet18").train()
    other = whole(OneSide())
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random_state = torch.get_rng_state()
    for side in (16, 64):
        why_not(net, side)
    nearest_side(other, 16)
    assert net.training and torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert {tensor.device.type for tensor in net.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize(
    "arch, side, nearest",
    [
        ("swin_tiny_patch4_window7_224", 48, 224),
        ("mixer_s32_224", 64, 224),
        ("inception_v3", 48, 75),
        ("test_vit", 48, None),
    ],
)
@pytest.mark.slow
def test_networks_of_timm(arch, side, nearest):
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    net = build_network(arch, 2)
    if nearest is None:
        assert why_not(net, side) == ""
    else:
        assert why_not(net, side) and nearest_side(net, side) == nearest
        assert why_not(net, nearest) == ""
