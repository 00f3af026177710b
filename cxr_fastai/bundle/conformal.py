"""Prediction sets: the classes that a radiograph may have, with a coverage that is promised.

The scores of bundle.json and a coverage in, a `Promise` out that turns probabilities into sets.

Split conformal prediction by class (Vovk 2012, arXiv 1209.2673, section 4), over patients: of
patients as those of validation, at least the asked share has the true class in the sets of all
their films. A class needs 1 / (1 - coverage) - 1 groups; with fewer every set would hold it, which
is no answer (crepes issue 50), and it is refused. Needs no torch, reads no file, draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.advice import command, flag
from cxr_fastai.bundle.conformal_scores import ABSENT, CLASS, PRESENT, Kept
from cxr_fastai.core import Task, UsageError
from cxr_fastai.prediction import PredictionSet
from cxr_fastai.reporting.text import count

__all__ = ["Promise", "asked_words", "check_coverage", "promise_of"]

LEAST_COVERAGE = 0.5  # a set that lacks the true class in half of the patients answers nothing
ROUNDING = 1e-9  # of (n + 1) x coverage: 10 x 0.9 is 9
MAX_NAMED = 3  # classes that an error names


@dataclass(frozen=True)
class Promise:
    """Which classes a prediction set holds, so that the asked share of patients has the true one.

    Of a multi-label task each finding has its own promise, and may be present, absent, or either.
    """

    coverage: float
    task: Task
    vocab: list[str]
    display: Mapping[str, str]  # class -> name for people
    # side -> class or finding -> greatest score that is still in; a finding with too few is in none
    limits: Mapping[str, Mapping[str, float]]
    too_few: Mapping[str, str]  # finding -> why nothing is promised of it
    sources: Mapping[str, int]  # source -> groups of validation

    @property
    def says(self) -> str:
        """What is promised, and for which films."""
        asked = asked_words(self.coverage)
        among = f"in at least {asked} of the patients of each class"
        if self.task is Task.MULTI_LABEL:
            among = (
                f"of each finding, in at least {asked} of the patients with and of those without"
            )
        listed = [f"{source} ({count(n, 'group')})" for source, n in self.sources.items()]
        words = (
            f"Coverage {asked}: {among}, the sets of all their films hold the truth. It holds for "
            "films from these sources only, as validation had them: " + ", ".join(listed)
        )
        if not self.too_few:
            return f"{words}."
        return f"{words}. Nothing is promised of {'; '.join(self.too_few.values())}."

    def sets(
        self,
        probs: np.ndarray,  # (n, c)
    ) -> np.ndarray:  # (n, c) bool
        """Return which classes are in the set of each film, of a single-label task."""
        limits = np.array([self.limits[CLASS][name] for name in self.vocab])
        is_in: np.ndarray = 1 - np.asarray(probs, np.float64) <= limits
        return is_in

    def finding_sets(
        self,
        probs: np.ndarray,  # (n, c)
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:  # finding -> (n,) may be present, may be absent
        """Return what is left open of each promised finding, of a multi-label task."""
        numbers = np.asarray(probs, np.float64)
        found = {}
        for i, name in enumerate(self.vocab):
            if name in self.too_few:
                continue
            may_be_present = 1 - numbers[:, i] <= self.limits[PRESENT][name]
            may_be_absent = numbers[:, i] <= self.limits[ABSENT][name]
            found[name] = (may_be_present, may_be_absent)
        return found

    def set_of(
        self,
        probs: Mapping[str, float],  # class -> probability, of one film
    ) -> PredictionSet:
        """Return the set of one film, in words too."""
        one_row = np.array([[probs[name] for name in self.vocab]])
        if self.task is Task.MULTI_LABEL:
            return self._findings_of(one_row)
        is_in = self.sets(one_row)[0]
        classes = tuple(name for name, own in zip(self.vocab, is_in) if own)
        shown = " or ".join(self.display[name] for name in classes)
        if len(classes) == 1:
            shown += " alone"
        if not classes:
            shown = "no class: it is unlike most films of each"
        return PredictionSet(
            coverage=self.coverage,
            classes=classes,
            says=f"at {asked_words(self.coverage)} coverage {shown}",
        )

    def _findings_of(
        self,
        one_row: np.ndarray,  # (1, c)
    ) -> PredictionSet:
        """Return what may be of each finding, in words too."""
        findings: dict[str, tuple[str, ...]] = {}
        for name, (present, absent) in self.finding_sets(one_row).items():
            sides = ((PRESENT, present[0]), (ABSENT, absent[0]))
            findings[name] = tuple(side for side, may_be in sides if may_be)
        parts = []
        for sides_left, words in FINDING_WORDS.items():
            names = [self.display[name] for name, own in findings.items() if own == sides_left]
            if names:
                parts.append(f"{words}: {', '.join(names)}")
        return PredictionSet(
            coverage=self.coverage,
            findings=findings,
            says=f"at {asked_words(self.coverage)} coverage {'; '.join(parts)}",
        )


# What may be of a finding -> how it is said, in the order in which it is said
FINDING_WORDS = {
    (PRESENT,): "present",
    (PRESENT, ABSENT): "open",
    (): "unlike films with and without",
    (ABSENT,): "absent",
}


def asked_words(coverage: float) -> str:
    """Write a coverage in percent: 90 %, 99.5 %."""
    return f"{100 * coverage:.4g} %"


def check_coverage(coverage: float) -> None:
    """Raise `UsageError` for a coverage that cannot be asked."""
    if not LEAST_COVERAGE <= coverage < 1:
        raise UsageError(
            f"coverage is {coverage:g}: expected a share from {LEAST_COVERAGE:g} to below 1, as "
            f"in {flag('coverage', 0.9)}."
        )


def promise_of(
    meta: Mapping[str, Any],  # bundle.json
    coverage: float,  # share of the patients of each class, LEAST_COVERAGE to below 1
    where: object = "this bundle",  # names it in errors
) -> Promise:
    """Return what a bundle can promise.

    Raises `UsageError` where it keeps no scores, and where a class, or each finding, has too few
    groups for this coverage.
    """
    check_coverage(coverage)
    record = meta.get("conformal")
    if not record:
        raise UsageError(
            f"{where} keeps no scores of validation, by which {flag('coverage')} is promised: it "
            f"was trained before they were kept. Train again: "
            f"{command('cxr train DATA', 'train(DATA)')}."
        )
    scores = record["scores"]
    task = Task(meta["task"])
    vocab = meta["vocab"]
    too_few = {}
    for name in vocab:
        fewest = min(_groups_of(of_side, name) for of_side in scores.values())
        if _rank(fewest, coverage) > fewest:
            too_few[name] = _side_words(scores, name)
    none_left = len(too_few) == len(vocab)
    if none_left or (too_few and task is Task.SINGLE_LABEL):
        raise UsageError(_refusal(where, coverage, too_few, scores))
    return Promise(
        coverage=coverage,
        task=task,
        vocab=list(vocab),
        display={name: meta["display"].get(name, name) for name in vocab},
        limits={side: _limits(of_side, coverage, too_few) for side, of_side in scores.items()},
        too_few=too_few,
        sources=dict(record["sources"]),
    )


def _groups_of(of_side: Mapping[str, Kept], name: str) -> int:
    """Return the groups of a class; 0 where there are no scores of it."""
    return of_side[name]["groups"] if name in of_side else 0


def _rank(groups: int, coverage: float) -> int:
    """Return which of the ascending scores is the limit; beyond the last: there are too few."""
    return max(1, math.ceil((groups + 1) * coverage - ROUNDING))


def _limits(
    of_side: Mapping[str, Kept],
    coverage: float,
    too_few: Mapping[str, str],
) -> dict[str, float]:
    """Return the greatest score that is still in, of each class with groups enough."""
    limits = {}
    for name, kept in of_side.items():
        if name in too_few:
            continue
        n, scores = kept["groups"], kept["scores"]
        rank = _rank(n, coverage)
        place = math.ceil(rank * len(scores) / n)  # the next one that is kept, from 1
        limits[name] = scores[place - 1]
    return limits


def _side_words(scores: Mapping[str, Mapping[str, Kept]], name: str) -> str:
    """Say how many groups a class, or a finding's rarer side, has."""
    groups = {side: _groups_of(of_side, name) for side, of_side in scores.items()}
    side = min(groups, key=lambda each: groups[each])
    where = name if side == CLASS else f"{name}, {side},"
    return f"{where} has {count(groups[side], 'patient or group', 'patients or groups')}"


