"""DenseNets of our own: torchvision's, weight by weight and answer by answer.

python -m pytest tests/models/test_densenets.py
"""

import pytest
import torch
import torchvision
from torch import nn

from cxr_fastai.models.densenets import DENSENETS, densenet_layers

SLOW = [pytest.param(arch, marks=pytest.mark.slow) for arch in DENSENETS if arch != "densenet121"]


def test_all_of_torchvisions_names_are_ours():
    every = torchvision.models.list_models(torchvision.models)
    assert sorted(DENSENETS) == sorted(name for name in every if name.startswith("densenet"))


@pytest.mark.parametrize("arch", ["densenet121", *SLOW])
def test_the_same_seed_gives_torchvisions_weights_and_answers_bit_for_bit(arch):
    torch.manual_seed(3)
    theirs = torchvision.models.get_model(arch, weights=None)
    after = torch.rand(1)
    torch.manual_seed(3)
    layers, channels = densenet_layers(arch)
    assert torch.equal(torch.rand(1), after), "the next draw must be the same too"
    wanted = theirs.state_dict()
    body = nn.Sequential(*layers.values())
    ours = dict(
        zip([k for k in wanted if not k.startswith("classifier")], body.state_dict().values())
    )
    assert len(ours) == len(body.state_dict()) == len(wanted) - 2
    assert all(torch.equal(ours[key], wanted[key]) for key in ours)
    assert {name.split(".")[0] for name in layers} == {"features", "relu"}
    assert channels == theirs.classifier.in_features
    x = torch.rand(2, 3, 64, 96)
    for mode in (True, False):
        body.train(mode)
        theirs.train(mode)
        pooled = nn.functional.adaptive_avg_pool2d(body(x), 1)
        assert torch.equal(theirs.classifier(pooled.flatten(1)), theirs(x)), f"training {mode}"
