"""A fitted gate: pictures in, judgements out. NumPy alone.

Two questions are asked of a picture: is it likelier one of the kinds that are refused than a film
(a model of all kinds, linear and quadratic in what pictures differ most by), and does it lie far
from every film of training (Mahalanobis distance on the same axes). Too small and blank are told
before either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cxr_fastai.gate.features import contrast_of, features_of, thumbnail
from cxr_fastai.gate.kinds import PASSES, Judgement, judgement_of, right

__all__ = ["LEAST_CONTRAST", "Gate", "Model", "Scores"]

# Deviation of gray levels. The flattest of 9,297 films of nine sources has 9.
LEAST_CONTRAST = 4.0
PAIRED = 40  # axes whose products are looked at; 30 and 50 catch the same to half a per cent
FARTHEST = 6.0  # deviations
OF_PRODUCTS = 0.5  # brings the deviation of a product near that of a place


@dataclass(frozen=True, eq=False)
class Model:
    """What was fitted, as arrays: axes of the features, kinds on them, and where films lie."""

    kinds: tuple[str, ...]  # of the columns of `weights`; the first is PASSES
    middle: np.ndarray  # (FEATURES,) float32
    axes: np.ndarray  # (FEATURES, d) float32, whitened
    weights: np.ndarray  # (expanded, kinds) float32, of `expanded`
    biases: np.ndarray  # (kinds,) float32
    film_middle: np.ndarray  # (d + 1,) float32
    film_scale: np.ndarray  # (d + 1, d + 1) float32, upper: makes distances of differences


@dataclass(frozen=True, eq=False)
class Scores:
    """What a model says of pictures, before any threshold."""

    odds: np.ndarray  # (n,) float64: log-odds of being no film against being one
    distance: np.ndarray  # (n,) float64: log of the distance to the films of training
    kind: np.ndarray  # (n,) str: the likeliest that is refused


@dataclass(frozen=True, eq=False)
class Gate:
    """Tells whether a picture is an upright frontal chest film of the kind that was learned."""

    model: Model = field(repr=False)
    odds_limit: float  # odds above it are refused
    distance_limit: float  # distances above it are refused
    least_side: int  # px; a picture whose shorter side is below it is too small
    facts: Mapping[str, Any] = field(repr=False)  # what was measured while it was fitted; JSON

    @property
    def is_weak(self) -> bool:
        """Whether there were too few films to fix 1 % of false alarms."""
        return bool(self.facts["weak"])

    @property
    def promise(self) -> str:
        """What is promised of false alarms, in words."""
        return str(self.facts["promise"])

    def judge(
        self,
        pixels: np.ndarray,  # (h, w) uint8, as from images.decode
    ) -> Judgement:
        """Judge one picture."""
        if min(pixels.shape) < self.least_side:
            return judgement_of("too_small", float(self.least_side - min(pixels.shape)))
        return self.judge_thumbnails(thumbnail(pixels)[None])[0]

    def judge_righted(
        self,
        pixels: np.ndarray,  # (h, w) uint8
    ) -> tuple[np.ndarray, Judgement, tuple[str, ...]]:  # righted, its judgement, what was done
        """Turn and invert a picture back, where that makes it pass; else leave it as it is.

        Two steps at most: inverted, then turned.
        """
        first = self.judge(pixels)
        now = first
        current = pixels
        done: list[str] = []
        while now.can_be_righted and now.kind not in done and len(done) < 2:
            done.append(now.kind)
            current = right(current, now)
            now = self.judge(current)
        if done and now.passes:
            return current, now, tuple(done)
        return pixels, first, ()

    def judge_thumbnails(
        self,
        small: np.ndarray,  # (n, SIDE, SIDE) uint8, of `thumbnail`
    ) -> list[Judgement]:
        """Judge small pictures."""
        if not len(small):
            return []
        contrast = contrast_of(small)
        scores = scores_of(self.model, features_of(small))
        return self.judgements(scores, contrast)

    def judgements(
        self,
        scores: Scores,
        contrast: np.ndarray,  # (n,) of `contrast_of`
    ) -> list[Judgement]:
        """Hold scores against the limits."""
        odds = scores.odds - self.odds_limit
        distance = scores.distance - self.distance_limit
        found = []
        for i, kind in enumerate(scores.kind.tolist()):
            if contrast[i] < LEAST_CONTRAST:
                found.append(judgement_of("blank", LEAST_CONTRAST - float(contrast[i])))
            elif odds[i] > 0:
                found.append(judgement_of(kind, float(odds[i])))
            elif distance[i] > 0:
                found.append(judgement_of("far_from_training", float(distance[i])))
            else:
                found.append(judgement_of(PASSES, float(max(odds[i], distance[i]))))
        return found


def scores_of(
    model: Model,
    features: np.ndarray,  # (n, FEATURES) float32
) -> Scores:
    """Score pictures."""
    places, rest = places_of(model.middle, model.axes, features)
    logits = (expanded(places) @ model.weights + model.biases).astype(np.float64)
    refused = logits[:, 1:]
    names: Sequence[str] = model.kinds[1:]
    odds = np.logaddexp.reduce(refused, axis=1) - logits[:, 0]
    away = np.column_stack([places, rest]) - model.film_middle
    distance = np.linalg.norm(away @ model.film_scale, axis=1)
    return Scores(
        odds=odds,
        distance=np.log(distance.astype(np.float64) + 1e-6),
        kind=np.asarray(names)[refused.argmax(1)],
    )


def expanded(
    places: np.ndarray,  # (n, d)
) -> np.ndarray:  # (n, d and the products of its first PAIRED) float32
    """Add the products of a picture's places on the first axes, each with each and itself.

    With them 99.4 of 100 cut films are refused at 1 % false alarms, without them 96.6; of
    photographs 100.0 and 99.1 (six_class, valid). A place is clipped before: what lies far out must
    not be a film by the square of it.
    """
    near = np.clip(places[:, :PAIRED], -FARTHEST, FARTHEST)
    first, second = np.triu_indices(near.shape[1])
    products = near[:, first] * near[:, second] * np.float32(OF_PRODUCTS)
    return np.concatenate([places, products], axis=1)


def width_expanded(axes: int) -> int:
    """Return how many numbers `expanded` makes of so many places."""
    paired = min(axes, PAIRED)
    return axes + paired * (paired + 1) // 2


def places_of(
    middle: np.ndarray,  # (FEATURES,)
    axes: np.ndarray,  # (FEATURES, d), whitened
    features: np.ndarray,  # (n, FEATURES)
) -> tuple[np.ndarray, np.ndarray]:  # (n, d) on the axes; (n,) log of what no axis has
    """Put pictures on a model's axes."""
    centred = features - middle
    places = centred @ axes
    # of whitened axes: each divided by its own length twice gives the part of the features
    lengths = (axes * axes).sum(0)
    inside = (places * places / lengths).sum(1)
    rest = np.maximum((centred * centred).sum(1) - inside, 0)
    return places, np.log(rest + 1e-6)
