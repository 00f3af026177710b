"""Compute the heat of an answer, of one bundle or of several that answer together.

A film that was read and answered in, a `Heat` out. torch is imported where a heat is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.core import IntegrityError, Prediction, Task, UnknownName, UsageError, unknown_name
from cxr_fastai.lungs import lung_field, share_outside
from cxr_fastai.lungs.field import SIDE
from cxr_fastai.reporting.text import percent
from cxr_fastai.serving.heat import Heat, centre_spot, on_film
from cxr_fastai.serving.rows import MOSTLY

if TYPE_CHECKING:
    import torch

__all__ = ["class_of", "heat_of"]


def heat_of(
    members: Sequence[Bundle],  # that answered: one, or those of an ensemble
    inputs: Sequence[np.ndarray],  # a member each, (in_channels, size, size) float32
    pixels: np.ndarray,  # (h, w) uint8: the whole film, upright
    answer: Prediction,
    of: str = "",  # a class; empty: that of the answer
) -> Heat:
    """Compute the heat of an answer, or of any class; of several members the mean.

    Raises `UnknownName` for a class that the bundle lacks, `UsageError` where torch does not
    compute the network.
    """
    first = members[0]
    name = class_of(answer, first.vocab, of)
    grids = [_grid(member, given, name) for member, given in zip(members, inputs)]
    grid = grids[0]
    crop = float(first.meta["crop"])
    if len(members) > 1:
        grid = _mean(members, grids)
        crop = 0.0
    field = lung_field(pixels)
    lungs = field if field.is_plausible else None
    outside = spot = equal = None
    if lungs is not None:
        outside = share_outside(on_film(grid, crop, SIDE, SIDE), lungs.inside)
        spot = share_outside(centre_spot(), lungs.inside)
        equal = 1 - lungs.share
    return Heat(
        of=name,
        grid=grid,
        crop=crop,
        lungs=lungs,
        outside=outside,
        outside_of_spot=spot,
        outside_of_equal=equal,
        says=_words(first.display[name], bool(grid.any()), outside, spot, equal),
    )


def class_of(
    answer: Prediction,
    vocab: Sequence[str],
    of: str = "",  # that was asked for
) -> str:
    """Choose the class that a heat is of: that asked for, that of the answer, or the likeliest.

    Raises `UnknownName`.
    """
    if of:
        if of not in vocab:
            raise UnknownName(unknown_name("class", of, vocab))
        return of
    answered = (answer.label or "").split("|")
    found = [name for name in answered if name in vocab]
    return max(found or vocab, key=answer.probs.__getitem__)


# ---- the map


def _grid(
    member: Bundle,
    given: np.ndarray,  # (in_channels, size, size) float32
    name: str,  # the class
) -> np.ndarray:  # (rows, columns) float32, 0-1
    """Compute one member's map."""
    net = member.net  # refused where torch does not compute it
    import torch

    from cxr_fastai.serving.sensitivity import sensitivity

    if not isinstance(net, torch.nn.Sequential):
        raise UsageError(f"{member.path}: its network is not made of body and head")
    column = member.vocab.index(name)
    temperature = member.meta["temperature"]
    offsets = [member.meta["offsets"].get(one, 0.0) for one in member.vocab]

    def log_odds(logits: torch.Tensor) -> torch.Tensor:
        """Give the log odds of the class, calibrated: what its probability rises with."""
        told = logits[0].float() / temperature
        told = told + torch.tensor(offsets, device=told.device)
        own = told[column]
        if member.task is Task.MULTI_LABEL or len(told) == 1:
            return own
        others = torch.cat([told[:column], told[column + 1 :]])
        return own - others.logsumexp(0)

    x = torch.tensor(given[None])
    found = sensitivity(net, x.to(member.device), log_odds)
    if not np.isfinite(found).all():
        raise IntegrityError(f"{member.path}: the network's slopes are not finite")
    return _up_to_one(found)


def _up_to_one(
    heat: np.ndarray,  # 0 or more
) -> np.ndarray:  # 0-1
    """Scale a map so that its highest is 1; one of zeros stays."""
    highest = float(heat.max())
    return heat / highest if highest > 0 else heat


def _mean(
    members: Sequence[Bundle],
    grids: Sequence[np.ndarray],
) -> np.ndarray:  # (SIDE, SIDE) float32 over the whole film, 0-1
    """Give the mean of several members' maps."""
    maps = []
    for member, grid in zip(members, grids):
        maps.append(on_film(grid, member.meta["crop"], SIDE, SIDE))
    return _up_to_one(np.stack(maps).mean(0))


# ---- words


def _words(
    shown: str,  # the class, for people
    is_any: bool,  # heat
    outside: float | None,
    spot: float | None,
    equal: float | None,
) -> str:
    """Say what a heat is of and where it lies."""
    if not is_any:
        return f"No place of the film raises {shown}: there is no heat"
    if outside is None:
        return f"Heat of {shown}; no lung field was found on this film"
    compared = f"(a spot at its centre {percent(spot)}, an equal heat {percent(equal)})"
    if outside > MOSTLY:
        begin = f"Most of the heat of {shown} lies outside the lung field"
        return f"{begin}: {percent(outside)} {compared}"
    return f"Heat of {shown}: {percent(outside)} lies outside the lung field {compared}"
