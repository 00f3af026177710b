"""Whether the films of one class betray their source (P8), and what is left on an unseen one (P9).

Films of several sources -> a SourceWithinClass a class and an Unseen a source. Only these two can
say that a score rests on where films come from: within one class no disease tells sources apart,
and on a source that the model never saw nothing but the disease is left to tell classes apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.probes import features
from cxr_fastai.probes.classifier import fitted_scores
from cxr_fastai.probes.films import Films
from cxr_fastai.probes.targets import Targets, Told, told_by, told_of, value_targets
from cxr_fastai.probes.verdict import Verdict, judge, worst
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT

__all__ = [
    "SourceWithinClass",
    "Unseen",
    "source_within_class",
    "unseen_sources",
    "unseen_of",
    "judge_unseen",
    "judge_all_unseen",
]

CHANCE = 0.5  # AUROC


@dataclass(frozen=True)
class SourceWithinClass:
    """How well a cheap model tells the sources of one class's films (P8)."""

    label: str
    sources: list[str]  # with enough patients or groups in this class
    told: dict[str, Told]  # of FEATURES: thumbnail, border, spectrum
    verdict: Verdict

    @property
    def best(self) -> tuple[str, Told] | None:
        """The feature that tells the sources best, and what it tells; None where none does."""
        known = [(name, told) for name, told in self.told.items() if told.auroc is not None]
        return max(known, key=_auroc_of_feature) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        numbers = {}
        for name, told in self.told.items():
            numbers[name] = {
                "auroc": told.auroc,
                "interval": told.interval,
                "groups": told.groups,
                "films": told.films,
            }
        return {
            "class": self.label,
            "sources": self.sources,
            "verdict": str(self.verdict),
            "by": numbers,
        }


def _auroc_of_feature(item: tuple[str, Told]) -> float:
    """Return what orders features: how well each tells."""
    _, told = item
    return told.auroc or 0.0


@dataclass(frozen=True)
class Unseen:
    """How well classes are told on the films of a source, seen and unseen (P9).

    A class that is not told has its reason: it is here alone, or of too few groups here.
    """

    source: str
    classes: list[str]  # that are here and elsewhere, and so are told
    left_out: list[str]  # the other classes that are here
    per_class: dict[str, list[float]]  # class -> [AUROC seen, AUROC unseen]
    seen: float | None  # AUROC on these films by a model fitted on other films of all sources
    seen_interval: Interval
    unseen: float | None  # AUROC on the same films by a model fitted on the other sources
    unseen_interval: Interval
    groups: int  # of the side that has fewest
    films: int
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return {**vars(self), "verdict": str(self.verdict)}


def _thumbnail(films: Films) -> np.ndarray:  # (n, 256)
    """Return each film as 16x16 gray squares."""
    return features.gray(films, 16)


FEATURES: dict[str, Callable[[Films], np.ndarray]] = {
    "thumbnail": _thumbnail,
    "border": features.ring,
    "spectrum": features.spectrum,
}


def source_within_class(
    films: Films,
    targets: Targets,  # of the same films
    seed: int = 0,
) -> list[SourceWithinClass]:  # a class that stands in two sources or more each
    """Ask P8 of each class, whether its sources can be told apart."""
    found = []
    sources = np.array([row.source for row in films.rows])
    for label, has in targets.has.items():
        own = has & targets.known[label]
        names = list(dict.fromkeys(sources[own].tolist()))
        if len(names) > 1:
            found.append(_within(label, films.of(own), sources[own], targets.groups[own], seed))
    return found


def _within(
    label: str,
    films: Films,  # of the class
    sources: np.ndarray,  # (n,) text
    groups: np.ndarray,  # (n,) text
    seed: int,
) -> SourceWithinClass:
    """Tell the sources of one class's films."""
    enough = []
    for name in dict.fromkeys(sources.tolist()):
        if len(set(groups[sources == name].tolist())) >= MIN_GROUPS_FOR_VERDICT:
            enough.append(name)
    if len(enough) < 2:
        return SourceWithinClass(label, enough, {}, Verdict.CANNOT_TELL)
    kept = np.isin(sources, enough)
    asked = value_targets(sources[kept].tolist(), groups[kept].tolist(), seed)
    part = films.of(kept)
    told = {name: told_by(feature(part), asked) for name, feature in FEATURES.items()}
    verdict = worst([judge(each.interval, each.groups) for each in told.values()])
    return SourceWithinClass(label=label, sources=enough, told=told, verdict=verdict)


