"""Architectures: names to layers, torchvision's, timm's and the baseline.

python -m pytest tests/models/test_architectures.py
"""

import sys

import pytest
import torch
import torchvision
from toy_networks import fresh

from cxr_fastai import core
from cxr_fastai.models import architectures
from cxr_fastai.models.names import LITES
from cxr_fastai.models.networks import build_network, param_groups
from cxr_fastai.models.weights import load_weights, match_body


@pytest.mark.parametrize(
    "arch", [arch for arch in architectures.COMMON if arch not in ("cnn", *LITES)]
)
def test_a_body_gives_what_torchvisions_network_computes_before_its_classifier(arch):
    "Weights under torchvision's names reach the right layer."
    torch.manual_seed(1)
    whole, x = torchvision.models.get_model(arch, weights=None).eval(), torch.rand(1, 3, 224, 224)
    body = build_network(arch, 3, in_channels=3).eval()[0]
    body.load_state_dict(match_body(whole.state_dict(), body, arch, "whole"), strict=False)
    with torch.inference_mode():
        if arch.startswith("vit"):
            ours, theirs = whole.heads(body(x).flatten(1)), whole(x)
        elif arch.startswith("resnet"):
            ours, theirs = whole.fc(body(x).mean((2, 3))), whole(x)
        elif arch.startswith("densenet"):
            ours, theirs = whole.classifier(body(x).mean((2, 3))), whole(x)
        else:
            ours, theirs = body(x), whole.features(x)
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_a_vision_transformer_takes_squares_of_any_multiple_of_its_patch(size):
    with torch.inference_mode():
        assert build_network("vit_b_16", 2).eval()(torch.zeros(1, 1, size, size)).shape == (
            1,
            2,
        )


def test_timms_networks_are_built_by_their_name():
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    for arch, size in (
        ("resnet26", 64),
        ("vit_tiny_patch16_224", 96),
        ("swin_tiny_patch4_window7_224", 224),
    ):
        net = build_network(arch, 3).eval()
        with torch.inference_mode():
            assert net(torch.zeros(1, 1, size, size)).shape == (1, 3)
        assert len(param_groups(net, arch)) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda: build_network("resnet33", 2),
        lambda: load_weights(fresh(), "none", "resnet33"),
    ],
)
def test_an_unknown_architecture_names_the_nearest(call):
    with pytest.raises(
        core.UnknownName, match="unknown architecture 'resnet33'. Closest: resnet34"
    ):
        call()


@pytest.mark.parametrize(
    "name, known",
    [("resnet18", True), ("cnn", True), ("resnet33", False), (18, False), (["cnn"], False)],
)
def test_a_name_is_known_or_not_whatever_is_given(name, known):
    assert architectures.is_arch(name) is known


@pytest.mark.parametrize("arch", architectures.COMMON)
def test_every_common_architecture_can_be_built(arch):
    assert architectures.is_arch(arch)


def test_a_name_that_both_have_is_torchvisions(monkeypatch):
    timms = architectures.Family(
        names=lambda: ["resnet18", "only_timms"],
        parts=architectures.TIMM.parts,
        early=architectures.TIMM.early,
    )
    monkeypatch.setattr(architectures, "TIMM", timms)
    monkeypatch.setattr(architectures, "FAMILIES", (*architectures.FAMILIES[:-1], timms))
    assert not architectures.from_timm("resnet18") and architectures.from_timm("only_timms")
    with pytest.raises(core.UnknownName, match="Closest: .*only_timms.*vit_b_16.$"):
        architectures.family_of("only_timm")


def test_without_timm_its_installation_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(core.UnknownName, match="pip install 'cxr_fastai.timm.'"):
        architectures.family_of("swin_tiny")


def test_the_baseline_halves_five_times_and_takes_any_number_of_channels():
    parts = architectures.body_parts("cnn", in_channels=2)
    body = torch.nn.Sequential(*parts.layers.values())
    assert body(torch.zeros(2, 2, 33, 64)).shape == (2, parts.channels, 2, 2)


def test_the_slow_half_ends_with_a_whole_layer():
    body = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(3)))
    early = architectures._first_half(body)
    assert [id(p) for p in early] == [id(p) for p in body[:2].parameters()]
