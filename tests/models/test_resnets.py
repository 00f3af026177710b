"""ResNets of our own: torchvision's, weight by weight and answer by answer.

python -m pytest tests/models/test_resnets.py
"""

import pytest
import torch
import torchvision
from torch import nn

from cxr_fastai.models.resnets import RESNETS, resnet_layers

QUICK = ["resnet18", "resnet50", "resnext50_32x4d"]
SLOW = [pytest.param(arch, marks=pytest.mark.slow) for arch in RESNETS if arch not in QUICK]


def test_all_of_torchvisions_names_are_ours():
    every = torchvision.models.list_models(torchvision.models)
    starts = ("resnet", "resnext", "wide_resnet")
    assert sorted(RESNETS) == sorted(name for name in every if name.startswith(starts))


@pytest.mark.parametrize("arch", QUICK + SLOW)
def test_the_same_seed_gives_torchvisions_weights_and_answers_bit_for_bit(arch):
    torch.manual_seed(3)
    theirs = torchvision.models.get_model(arch, weights=None)
    after = torch.rand(1)
    torch.manual_seed(3)
    layers, channels = resnet_layers(arch)
    assert torch.equal(torch.rand(1), after), "the next draw must be the same too"
    wanted = theirs.state_dict()
    ours = nn.ModuleDict(layers).state_dict()
    assert list(ours) == [key for key in wanted if not key.startswith("fc.")]
    assert all(torch.equal(ours[key], wanted[key]) for key in ours)
    assert channels == theirs.fc.in_features
    x = torch.rand(2, 3, 64, 96)
    for mode in (True, False):
        body = nn.Sequential(*layers.values()).train(mode)
        theirs.train(mode)
        answers = theirs.fc(torch.flatten(theirs.avgpool(body(x)), 1))
        assert torch.equal(answers, theirs(x)), f"training {mode}"
