"""EfficientNet-Lite: timm's network, bit for bit, without timm.

python -m pytest tests/models/test_lites.py
"""

import sys

import pytest
import torch
from torch import nn

from cxr_fastai.models.lites import LITE_PLANS, depths, lite_layers
from cxr_fastai.models.names import LITES
from cxr_fastai.models.networks import build_network, param_groups


def named(layers):
    "Every tensor of a body by its name in the whole network."
    return {f"{name}.{key}": t for name, m in layers.items() for key, t in m.state_dict().items()}


@pytest.mark.parametrize("arch, side", [(LITES[0], 97), (LITES[2], 64), (LITES[4], 33)])
@pytest.mark.parametrize("training", [False, True])
def test_the_same_weights_give_timms_answers_bit_for_bit(arch, side, training):
    timm = pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    torch.manual_seed(0)
    theirs = timm.create_model(arch).train(training)
    layers, channels = lite_layers(arch)
    wanted = theirs.state_dict()
    ours = named(layers)
    assert list(ours) == [key for key in wanted if not key.startswith("classifier")]
    for key, tensor in ours.items():
        tensor.copy_(wanted[key])
    body = nn.Sequential(*layers.values()).train(training)
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        answer = body(x)
        assert torch.equal(answer, theirs.forward_features(x))
    assert answer.shape[1] == channels


def test_every_lite_has_its_plan_and_its_depths():
    assert tuple(LITE_PLANS) == LITES
    assert [sum(depths(arch)) for arch in LITES] == [16, 21, 21, 24, 30]


@pytest.mark.parametrize("side", [33, 64])
def test_a_gray_network_pads_as_the_colour_one_does(side):
    gray = build_network("tf_efficientnet_lite0", 2, in_channels=1).eval()
    colour = build_network("tf_efficientnet_lite0", 2, in_channels=3).eval()
    state = gray.state_dict()
    state["0.0.weight"] = state["0.0.weight"].repeat(1, 3, 1, 1) / 3
    colour.load_state_dict(state)
    x = torch.randn(1, 1, side, side)
    with torch.no_grad():
        torch.testing.assert_close(gray(x), colour(x.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_a_lite_has_three_groups_and_asks_neither_timm_nor_torchvision(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    net = build_network("tf_efficientnet_lite0", 2)
    groups = param_groups(net, "tf_efficientnet_lite0")
    assert [sum(p.numel() for p in group) > 0 for group in groups] == [True] * 3


def test_drawn_weights_spread_as_their_makers_do():
    layers, _ = lite_layers("tf_efficientnet_lite0")
    head = layers["conv_head"].weight
    assert float(head.std()) == pytest.approx((2 / 1280) ** 0.5, rel=0.02)
