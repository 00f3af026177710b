"""Compute the heat of an answer, of one bundle or of several that answer together.

A film that was read and answered in, a `Heat` out. torch is imported where a heat is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.core import Prediction, Task, UnknownName, UsageError, unknown_name
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
    name = class_of(answer, members[0].vocab, of)
    grids = [_grid(member, given, name) for member, given in zip(members, inputs)]
    grid, crop = grids[0], float(members[0].meta["crop"])
    if len(members) > 1:
        grid, crop = _mean(members, grids), 0.0
    field = lung_field(pixels)
    lungs = field if field.is_plausible else None
    outside, spot = None, None
    if lungs is not None:
        outside = share_outside(on_film(grid, crop, SIDE, SIDE), lungs.inside)
        spot = share_outside(centre_spot(), lungs.inside)
    says = _words(members[0].display[name], bool(grid.any()), outside, spot)
    return Heat(name, grid, crop, lungs, outside, spot, says)


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
    if answer.label is not None and answer.label in vocab:
        return answer.label
    found = [name for name in (answer.label or "").split("|") if name in vocab]
    return max(found or vocab, key=lambda name: answer.probs[name])


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

    column = member.vocab.index(name)
    offsets = [member.meta["offsets"].get(one, 0.0) for one in member.vocab]

    def log_odds(logits: torch.Tensor) -> torch.Tensor:
        """Give the log odds of the class, calibrated: what its probability rises with."""
        told = logits[0].float() / member.meta["temperature"]
        told = told + torch.tensor(offsets, device=told.device)
        if member.task is Task.MULTI_LABEL or len(told) == 1:
            return told[column]
        others = torch.cat([told[:column], told[column + 1 :]])
        return told[column] - others.logsumexp(0)

    if not isinstance(net, torch.nn.Sequential):
        raise UsageError(f"{member.path}: its network is not made of body and head")
    found = sensitivity(net, torch.tensor(given[None]).to(member.device), log_odds)
    highest = float(found.max())
    return found / highest if highest > 0 else found


def _mean(
    members: Sequence[Bundle],
    grids: Sequence[np.ndarray],
) -> np.ndarray:  # (SIDE, SIDE) float32 over the whole film, 0-1
    """Give the mean of several members' maps."""
    maps = []
    for member, grid in zip(members, grids):
        maps.append(on_film(grid, member.meta["crop"], SIDE, SIDE))
    mean = np.stack(maps).mean(0)
    highest = float(mean.max())
    return mean / highest if highest > 0 else mean


# ---- words


def _words(
    shown: str,  # the class, for people
    is_any: bool,  # heat
    outside: float | None,
    spot: float | None,
) -> str:
    """Say what a heat is of and where it lies."""
    if not is_any:
        return f"no place of the film raises {shown}: there is no heat"
    if outside is None:
        return f"heat of {shown}; no lung field was found on this film"
    compared = f"(of a spot at its centre {percent(spot)})"
    if outside > MOSTLY:
        begin = f"most of the heat of {shown} lies outside the lung field"
        return f"{begin}: {percent(outside)} {compared}"
    return f"heat of {shown}: {percent(outside)} lies outside the lung field {compared}"
