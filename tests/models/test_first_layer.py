"""The first layer of a pretrained network: what it computed of colours, it computes of our inputs.

python -m pytest tests/models/test_first_layer.py
"""

import pytest
import torch
import torchvision
from torch import nn
from toy_networks import saved

from cxr_fastai.models.first_layer import fold, why_not_folded
from cxr_fastai.models.input_scale import GRAY_MEAN, GRAY_STD, IMAGENET, INCEPTION, OURS, InputScale
from cxr_fastai.models.networks import build_network, first_convolution
from cxr_fastai.models.shifted import SHIFT, plain, shifted
from cxr_fastai.models.weights import load_weights

TOLERANCE = 1e-4
STATED = {
    "input_mean": [0.485, 0.456, 0.406],
    "input_std": [0.229, 0.224, 0.225],
}


def gray(side, n=2):
    "Gray images, 0-1, dark and bright up to their borders."
    images = torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(1))
    images[0, :, :3] = 0.0
    images[1, :, -3:] = 1.0
    return images


def of_pipeline(images, channels=1):
    return ((images - GRAY_MEAN) / GRAY_STD).expand(-1, channels, -1, -1)


def of_colours(images, scale):
    mean = torch.tensor(scale.mean).view(1, -1, 1, 1)
    return (images.expand(-1, 3, -1, -1) - mean) / torch.tensor(scale.std).view(1, -1, 1, 1)


def stand_in(arch):
    "torchvision's whole network with weights that are not those of a beginning."
    torch.manual_seed(7)
    net = torchvision.models.get_model(arch, weights=None)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def features_of(net, arch, x):
    "What torchvision's network computes before pooling and classifier."
    if arch.startswith("resne"):
        return nn.Sequential(*list(net.children())[:-2])(x)
    found = net.features(x)
    return found.relu() if arch.startswith("densenet") else found


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "arch, has_shift",
    [
        ("resnet18", True),
        ("densenet121", True),
        ("efficientnet_b0", True),
        ("vgg11", True),
        ("squeezenet1_1", False),
        ("convnext_tiny", False),
    ],
)
def test_features_are_those_of_the_colour_network_borders_included(
    tmp_path, arch, has_shift, channels
):
    theirs = stand_in(arch)
    file = saved(tmp_path / "a.pth", {"state_dict": theirs.state_dict(), **STATED})
    net = build_network(arch, 2, channels).eval()
    assert load_weights(net, file, arch).endswith("normalisation in the first layer")
    assert hasattr(first_convolution(net[0])[1], SHIFT) == has_shift
    images = gray(75)
    with torch.no_grad():
        ours = net[0](of_pipeline(images, channels))
        wanted = features_of(theirs, arch, of_colours(images, IMAGENET))
    scale = float(wanted.abs().max())
    assert float((ours - wanted).abs().max()) < TOLERANCE * max(1.0, scale)


def test_without_its_shift_the_border_would_be_wrong(tmp_path):
    theirs = stand_in("resnet18")
    file = saved(tmp_path / "a.pth", {"state_dict": theirs.state_dict(), **STATED})
    net = build_network("resnet18", 2).eval()
    load_weights(net, file, "resnet18")
    layer = first_convolution(net[0])[1]
    x = of_pipeline(gray(64))
    with torch.no_grad():
        apart = layer(x) - plain(layer)(x)
    inner = apart[..., 5:-5, 5:-5]
    assert float((inner - inner[..., :1, :1]).abs().max()) < 1e-5
    assert float((apart[..., 0, 0] - apart[..., 9, 9]).abs().max()) > 0.01


@pytest.mark.parametrize("scale", [IMAGENET, INCEPTION, InputScale((0.2, 0.5, 0.7), (1, 2, 3))])
def test_a_layer_alone_computes_what_it_did_of_colours(scale):
    theirs = nn.Conv2d(3, 8, 5, 2, 2)
    ours = shifted(nn.Conv2d(1, 8, 5, 2, 2))
    folded = fold(theirs.weight.detach(), theirs.bias.detach(), scale, ours)
    shift = torch.zeros(8, 1, 5, 5) if folded.shift is None else folded.shift
    ours.load_state_dict({"weight": folded.weight, "bias": folded.bias, SHIFT: shift})
    images = gray(33)
    with torch.no_grad():
        torch.testing.assert_close(ours(of_pipeline(images)), theirs(of_colours(images, scale)))


def test_a_gray_network_of_1024_is_gained_512_times():
    weight = torch.ones(2, 1, 3, 3)
    scale = InputScale((0.5,), (1 / 2048,))
    folded = fold(weight, None, scale, nn.Conv2d(1, 2, 3, padding=1, bias=False))
    assert folded.shift is None and torch.equal(folded.weight, weight * 512)


def test_our_own_scale_changes_nothing():
    weight = torch.randn(2, 1, 3, 3)
    assert torch.equal(fold(weight, None, OURS, nn.Conv2d(1, 2, 3)).weight, weight)


def test_a_layer_that_standardises_its_weights_is_not_folded():
    timm = pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    assert why_not_folded(timm.layers.StdConv2d(1, 8, 3)) == "it is a StdConv2d"
    assert why_not_folded(nn.Conv2d(1, 8, 3, padding=1, padding_mode="reflect"))
    assert why_not_folded(timm.layers.Conv2dSame(1, 8, 3)) == ""
