"""Whether a verdict near its threshold would come of labels dealt by chance too.

A probe's features and targets -> the AUROCs of 20 labellings by chance. A verdict whose interval
ends within .05 of the threshold that it rests on is asked. Labels are exchanged between patient
groups and never within one: films of a patient resemble each other, and labels dealt film by film
would tear them apart (null of the NIH sample by groups: mean .499, greatest .544).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.probes.classifier import LINEAR, held_out_scores
from cxr_fastai.probes.targets import Targets, Told, auroc_of
from cxr_fastai.probes.verdict import FAIL_FROM, WARN_FROM, Verdict

__all__ = ["Chance", "asks_chance", "by_chance", "confirmed", "exchanged"]

MARGIN = 0.05  # AUROC: a verdict nearer to its threshold is asked
LABELLINGS = 20
MAX_LEAK = 0.05  # AUROC above .5 that labels by chance may have; more, and the folds give away


@dataclass(frozen=True)
class Chance:
    """How well the same features tell labels that were dealt by chance."""

    mean: float  # AUROC
    greatest: float  # of all labellings
    labellings: int


def asks_chance(
    verdict: Verdict,
    interval: Interval,
) -> bool:
    """Tell whether a verdict rests on less than the margin."""
    if interval is None:
        return False
    low, high = interval
    distance = {
        Verdict.FAIL: low - FAIL_FROM,
        Verdict.WARN: low - WARN_FROM,
        Verdict.PASS: WARN_FROM - high,
    }
    return verdict in distance and distance[verdict] < MARGIN


def by_chance(
    features: np.ndarray,  # (n, f)
    told: Told,  # of them
    targets: Targets,
    kind: str = LINEAR,
    seed: int = 0,
) -> Chance:
    """Ask the same features for labels that were exchanged between groups."""
    found = []
    for number in range(LABELLINGS):
        dealt = exchanged(targets, np.random.default_rng((seed, number)))
        found.append(_auroc(features, dealt, list(told.per_class), kind))
    known = [auroc for auroc in found if auroc is not None]
    return Chance(
        mean=float(np.mean(known)) if known else 0.5,
        greatest=max(known, default=0.5),
        labellings=len(known),
    )


def confirmed(
    verdict: Verdict,
    told: Told,
    chance: Chance,
) -> bool:
    """Tell whether a verdict stands beside labels by chance.

    These must not be told themselves, and where the verdict says that a feature tells, none of
    them may be told as well as the true ones.
    """
    if chance.mean > 0.5 + MAX_LEAK or told.auroc is None:
        return False
    return verdict is Verdict.PASS or told.auroc > chance.greatest


def _auroc(
    features: np.ndarray,
    targets: Targets,
    classes: list[str],
    kind: str,
) -> float | None:
    """Return the mean AUROC over classes, each film scored by a model that never saw its group."""
    aurocs = []
    for name in classes:
        has, known = targets.has[name], targets.known[name]
        scores = held_out_scores(features, has, known, targets.folds, kind)
        among = known & ~np.isnan(scores)
        if has[among].any() and not has[among].all():
            aurocs.append(auroc_of(has[among], scores[among]))
    return float(np.mean(aurocs)) if aurocs else None


# ---- labels by chance


def exchanged(
    targets: Targets,
    generator: np.random.Generator,
) -> Targets:
    """Return the targets with labels exchanged between groups that may exchange them.

    Groups of one label each exchange it, whatever their sizes; of the others those of one size.
    """
    names = list(targets.has)
    columns = [targets.has[name] for name in names] + [targets.known[name] for name in names]
    marks, label_of_film = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    dealt = _dealt(label_of_film.ravel(), targets.groups, generator)
    cells = marks[dealt]
    return replace(
        targets,
        has={name: cells[:, i] for i, name in enumerate(names)},
        known={name: cells[:, len(names) + i] for i, name in enumerate(names)},
    )


def _dealt(
    labels: np.ndarray,  # (n,) int
    groups: np.ndarray,  # (n,) text
    generator: np.random.Generator,
) -> np.ndarray:  # (n,) int
    """Exchange labels between groups."""
    _, group_of_film = np.unique(groups, return_inverse=True)
    order = np.argsort(group_of_film, kind="stable")
    starts = np.flatnonzero(np.diff(group_of_film[order])) + 1
    members = np.split(order, starts)
    alike: dict[int, list[int]] = {}  # 0: of one label; else size of a group of several
    for number, films in enumerate(members):
        is_one = len(np.unique(labels[films])) == 1
        alike.setdefault(0 if is_one else len(films), []).append(number)
    dealt = labels.copy()
    for size, numbers in alike.items():
        for taker, giver in zip(numbers, generator.permutation(numbers)):
            given = labels[members[giver]]
            dealt[members[taker]] = given if size else given[0]
    return dealt
