"""What is asked of a trained model: P11 and P12, and what is left of its score without gray levels.

A ModelSide, which whoever can load a bundle fills, -> lines of the audit. Test films alone, which
nothing was fitted on. Imports no network: it is asked through a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.auditing.changed_films import NUISANCES, Change, centre_only, ring_only
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.manifest import Record
from cxr_fastai.probes.classifier import fitted_scores
from cxr_fastai.probes.features import histogram
from cxr_fastai.probes.films import Films
from cxr_fastai.probes.shortcuts import number_words
from cxr_fastai.probes.targets import Targets, Told, told_by, told_of, value_targets
from cxr_fastai.probes.verdict import Verdict, judge
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import (
    MIN_GROUPS_FOR_VERDICT,
    count,
    decimal,
    percent,
    span,
    with_span,
)

__all__ = ["ModelSide", "FloorGain", "Scores", "ask_model", "MAX_CHANGED"]

Scores: TypeAlias = "Mapping[str, np.ndarray]"  # class -> (n,) higher is more likely

MIN_GAIN = 0.05  # AUROC over the pixel floor, below which it is warned of
MIN_LEFT = 0.75  # AUROC that should be left once gray levels are taken away (Ong Ly 2024)
MAX_FLIPS = 0.05  # share of answers that may change with what no answer should hang on
MAX_CHANGED = 1000  # test films that are shown changed: each is five more to answer

DAGAEV = "Dagaev 2023, doi 10.1016/j.patrec.2022.12.010"
ONG_LY = "Ong Ly 2024, doi 10.1038/s41746-024-01118-4"
DEGRAVE = "DeGrave 2021, doi 10.1038/s42256-021-00338-7"
JABBOUR = "Jabbour 2020, arXiv 2009.10132"
OVERRULED = "This does not count: by P8 or P9 a score on this folder is no evidence of disease."


@dataclass(frozen=True)
class FloorGain:
    """The model and the pixel floor on the same test films, differences paired over patients."""

    squares: str  # the grid that validation prefers: 8x8 gray squares
    model: float  # macro AUROC
    model_interval: Interval
    floor: float
    floor_interval: Interval
    gain: float
    gain_interval: Interval
    others: Mapping[str, float] = field(default_factory=dict)  # other grids -> macro AUROC
    films: int = 0
    groups: int = 0


@dataclass(frozen=True, eq=False)
class ModelSide:
    """A model's answers to the test films of a folder."""

    name: str
    rows: Sequence[Record]  # (n,) test films, each radiograph once
    targets: Targets  # of them
    scores: Scores
    answers: np.ndarray  # (n,) text
    embeddings: np.ndarray  # (n, d) what its last layer is given
    # a change, and indices of the films that are shown changed -> their scores and answers
    ask: Callable[[Change, np.ndarray], tuple[Scores, np.ndarray]]
    floor: FloorGain | str  # or why there is none
    notes: Sequence[str] = ()


def ask_model(
    model: ModelSide,
    films: Films,  # of train and valid
    targets: Targets,  # of them
    test: Films,  # of the model's rows
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Asked]:
    """Ask P11 and P12 of a model."""
    own = told_of(model.scores, model.targets)
    chosen = _chosen(len(model.rows), seed)
    shown = {}
    changes = {"ring": ring_only, "centre": centre_only, **NUISANCES}
    for name in progress.bar(changes, len(changes), "showing the model changed films"):
        shown[name] = model.ask(changes[name], chosen)
    return [
        _floor_line(model.floor),
        _left_line(model, own, films, targets, test),
        _ring_line(model, chosen, shown["ring"][0], shown["centre"][0]),
        _flips_line(model, chosen, {name: shown[name][1] for name in NUISANCES}),
        _decoded_line(model, seed),
    ]


def _chosen(
    n: int,  # films
    seed: int,
) -> np.ndarray:  # indices, in order
    """Return the films that are shown changed: all, or so many drawn."""
    if n <= MAX_CHANGED:
        return np.arange(n)
    drawn = np.random.default_rng(seed).choice(n, MAX_CHANGED, replace=False)
    return np.sort(drawn)


# ---- P11


