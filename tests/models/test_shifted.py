"""Convolutions with a shift.

python -m pytest tests/models/test_shifted.py
"""

import copy

import pytest
import torch
from torch import nn
from toy_networks import with_shift

from cxr_fastai.models.networks import build_network, param_groups, set_shift
from cxr_fastai.models.same_padding import SameConv2d
from cxr_fastai.models.shifted import ShiftedConv2d, ShiftedSameConv2d, plain, shifted

LAYERS = [
    (nn.Conv2d(1, 4, 3, 2, 1), ShiftedConv2d),
    (nn.Conv2d(1, 4, 3, padding="same", dilation=2, bias=False), ShiftedConv2d),
    (SameConv2d(1, 4, 3, 2), ShiftedSameConv2d),
]


@pytest.mark.parametrize("layer, kind", LAYERS)
def test_a_shift_is_the_convolution_of_ones(layer, kind):
    made = shifted(layer)
    x = torch.randn(2, 1, 9, 12)
    assert type(made) is kind and torch.equal(made(x), layer(x)), "zero to begin with"
    made.shift.normal_()
    with_kernel = copy.deepcopy(layer)
    with torch.no_grad():
        with_kernel.weight.copy_(made.shift)
        if with_kernel.bias is not None:
            with_kernel.bias.zero_()
    wanted = layer(x) + with_kernel(torch.ones(1, 1, 9, 12))
    torch.testing.assert_close(made(x), wanted)
    assert type(plain(made)) is type(layer) and torch.equal(plain(made)(x), layer(x))


def test_training_moves_the_weights_and_leaves_the_shift():
    net = with_shift("resnet18").train()
    layer = net[0][0]
    before = layer.shift.clone()
    optimizer = torch.optim.SGD([p for group in param_groups(net, "resnet18") for p in group], 0.1)
    weight = layer.weight.detach().clone()
    net(torch.randn(2, 1, 32, 32)).square().mean().backward()
    optimizer.step()
    assert torch.equal(layer.shift, before) and not torch.equal(layer.weight, weight)


@pytest.mark.parametrize("arch", ["resnet18", "tf_efficientnet_lite0"])
def test_names_of_tensors_tell_whether_there_is_a_shift(arch):
    net = with_shift(arch)
    names = net.state_dict().keys()
    with torch.device("meta"):
        assert build_network(arch, 3, like=names).state_dict().keys() == names
    assert "0.0.shift" not in build_network(arch, 3).state_dict()
    set_shift(net[0], None)
    assert "0.0.shift" not in net.state_dict()


def test_computing_in_bf16_keeps_the_shift():
    net = with_shift("resnet18")
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = net[0](x)
    with torch.no_grad():
        full = net[0](x)
    assert float((half - full).norm() / full.norm()) < 0.05
