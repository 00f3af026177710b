"""An architecture's name -> a plain torch network of body and head, and its parameter groups.

Layers, their order and their state-dict keys are those of fastai's `vision_learner`, so weights
travel both ways and a bundle loads without fastai. Builds with random weights; `weights` loads
others. Never imports fastai, never fetches anything.
"""

from __future__ import annotations

import copy
from collections.abc import Collection

import torch
from torch import nn

from cxr_fastai.core import UsageError
from cxr_fastai.models.architectures import body_parts, family_of, timm_parts
from cxr_fastai.models.names import LITES
from cxr_fastai.models.shifted import SHIFT, plain, shifted
from cxr_fastai.models.starting import draw_kaiming

__all__ = [
    "AdaptiveConcatPool2d",
    "build_network",
    "first_convolution",
    "param_groups",
    "set_shift",
]

PROBE_SIDE = 64  # px, of the image that shapes are computed for
HEAD_WIDTH = 512  # of the head's inner layer, as in fastai's create_head


class AdaptiveConcatPool2d(nn.Module):
    """(n, c, h, w) -> (n, 2c, 1, 1): each channel's largest value, then each channel's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.ap = nn.AdaptiveAvgPool2d(1)
        self.mp = nn.AdaptiveMaxPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool each channel twice."""
        return torch.cat([self.mp(x), self.ap(x)], 1)


def first_convolution(body: nn.Module) -> tuple[str, nn.Conv2d]:
    """Find the name and the layer of the convolution that sees the image."""
    for name, module in body.named_modules():
        if isinstance(module, nn.Conv2d):
            return name, module
    raise UsageError(
        "a network without a convolution, whose first layer cannot be made to read gray images. "
        "Choose another one, as resnet18."
    )


def _set_in_channels(body: nn.Sequential, n: int) -> None:
    """Replace the first convolution by one of `n` input channels.

    It is initialised as torchvision does the others.
    """
    name, old = first_convolution(body)
    if old.in_channels == n:
        return
    new = type(old)(
        n,
        old.out_channels,
        old.kernel_size,
        old.stride,
        old.padding,
        bias=old.bias is not None,
    )
    draw_kaiming(new.weight, mode="fan_out", nonlinearity="relu")
    body.set_submodule(name, new)


def set_shift(
    body: nn.Sequential,
    shift: torch.Tensor | None,  # (out, 1, h, w) of `shifted`; None: the first layer has none
) -> None:
    """Let the first convolution add a shift, or no more."""
    name, layer = first_convolution(body)
    layer = plain(layer)
    if shift is not None:
        layer = shifted(layer)
        layer.shift.copy_(shift)
    body.set_submodule(name, layer)


def _head(
    n_in: int,  # channels that the body ends in
    n_out: int,
) -> nn.Sequential:
    """Build fastai's default vision head, layer by layer.

    Its initialisation is fastai's too (apply_init, kaiming_normal_).
    """
    head = nn.Sequential(
        AdaptiveConcatPool2d(),
        nn.Flatten(),
        nn.BatchNorm1d(2 * n_in),
        nn.Dropout(0.25),
        nn.Linear(2 * n_in, HEAD_WIDTH, bias=False),
        nn.ReLU(inplace=True),
        nn.BatchNorm1d(HEAD_WIDTH),
        nn.Dropout(0.5),
        nn.Linear(HEAD_WIDTH, n_out, bias=False),
    )
    for layer in head:
        if isinstance(layer, nn.Linear):
            draw_kaiming(layer.weight)
        if isinstance(layer, nn.BatchNorm1d):
            nn.init.constant_(layer.bias, 1e-3)  # fastai.layers.BatchNorm starts there
    return head


def build_network(
    arch: str,  # of architectures.FAMILIES: torchvision's, timm's where it is installed, cnn
    n_out: int,  # outputs, one a class
    in_channels: int = 1,  # radiographs are gray
    like: Collection[str] = (),  # names of the tensors that it is to be given, of a state dict
    layers: int = 0,  # of the body, the first ones; 0: all, or as many as `like` has weights of
) -> nn.Sequential:  # body, head; maps (n, in_channels, h, w) to (n, n_out) logits
    """Build a network with random weights; nothing is fetched.

    An architecture may be built in more than one way: with a first layer that shifts, as weights
    of ImageNet need, an EfficientNet-Lite by timm, as before this library had its own, and without
    its last layers. Names of tensors tell which. Raises `UnknownName` for an architecture that
    nobody has, `UsageError` without a class or with more layers than it has.
    """
    parts = timm_parts(arch, in_channels) if _of_timm(arch, like) else body_parts(arch, in_channels)
    if n_out < 1:
        raise UsageError(f"a network needs at least one class, not {n_out}")
    body = nn.Sequential(*parts.layers.values())
    _set_in_channels(body, in_channels)
    name, layer = first_convolution(body)
    if f"0.{name}.{SHIFT}" in like:
        set_shift(body, torch.zeros_like(layer.weight[:, :1]))
    kept = _cut(body, _kept_layers(like) or layers, arch)
    channels = parts.channels if kept is body else _channels_after(kept, in_channels)
    return nn.Sequential(kept, _head(channels, n_out))


def _kept_layers(like: Collection[str]) -> int:
    """Count the layers of a body up to the last that has a tensor; 0: no names were given."""
    found = [name.split(".", 2)[1] for name in like if name.startswith("0.")]
    return max((int(index) + 1 for index in found if index.isdecimal()), default=0)


def _cut(
    body: nn.Sequential,
    layers: int,  # 0: all
    arch: str,  # names it in errors
) -> nn.Sequential:
    """Keep the first layers of a body, and what follows them without weights of its own."""
    if layers > len(body):
        raise UsageError(f"layers = {layers}: the body of {arch} has {len(body)} (0: all of them).")
    while 0 < layers < len(body) and not body[layers].state_dict():
        layers += 1
    return body[:layers] if 0 < layers < len(body) else body


def _channels_after(body: nn.Sequential, in_channels: int) -> int:
    """Count the channels that a body ends in, by a run that computes shapes only."""
    copied = copy.deepcopy(body).to("meta").eval()
    with torch.no_grad():
        blank = torch.empty(1, in_channels, PROBE_SIDE, PROBE_SIDE, device="meta")
        channels: int = copied(blank).shape[1]
    return channels


def _of_timm(arch: str, like: Collection[str]) -> bool:
    """Tell whether tensors are of timm's whole EfficientNet-Lite, of which we build the body."""
    return arch in LITES and "0.0.conv_stem.weight" in like


def param_groups(
    net: nn.Sequential,  # of build_network
    arch: str | None = None,  # the name that `net` was built from
) -> list[list[nn.Parameter]]:  # early body, late body, head
    """Split the parameters into groups that learn at their own rates, slowest first.

    With its `arch` bound, as by functools.partial, it serves as fastai's `splitter`. Learners that
    were pickled before names were passed call it without; their networks carry the name.
    """
    if arch is None:
        arch = str(net.arch)
    body, head = net
    early = family_of(arch).early(body)
    known = {id(parameter) for parameter in early}
    late = [parameter for parameter in body.parameters() if id(parameter) not in known]
    return [early, late, list(head.parameters())]
