"""Whether a network takes the images that it is to be trained on, told before any is decoded.

A network and sides in, nothing or a `UsageError` out. Looks at no file and at no weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError
from cxr_fastai.models.input_sizes import nearest_side, why_not
from cxr_fastai.models.networks import build_network

__all__ = ["check_networks", "check_sides"]

MAX_REASON = 120  # characters of a library's own words


def check_networks(
    archs: Iterable[str],  # names, of architectures that train later
    classes: int,
    sides: Sequence[int],  # px; the last is `size`, those before it are of `resize`
) -> None:
    """Raise `UsageError` where one cannot be built, or cannot take images of one of the sides."""
    for arch in archs:
        check_sides(build_network(arch, classes, in_channels=1), arch, sides)


def check_sides(
    net: nn.Sequential,  # of build_network
    arch: str,  # its name
    sides: Sequence[int],  # px; the last is `size`, those before it are of `resize`
) -> None:
    """Raise `UsageError` where the network cannot take images of one of the sides."""
    for side in dict.fromkeys(reversed(sides)):
        reason = why_not(net, side)
        if reason:
            what = f"{arch} cannot take images of {side} px ({reason[:MAX_REASON].rstrip('. ')})"
            raise UsageError(f"{what}: {_remedy(net, side, sides[-1])}")


def _remedy(net: nn.Sequential, side: int, size: int) -> str:
    """Say which side the network takes, or which networks take any."""
    other = f"another {flag('arch')}, as resnet18, which takes any size"
    if side != size:
        return f"leave {side} out of {flag('resize')}, or choose {other}."
    nearest = nearest_side(net, side)
    if nearest is None:
        return f"no size was found that it takes. Choose {other}."
    more = "" if why_not(net, nearest + 1) else " and more"
    return f"it takes {nearest} px{more}. Give {flag('size', nearest)}, or {other}."