def _floor_line(floor: FloorGain | str) -> Asked:
    """Hold the model against a logistic regression on gray squares."""
    title = "Model against the pixel floor"
    if isinstance(floor, str):
        return Asked("P11", title, Verdict.CANNOT_TELL, f"Not asked: {floor}.", source=DAGAEV)
    verdict = _judge_gain(floor)
    gain = with_span(f"{floor.gain:+.3f}", span(floor.gain_interval, as_share=False, none=""))
    meaning = {
        Verdict.FAIL: f"not shown to beat {floor.squares}",
        Verdict.WARN: f"less than {MIN_GAIN} above {floor.squares}",
        Verdict.PASS: f"above {floor.squares}",
        Verdict.CANNOT_TELL: "too few patients to say whether it is above",
    }[verdict]
    others = [f"{squares} {decimal(auroc)}" for squares, auroc in floor.others.items()]
    also = f" Also {', '.join(others)}." if others else ""
    return Asked(
        id="P11",
        title=title,
        verdict=verdict,
        says=(
            f"The model reaches AUROC {decimal(floor.model)} on test, logistic regression on "
            f"{floor.squares} {decimal(floor.floor)}: {gain}, paired over patients; {meaning}."
            f"{also}"
        ),
        number=floor.gain,
        interval=floor.gain_interval,
        films=floor.films,
        groups=floor.groups,
        do=_gain_remedy(verdict),
        source=DAGAEV,
        numbers={
            "model": floor.model,
            "model_interval": floor.model_interval,
            "floor": floor.floor,
            "floor_interval": floor.floor_interval,
            "other_floors": dict(floor.others),
        },
    )


def _judge_gain(floor: FloorGain) -> Verdict:
    """FAIL where the interval of the gain holds 0 or lies below, WARN below MIN_GAIN."""
    if floor.gain_interval is None or floor.groups < MIN_GROUPS_FOR_VERDICT:
        return Verdict.CANNOT_TELL
    low, _ = floor.gain_interval
    if low <= 0:
        return Verdict.FAIL
    if floor.gain < MIN_GAIN:
        return Verdict.WARN
    return Verdict.PASS


def _gain_remedy(verdict: Verdict) -> str:
    if verdict is Verdict.PASS:
        return ""
    return "More test films of more patients settle a small difference; a network must show one."


# ---- what is left without gray levels


def _left_line(
    model: ModelSide,
    own: Told,
    films: Films,
    targets: Targets,
    test: Films,
) -> Asked:
    """Take away from the model's score what gray levels without their places reach."""
    asked = {}
    for name in own.per_class:
        if name not in targets.has:
            continue
        known = targets.known[name]
        scores = fitted_scores(histogram(films), targets.has[name], known, histogram(test))
        if scores is not None:
            asked[name] = scores
    without = told_of(asked, model.targets)
    title = "What is left without gray levels"
    if without.auroc is None:
        why = "No class has 20 patients or groups on both sides among the test films."
        return Asked("P6m", title, Verdict.CANNOT_TELL, why, source=ONG_LY)
    same = told_of({name: model.scores[name] for name in without.per_class}, model.targets)
    assert same.auroc is not None  # of the same classes and films
    left = same.auroc - without.auroc + 0.5
    is_little = left < MIN_LEFT
    return Asked(
        id="P6m",
        title=title,
        verdict=Verdict.WARN if is_little else Verdict.PASS,
        says=(
            f"The model's AUROC {decimal(same.auroc)} less what gray levels without their places "
            f"reach, {decimal(without.auroc)}, plus .5: an estimate of {decimal(left)} elsewhere"
            f"{f', below {MIN_LEFT}' if is_little else ''}."
        ),
        number=left,
        films=len(model.rows),
        groups=same.groups,
        do="Believe the score that another hospital's films give." if is_little else "",
        source=ONG_LY,
        numbers={"model": same.auroc, "gray_levels": without.auroc},
    )


# ---- P12


def _spread(
    scores: Scores,  # of the chosen films
    chosen: np.ndarray,  # their indices
    n: int,  # all films
) -> dict[str, np.ndarray]:  # class -> (n,)
    """Return scores of the chosen films among all, nan elsewhere."""
    found = {}
    for name, own in scores.items():
        found[name] = np.full(n, np.nan)
        found[name][chosen] = own
    return found


