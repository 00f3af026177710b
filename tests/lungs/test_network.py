"""The U-Net in numpy against torch's own layers.

python -m pytest tests/lungs/test_network.py
"""

import numpy as np
import torch
from torch.nn import functional as F

from cxr_fastai.lungs.network import WIDTHS, layer_shapes, logits


def drawn_weights(seed=0):
    rng = np.random.default_rng(seed)
    weights = {}
    for name, (outputs, inputs, side) in layer_shapes().items():
        scale = 1 / np.sqrt(inputs * side * side)
        weights[f"{name}.weight"] = rng.normal(0, scale, (outputs, inputs, side, side)).astype(
            np.float32
        )
        weights[f"{name}.bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)
    return weights


def by_torch(square, weights):
    "The same network, written with torch's layers."

    def block(x, name):
        for part in (0, 1):
            w, b = (torch.tensor(weights[f"{name}.{part}.{key}"]) for key in ("weight", "bias"))
            x = F.conv2d(x, w, b, padding=1).relu()
        return x

    x = torch.tensor(square)[None, None]
    kept = []
    for level in range(len(WIDTHS)):
        x = block(x, f"down{level}")
        if level < len(WIDTHS) - 1:
            kept.append(x)
            x = F.max_pool2d(x, 2)
    for level in reversed(range(len(WIDTHS) - 1)):
        x = block(torch.cat([F.interpolate(x, scale_factor=2), kept[level]], 1), f"up{level}")
    return F.conv2d(x, torch.tensor(weights["out.weight"]), torch.tensor(weights["out.bias"]))[0, 0]


def test_it_computes_what_torch_computes():
    square = np.random.default_rng(1).normal(0, 1, (32, 32)).astype(np.float32)
    weights = drawn_weights()
    found = logits(square, weights)
    assert found.shape == (32, 32) and found.dtype == np.float32
    assert np.allclose(found, by_torch(square, weights).numpy(), atol=1e-5)
    assert found.std() > 0.01  # not one number everywhere


def test_the_network_is_small():
    numbers = sum(o * i * k * k + o for o, i, k in layer_shapes().values())
    assert numbers < 150_000
