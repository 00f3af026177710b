"""How weights start.

python -m pytest tests/models/test_starting.py
"""

import subprocess
import sys

import pytest
import torch
from torch import nn

from cxr_fastai.models.starting import draw_kaiming


def test_weights_are_those_that_torch_draws():
    ours = torch.empty(8, 4)
    theirs = torch.empty(8, 4)
    torch.manual_seed(1)
    draw_kaiming(ours, "fan_out", "relu")
    torch.manual_seed(1)
    nn.init.kaiming_normal_(theirs, mode="fan_out", nonlinearity="relu")
    assert torch.equal(ours, theirs)


BLANK = """
import sys, torch
from cxr_fastai.models.networks import build_network
before = torch.get_rng_state()
with torch.device("meta"):
    net = build_network(sys.argv[1], 2)
assert torch.equal(before, torch.get_rng_state())
assert all(t.is_meta for t in net.state_dict().values())
print([m for m in ("torchvision", "torch._dynamo", "sympy", "timm", "fastai") if m in sys.modules])
"""


@pytest.mark.parametrize("arch", ["cnn", "resnet18", "densenet121"])
def test_a_network_without_memory_loads_neither_torchvision_nor_torchs_compiler(arch):
    done = subprocess.run(
        [sys.executable, "-c", BLANK, arch], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
