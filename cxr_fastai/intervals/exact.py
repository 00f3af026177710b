"""Intervals where a bootstrap cannot tell: few groups, or hardly a group that differs.

Shares and numbers of groups in, [low, high] out; knows no image, draws nothing.

Where every image was answered right, every resample is, and its interval has no width; with few
groups it is too narrow. There an exact binomial interval stands instead, with the groups as
trials (Clopper and Pearson, Biometrika 1934, 26:404-413): of 7 groups all right it reads 59 to
100 %. The rules, and how often each holds (benchmarks/results/intervals.md):

    a share    of groups that hold several images: k = share x n of n trials. n is the number of
               groups; where some are right and some wrong and sizes differ, n is less, by the
               variance between groups (Korn and Graubard, Survey Methodology 1998, 24:193-201),
               and never more. Groups of one image each give the plain binomial interval
    an AUROC   as a share of as many trials as the smaller side has groups: its variance is at
               most a share's (Birnbaum and Klose, Ann. Math. Stat. 1957, 28:933-945). With groups
               enough but near to 1, where resamples are nearly alike, a bootstrap's interval
               reaches at least as far as Newcombe's score interval (Stat. Med. 2006, 25:559-573,
               method 5), with as many groups on either side as the smaller one has. Average
               precision likewise
    an F1      as a share of the groups that have the class
    a mean     over c classes, as a share of c times the groups of the rarest, but no more than
               there are groups: by the inequality of the means, all right in each is no less likely
    a gain     of two numbers, from both intervals as if the two were not paired (Newcombe, Stat.
               Med. 1998, 17:873-890, method 10): too wide rather than too narrow
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import betaincinv

from cxr_fastai.intervals.interval_trees import ExactInterval, Interval, ScoreInterval
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, MIN_GROUPS_THAT_DIFFER

__all__ = [
    "around_constant",
    "differ_in_few",
    "effective_groups",
    "exact_share",
    "groups_of_mean",
    "is_few",
    "is_near_end",
    "is_near_one",
    "ranking_span",
    "unpaired_difference",
]

TAIL = 0.025  # on each side of a 95 % interval
Z = 1.959964  # of a normal distribution's 97.5th percentile
# (1 - area) x groups; where that is less in truth, percentiles held in 61 to 93 % of trials
MIN_GROUPS_BELOW_ONE = 2
HALVINGS = 40  # leave an error of 1e-12


def exact_share(
    share: float,  # 0-1
    groups: float,  # trials; need not be whole
) -> ExactInterval:
    """Return the Clopper-Pearson interval of a share of so many groups."""
    k = share * groups
    low = 0.0 if k <= 0 else float(betaincinv(k, groups - k + 1, TAIL))
    high = 1.0 if k >= groups else float(betaincinv(k + 1, groups - k, 1 - TAIL))
    return ExactInterval([min(low, float(share)), max(high, float(share))])


def is_near_one(
    area: float,  # AUROC or AP, 0-1
    groups: float,  # that it rests on
) -> bool:
    """Tell whether a ranking is so near to 1 that resamples are nearly alike."""
    return bool((1 - area) * groups < MIN_GROUPS_BELOW_ONE)


def ranking_span(
    area: float,  # AUROC, 0-1
    groups: float,  # of the smaller side, 2 or more
) -> ScoreInterval:
    """Return Newcombe's score interval of an AUROC, taking both sides for as small as the smaller.

    It holds every area from which the one found is less than 1.96 of its own standard errors away.
    """
    low = _edge(area, 0.0, area, groups)
    high = _edge(area, 1.0, area, groups)
    return ScoreInterval([low, high])


def _edge(
    inside: float,  # an area within the interval
    outside: float,  # 0 or 1
    area: float,  # that was found
    groups: float,
) -> float:
    """Halve the way between two areas until the interval's end is found."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        if (area - middle) ** 2 > Z**2 * _area_variance(middle, groups):
            outside = middle
        else:
            inside = middle
    return inside


def _area_variance(
    area: float,  # 0-1
    groups: float,  # on either side
) -> float:
    """Return the variance of an AUROC, by Hanley and McNeil (Radiology 1982, 143:29-36)."""
    pairs = (1 - area) / (2 - area) + area / (1 + area)
    return area * (1 - area) / groups**2 * (1 + (groups - 1) * pairs)


def effective_groups(
    parts: np.ndarray,  # (g,) images of each group that have something
    wholes: np.ndarray,  # (g,) images of each group, 1 or more
) -> float:
    """Return as how many trials groups of uneven size count; at most their number.

    It is p(1-p) over the variance of the share between groups; with one image a group that is
    their number.
    """
    n = float(len(wholes))
    share = parts.sum() / wholes.sum()
    scatter = float(((parts - share * wholes) ** 2).sum())
    if scatter == 0 or share in (0, 1):
        return n
    return min(n, float(share * (1 - share) * wholes.sum() ** 2 / scatter))


def differ_in_few(
    parts: np.ndarray,  # (g,) images of each group that have something
    wholes: np.ndarray,  # (g,) images of each group
) -> bool:
    """Tell whether fewer than MIN_GROUPS_THAT_DIFFER groups have it, or lack it."""
    n_with = np.count_nonzero(parts > 0)
    n_without = np.count_nonzero(parts < wholes)
    return bool(min(n_with, n_without) < MIN_GROUPS_THAT_DIFFER)


def groups_of_mean(
    groups: Iterable[int],  # of each class that the mean counts
    most: int,  # groups that there are
) -> int:
    """Return as how many trials a mean over classes counts."""
    counted = [n for n in groups if n]
    if not counted:
        return 0
    return min(len(counted) * min(counted), most)


# ---- differences of two numbers


def unpaired_difference(
    own: float,
    own_interval: Interval,  # None: the number is fixed by definition
    other: float,
    other_interval: Interval,
) -> ExactInterval:
    """Return the interval of `own` - `other` as if they were counted on different groups."""
    low, high = own_interval or (own, own)
    other_low, other_high = other_interval or (other, other)
    difference = own - other
    return ExactInterval(
        [
            difference - math.hypot(own - low, other_high - other),
            difference + math.hypot(high - own, other - other_low),
        ]
    )


def around_constant(
    between: Sequence[float],  # the interval of a difference, [low, high]
    difference: float,  # the same in all resamples
    groups: float,  # in which it was seen
) -> ExactInterval:
    """Narrow an interval to what no group of so many showed: none of n allows some elsewhere."""
    _, most = exact_share(0, groups)
    low, high = between
    return ExactInterval([max(low, difference - most), min(high, difference + most)])


def is_few(
    groups: float,  # that a number rests on
) -> bool:
    """Tell whether a bootstrap of so few groups is not to be trusted."""
    return groups < MIN_GROUPS_FOR_VERDICT


def is_near_end(
    number: float,  # 0-1
    groups: float,  # that it rests on
) -> bool:
    """Tell whether a number lies as near to 0 or 1 as a share of fewer than 5 groups."""
    return bool(min(number, 1 - number) * groups < MIN_GROUPS_THAT_DIFFER)