def _ring_line(model: ModelSide, chosen: np.ndarray, ring: Scores, centre: Scores) -> Asked:
    """Ask how well the model tells the classes by the border alone."""
    n = len(model.rows)
    told = told_of(_spread(ring, chosen, n), model.targets)
    middle = told_of(_spread(centre, chosen, n), model.targets)
    verdict = judge(told.interval, told.groups)
    if told.auroc is None:
        says = "No class has 20 patients or groups on both sides among the test films."
    else:
        says = f"Shown the outer tenth of each film alone, the model reaches {number_words(told)}"
        says += f"; shown the middle 60 % alone, {number_words(middle)}."
    return Asked(
        id="P12",
        title="The model on the border alone",
        verdict=verdict,
        says=says,
        number=told.auroc,
        interval=told.interval,
        films=len(chosen),
        groups=told.groups,
        do=_ring_remedy(verdict),
        source=DEGRAVE,
        numbers={"centre": middle.auroc, "centre_interval": middle.interval},
    )


def _ring_remedy(verdict: Verdict) -> str:
    """Say what helps where the border tells the classes."""
    if verdict not in (Verdict.FAIL, Verdict.WARN):
        return ""
    return "Do not use it: what it answers by lies outside the lungs."


def _flips_line(model: ModelSide, chosen: np.ndarray, answers: Mapping[str, np.ndarray]) -> Asked:
    """Ask how many answers change with corners, a marker, or a cropped border."""
    resampling = model.targets.resampling
    n = len(model.rows)
    whole = np.zeros(n, bool)
    whole[chosen] = True
    shares: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    for name, own in answers.items():
        flipped = np.zeros(n, bool)
        flipped[chosen] = own != model.answers[chosen]
        shares[name] = float(flipped.sum() / len(chosen))
        draws = resampling.shares(flipped, whole)
        intervals[name] = resampling.share_interval(draws, flipped, whole)
    most = max(shares, key=shares.__getitem__)
    groups = resampling.groups_of(whole)
    verdict = _judge_flips(shares[most], intervals[most], groups)
    parts = []
    for name, share in shares.items():
        between = span(intervals[name], none="")
        parts.append(f"{with_span(percent(share), between)} with {name}")
    return Asked(
        id="P12b",
        title="Answers that change with what is no disease",
        verdict=verdict,
        says=f"Answers that change: {', '.join(parts)}.",
        number=shares[most],
        interval=intervals[most],
        is_share=True,
        films=len(chosen),
        groups=groups,
        do="Train with these changes as augmentation." if verdict is Verdict.WARN else "",
        source=DEGRAVE,
        numbers={"shares": shares, "intervals": intervals},
    )


def _judge_flips(share: float, interval: Interval, groups: int) -> Verdict:
    """WARN where more answers change than may, PASS where the whole interval says fewer."""
    if interval is None or groups < MIN_GROUPS_FOR_VERDICT:
        return Verdict.CANNOT_TELL
    if share > MAX_FLIPS:
        return Verdict.WARN
    _, high = interval
    if high <= MAX_FLIPS:
        return Verdict.PASS
    return Verdict.CANNOT_TELL


def _decoded_line(model: ModelSide, seed: int) -> Asked:
    """Ask whether the source can be read from what the last layer is given, class by class."""
    sources = np.array([row.source for row in model.rows])
    found: dict[str, Told] = {}
    for label, has in model.targets.has.items():
        own = has & model.targets.known[label]
        if len(set(sources[own].tolist())) < 2:
            continue
        groups = model.targets.groups[own].tolist()
        told = told_by(model.embeddings[own], value_targets(sources[own].tolist(), groups, seed))
        if told.auroc is not None:
            found[label] = told
    title = "Source in the model's last layer"
    if not found:
        why = f"No class has test films of two sources with {MIN_GROUPS_FOR_VERDICT} groups each."
        return Asked("P12c", title, None, why, source=JABBOUR)
    label = max(found, key=lambda name: found[name].auroc or 0.0)
    highest = found[label]
    of = count(len(found), "class", "classes")
    return Asked(
        id="P12c",
        title=title,
        verdict=None,
        says=(
            f"Within a class the source is read from the last layer of the model best in {label}: "
            f"{number_words(highest)}; {of} asked."
        ),
        number=highest.auroc,
        interval=highest.interval,
        films=highest.films,
        groups=highest.groups,
        source=JABBOUR,
        numbers={name: told.auroc for name, told in found.items()},
    )
