"""Networks that answer by planted squares, and films that hold them."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.meta import complete
from cxr_fastai.bundle.torch_runtime import TorchRuntime
from cxr_fastai.models.networks import AdaptiveConcatPool2d
from cxr_fastai.phantom import draw

SIZE = 64  # px, of films and network
SIDE = 16  # px, of a square
VOCAB = ["left", "none", "right"]
# class -> row and column of its square
PLACES = {"left": (8, 8), "right": (44, 40)}
META = dict(
    arch="cnn",
    vocab=VOCAB,
    display={"left": "Left square", "none": "No square", "right": "Right square"},
    size=SIZE,
    mean=0.5,
    std=0.25,
    recipe={"name": "toy"},
    manifest_sha256="0" * 64,
    trained={"epochs": 1},
)


def film(*squares, seed=0):
    "A phantom with bright squares: (SIZE, SIZE) uint8."
    pixels = draw("normal", seed, SIZE).copy() // 2
    for name in squares:
        pixels[region(name)] = 255
    return pixels


def region(name):
    "The points of a square, as an index."
    row, column = PLACES[name]
    return slice(row, row + SIDE), slice(column, column + SIDE)


def prepared(pixels):
    return torch.tensor((pixels / 255 - 0.5) / 0.25, dtype=torch.float32)[None, None]


def small_network():
    "Body and head, small enough to be trained in a test: 16 x 16 places of 16 channels."
    body = nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 16, 5, stride=2, padding=2),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 5, stride=2, padding=2),
        nn.ReLU(inplace=True),
    )
    head = nn.Sequential(AdaptiveConcatPool2d(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(32, 3))
    return nn.Sequential(body, head)


def trained(net=None, steps=80):
    "A network, trained for a few steps to tell left, none and right."
    torch.manual_seed(0)
    net = net or small_network()
    films, classes = [], []
    for seed in range(8):
        for number, name in enumerate(VOCAB):
            squares = [name] if name in PLACES else []
            films.append(prepared(film(*squares, seed=seed)))
            classes.append(number)
    x, y = torch.cat(films), torch.tensor(classes)
    opt = torch.optim.AdamW(net.parameters(), 3e-3)
    net.train()
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net.eval()


def bundle_of(net):
    "A bundle of a network that no architecture's name stands for."
    runtime = TorchRuntime(net, torch.device("cpu"))
    return Bundle(runtime=runtime, meta=complete(META, weights_sha256="0" * 64), path=Path("toy"))


def hand_made():
    "A network of two channels: what is bright and what is dark, each cell of 8 x 8 pixels a place."
    bright = nn.Conv2d(1, 2, 8, stride=8)
    with torch.no_grad():
        bright.weight[0] = 1 / 64
        bright.weight[1] = -1 / 64
        bright.bias.fill_(-1.0)
    out = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        out.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    body = nn.Sequential(bright, nn.ReLU(inplace=True))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), out)
    return nn.Sequential(body, head)


def share_in(heat, name):
    "The share of a heat of (SIZE, SIZE) that lies within 8 px of a square."
    row, column = PLACES[name]
    near = np.zeros((SIZE, SIZE), bool)
    near[max(row - 8, 0) : row + SIDE + 8, max(column - 8, 0) : column + SIDE + 8] = True
    return heat[near].sum() / heat.sum()