# ---- sources that the model never saw


def unseen_sources(
    films: Films,
    targets: Targets,  # of the same films
    seen: Told,  # by thumbnails, over all sources: its scores are held out by group
) -> list[Unseen]:  # a source each
    """Ask P9 of each source, how well its classes are told by a model of the others.

    A mean is over the classes that stand here and elsewhere, with enough groups on both sides here;
    the others are named. An AUROC below .5 is anti-transfer, and is told as it is.
    """
    sources = np.array([row.source for row in films.rows])
    thumbnails = _thumbnail(films)
    found = []
    for source in dict.fromkeys(sources.tolist()):
        found.append(_unseen(source, sources == source, thumbnails, targets, seen))
    return found


def _unseen(
    source: str,
    here: np.ndarray,  # (n,) bool: films of the source
    thumbnails: np.ndarray,  # (n, f)
    targets: Targets,
    seen: Told,
) -> Unseen:
    """Score the films of one source by models that saw the others alone."""
    scores: dict[str, np.ndarray] = {}
    same: dict[str, np.ndarray] = {}
    for label in targets.has:
        if not _is_asked(label, here, targets) or label not in seen.scores:
            continue
        has, known = targets.has[label], targets.known[label]
        own = fitted_scores(thumbnails, has, known & ~here, thumbnails[here])
        if own is None:
            continue
        scores[label] = np.full(len(has), np.nan)
        scores[label][here] = own
        same[label] = np.where(here, seen.scores[label], np.nan)
    return unseen_of(source, here, targets, told_of(same, targets), told_of(scores, targets))


def unseen_of(
    source: str,
    here: np.ndarray,  # (n,) bool: films of the source
    targets: Targets,
    seen: Told,  # classes of films of the source by a model that knows the source
    unseen: Told,  # by one that does not
) -> Unseen:
    """Put both ways to tell the classes of a source beside each other, and judge."""
    own = {label for label, has in targets.has.items() if (has & here).any()}
    if targets.twin and unseen.per_class:
        own.discard(targets.twin)  # it is told with the other
    present = [label for label in targets.has if label in own]
    per_class = {}
    for label, auroc in unseen.per_class.items():
        if label in seen.per_class:
            per_class[label] = [seen.per_class[label], auroc]
    return Unseen(
        source=source,
        classes=list(unseen.per_class),
        left_out=[label for label in present if label not in unseen.per_class],
        per_class=per_class,
        seen=seen.auroc,
        seen_interval=seen.interval,
        unseen=unseen.auroc,
        unseen_interval=unseen.interval,
        groups=unseen.groups,
        films=int(here.sum()),
        verdict=judge_unseen(seen.interval, unseen.interval),
    )


def _is_asked(
    label: str,
    here: np.ndarray,  # (n,) bool
    targets: Targets,
) -> bool:
    """Tell whether a class stands here, with others beside it, and elsewhere too."""
    has, known = targets.has[label], targets.known[label]
    groups = targets.resampling.groups_of(has & known & here, ~has & known & here)
    return groups >= MIN_GROUPS_FOR_VERDICT and bool((has & known & ~here).any())


def judge_unseen(
    seen: Interval,
    unseen: Interval,
) -> Verdict:
    """Return FAIL where nothing is left on an unseen source, WARN where less is, else PASS.

    FAIL: the unseen interval ends below where the seen one begins, and reaches down to chance.
    """
    if seen is None or unseen is None:
        return Verdict.CANNOT_TELL
    if unseen[1] >= seen[0]:
        return Verdict.PASS if unseen[0] > CHANCE else Verdict.CANNOT_TELL
    return Verdict.FAIL if unseen[0] <= CHANCE else Verdict.WARN


def judge_all_unseen(
    found: Sequence[Unseen],
    classes_in_two: bool,  # whether any class stands in two sources
) -> Verdict:
    """Return the verdict of P9 over all sources.

    Where no class stands in two sources nothing can ever be unseen: each class is its source.
    """
    if len(found) > 1 and not classes_in_two:
        return Verdict.FAIL
    asked = [each.verdict for each in found if each.unseen is not None]
    return worst(asked) if asked else Verdict.CANNOT_TELL
