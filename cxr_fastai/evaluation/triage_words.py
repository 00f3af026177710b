"""What a worklist is worth, in words: rows of a table and sentences.

The numbers of triage and their intervals in, text out; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

from cxr_fastai.evaluation.too_few import are_too_few
from cxr_fastai.evaluation.triage import Triage, TriageStepNumbers, part_images
from cxr_fastai.intervals.interval_trees import Interval, IntervalTree, find_interval
from cxr_fastai.reporting.text import count, decimal, percent, span, with_span

__all__ = ["triage_rows", "triage_words"]

SHARE_NAMES = {
    "removed": "work removed",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "npv": "NPV",
}

Column: TypeAlias = (
    "tuple[TriageStepNumbers, IntervalTree]"  # the numbers of a threshold, their intervals
)


def triage_rows(
    found: Triage,
    intervals: IntervalTree,  # of triage_intervals; may be empty
    none: str = "-",
) -> list[tuple[str, ...]]:  # empty where no threshold was fixed
    """Return the header, then a row a number with a column an asked sensitivity."""
    columns = _columns(found, intervals)
    if not columns:
        return []
    asked = [_short_percent(step["asked_sensitivity"]) for step, _ in columns]
    thresholds = [decimal(step["threshold"]) for step, _ in columns]
    rows = [("asked sensitivity", *asked), ("laid aside below", *thresholds)]
    for key, name in SHARE_NAMES.items():
        shares = [_share(step, find_interval(tree, key), key, none) for step, tree in columns]
        rows.append((name, *shares))
    missed = [_missed(step, find_interval(tree, "missed")) for step, tree in columns]
    rows.append(("missed", *missed))
    for prevalence in found["at"][0]["npv_at"]:
        name = f"NPV at a prevalence of {_short_percent(float(prevalence))}"
        rows.append((name, *[_npv_cell(column, prevalence, none) for column in columns]))
    return rows


def _columns(
    found: Triage,  # of triage_metrics
    intervals: IntervalTree,  # of triage_intervals; may be empty
) -> list[Column]:
    """Return the thresholds, each with its intervals, or with none where there are none."""
    trees = cast("list[IntervalTree]", intervals.get("at")) or [{} for _ in found["at"]]
    return list(zip(found["at"], trees))


def _share(
    numbers: Mapping[str, object],
    interval: Interval,  # [low, high], or None
    key: str,
    none: str,  # what stands where there is no number
) -> str:
    """Return a share of a threshold and its interval."""
    value = cast("float | None", numbers[key])
    return with_span(percent(value, none), span(interval, none=""))


def _npv_cell(
    column: Column,  # of a threshold
    prevalence: str,  # key of `npv_at`
    none: str,  # what stands where there is no number
) -> str:
    """Return the NPV that a threshold would have at another prevalence."""
    step, tree = column
    return _share(step["npv_at"], find_interval(tree, "npv_at", prevalence), prevalence, none)


def _missed(
    step: TriageStepNumbers,  # numbers of a threshold
    interval: Interval,  # [low, high], or None
) -> str:
    """Return how many of the positive a threshold lays aside.

    Its interval is in images.
    """
    ends = [f"{images:,.0f}" for images in interval or ()]
    return with_span(f"{step['missed']:,} of {step['positives']:,}", " to ".join(ends))


# ---- sentences


def triage_words(
    found: Triage,
    intervals: IntervalTree,  # of triage_intervals; may be empty
    positive: str,  # name of the positive: not Normal
    n_images: int,
) -> list[tuple[bool, str]]:  # (whether all is as it should be, a sentence)
    """Say how early the positive come, and whether each threshold keeps its sensitivity."""
    if not found["positives"]:
        return []
    sentences = [(True, _early_words(found, intervals, positive, n_images))]
    for step, tree in _columns(found, intervals):
        kept = find_interval(tree, "sensitivity")
        sentences.append(_threshold_words(step, kept, found["positive_groups"]))
    return sentences


def _early_words(
    found: Triage,  # of triage_metrics
    intervals: IntervalTree,  # of triage_intervals; may be empty
    positive: str,  # name of the positive: not Normal
    n_images: int,
) -> str:
    """Say how many of the positive stand in the first parts of the worklist.

    Beside it: a faultless order, and the share of the images that a part holds, which is what a
    random order reaches.
    """
    clauses = []
    in_random_order = []
    for part, value in found["worklist"].items():
        interval = find_interval(intervals, "worklist", part)
        held = with_span(percent(value), span(interval, none=""))
        first = f"the first {_short_percent(float(part))} of the worklist hold {held}"
        clauses.append(f"{first}, at best {percent(found['best'][part])}")
        images = int(part_images(float(part), n_images))
        in_random_order.append(_short_percent(round(images / n_images, 3)))
    return (
        f"Of those who are {positive}, {'; '.join(clauses)}. "
        f"In random order it is {' and '.join(in_random_order)}."
    )


def _threshold_words(
    step: TriageStepNumbers,  # numbers of a threshold
    interval: Interval,  # of the sensitivity
    positive_groups: int,
) -> tuple[bool, str]:
    """Say whether a threshold keeps its sensitivity on these images.

    Where none is missed, the interval tells what may still be missed elsewhere. Of too few groups
    nothing is said to be kept, or not.
    """
    asked = step["asked_sensitivity"]
    sensitivity = step["sensitivity"] or 0.0  # defined: there are positives
    here = with_span(percent(sensitivity), span(interval, none=""))
    fixed = f"The threshold that validation fixed for a sensitivity of {_short_percent(asked)}"
    if are_too_few(positive_groups):
        groups = count(positive_groups, "group")
        return False, (
            f"Too few to tell whether the threshold that validation fixed for a sensitivity of "
            f"{_short_percent(asked)} keeps it: {here} of {groups} here."
        )
    if sensitivity < asked:
        return False, f"{fixed} does not keep it here: {here}{_hope(asked, interval)}."
    if not step["missed"] and interval:
        elsewhere = percent(1 - interval[0])
        groups = count(positive_groups, "group")
        doubt = f"; none missed in {groups} still allows {elsewhere} elsewhere"
        return True, f"{fixed} keeps it here: {here}{doubt}."
    return True, f"{fixed} keeps it here: {here}{_doubt(asked, interval)}."


def _hope(
    asked: float,  # the sensitivity, 0-1
    interval: Interval,  # [low, high], or None
) -> str:
    """Say how far below the asked sensitivity the interval lies; nothing without one."""
    if interval is None:
        return ""
    if interval[1] < asked:
        return ", all of the interval below it"
    return ", though the interval reaches it"


def _doubt(
    asked: float,  # the sensitivity, 0-1
    interval: Interval,  # [low, high], or None
) -> str:
    """Say that the interval reaches below the asked sensitivity, where it does."""
    if interval is None or interval[0] >= asked:
        return ""
    return ", though the interval reaches below it"


def _short_percent(
    share: float,  # 0-1
) -> str:
    """Return a share with as few digits as it needs: 98 %, 99.5 %."""
    return f"{100 * share:g} %"