def _refusal(
    where: object,
    coverage: float,
    too_few: Mapping[str, str],
    scores: Mapping[str, Mapping[str, Kept]],
) -> str:
    """Say for which classes nothing can be promised, and what can be."""
    asked = asked_words(coverage)
    needed = _least_groups(coverage)
    named = "; ".join(list(too_few.values())[:MAX_NAMED])
    more = f"; and {len(too_few) - MAX_NAMED} more" if len(too_few) > MAX_NAMED else ""
    words = (
        f"{where}: {asked} coverage cannot be promised: in validation {named}{more}, and it takes "
        f"{needed}."
    )
    most = _most_coverage(scores, too_few)
    if most >= LEAST_COVERAGE:
        words += f" What can be is up to {flag('coverage', most)}."
    return f"{words} Or train on a folder with more of them in validation."


def _least_groups(coverage: float) -> int:
    """Return the fewest groups of a class for which a coverage can be promised."""
    return math.ceil(1 / (1 - coverage) - 1 - ROUNDING)


def _most_coverage(
    scores: Mapping[str, Mapping[str, Kept]],
    names: Mapping[str, str],  # classes
) -> float:
    """Return the greatest coverage that all these classes allow, in whole hundredths."""
    counts: list[int] = []
    for of_side in scores.values():
        counts += [_groups_of(of_side, name) for name in names]
    fewest = min(counts)
    return math.floor(100 * fewest / (fewest + 1) + ROUNDING) / 100
