"""Numbers of a report with what they are in each resample, and the differences of two such.

Numbers, intervals and resamples in, records and intervals out; draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from cxr_fastai.intervals.bootstrap import interval, is_constant
from cxr_fastai.intervals.exact import around_constant, is_few, unpaired_difference
from cxr_fastai.intervals.interval_trees import Interval, IntervalTree, find_interval

__all__ = ["ResampledNumber", "collect_resampled", "difference_interval"]


@dataclass(frozen=True, eq=False)
class ResampledNumber:
    """A number of a report, its interval, and what it is in each resample."""

    value: float | None
    interval: Interval
    in_resamples: np.ndarray  # (R,) nan where undefined
    groups: int  # that it rests on, of the smaller side


def collect_resampled(
    keys: Iterable[str],  # of the numbers to collect
    numbers: Mapping[str, object],
    intervals: IntervalTree,
    in_resamples: Mapping[str, np.ndarray],  # each (R,)
    groups: Mapping[str, int],  # that each rests on
) -> dict[str, ResampledNumber]:
    """Put numbers, their intervals, resamples and groups together, by key."""
    found: dict[str, ResampledNumber] = {}
    for key in keys:
        value = cast("float | None", numbers[key])
        between = find_interval(intervals, key)
        found[key] = ResampledNumber(value, between, in_resamples[key], groups[key])
    return found


def difference_interval(
    own: ResampledNumber,
    other: ResampledNumber,  # in the same resamples
) -> Interval:
    """Return the interval of the difference of two numbers; None where either is undefined."""
    if own.value is None or other.value is None or min(own.groups, other.groups) < 2:
        return None
    groups = min(own.groups, other.groups)
    values = own.in_resamples - other.in_resamples
    constant = is_constant(values)
    if not constant and not is_few(groups):
        return interval(values, groups)
    found = unpaired_difference(own.value, own.interval, other.value, other.interval)
    if constant:
        return around_constant(found, own.value - other.value, groups)
    return found
