"""The sentences of a single-label report: numbers of its run in, words out; counts nothing."""

from __future__ import annotations

from cxr_fastai.evaluation.report_parts import DOUBT, not_above
from cxr_fastai.intervals.interval_trees import Interval, includes_zero
from cxr_fastai.reporting.text import count, span

__all__ = ["NOT_ABOVE", "verdict_words"]

NOT_ABOVE = not_above("do")


def verdict_words(
    gain: int,  # images answered right beyond what the source-only floor answers right
    n: int,  # images
    interval: Interval,  # of the gain, as a share
) -> str:
    """Put accuracy beside the source-only floor."""
    points = f"{100 * gain / n:.1f} points"
    if gain > 0:
        details = [f"{gain:,} of {count(n, 'image')}", *_interval_clause(interval)]
        doubt = DOUBT if includes_zero(interval) else ""
        return f"above the source-only floor by {points} ({'; '.join(details)}){doubt}"
    if interval is None:
        return NOT_ABOVE
    details = [points, *_interval_clause(interval)]
    if includes_zero(interval):
        details.append("which includes 0")
    return f"{NOT_ABOVE} ({', '.join(details)})"


def _interval_clause(
    interval: Interval,  # [low, high], or None
) -> list[str]:
    """Return the interval of the gain in words; nothing without one."""
    return [f"95 % interval {span(interval)}"] if interval else []
