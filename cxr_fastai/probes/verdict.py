"""From an AUROC and its interval to one of four words, by a rule that is stated beforehand.

    FAIL          the interval begins at .75 or above: a large effect (Cohen's d of about .95)
    WARN          it begins at .64 or above: a medium effect (d of .5)
    PASS          it ends below .64
    CANNOT TELL   all else; also where a side has fewer than 20 groups, and, short of FAIL, where
                  the interval is wider than .20: no PASS for want of data

AUROC = Phi(d / sqrt 2) (Cohen 1988, chapter 2, for two normal groups of one spread). A FAIL needs
no narrow interval: its lower end says all.
"""

from __future__ import annotations

from enum import StrEnum

from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT

__all__ = ["Verdict", "judge", "worst", "ORDER", "FAIL_FROM", "WARN_FROM", "MAX_WIDTH"]

FAIL_FROM = 0.75  # AUROC
WARN_FROM = 0.64  # AUROC
MAX_WIDTH = 0.20  # of an interval that WARN or PASS may rest on


class Verdict(StrEnum):
    """What a probe found."""

    FAIL = "FAIL"
    WARN = "WARN"
    PASS = "PASS"
    CANNOT_TELL = "CANNOT TELL"


# from the gravest to the lightest
ORDER = (Verdict.FAIL, Verdict.WARN, Verdict.CANNOT_TELL, Verdict.PASS)


def judge(
    interval: Interval,  # of an AUROC; None where nothing can be told
    groups: int,  # of the side that has fewest
) -> Verdict:
    """Return the verdict on how much a feature gives away."""
    if interval is None or groups < MIN_GROUPS_FOR_VERDICT:
        return Verdict.CANNOT_TELL
    low, high = interval
    if low >= FAIL_FROM:
        return Verdict.FAIL
    if high - low > MAX_WIDTH:
        return Verdict.CANNOT_TELL
    if low >= WARN_FROM:
        return Verdict.WARN
    return Verdict.PASS if high < WARN_FROM else Verdict.CANNOT_TELL


def worst(
    verdicts: list[Verdict],  # one at least
) -> Verdict:
    """Return the gravest of several verdicts."""
    return min(verdicts, key=ORDER.index)
