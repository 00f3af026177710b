"""Where groups are too few to tell: what stands in the place of a verdict, or beside numbers.

Names, numbers of groups and cells in, text out, empty where there are enough; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from cxr_fastai.evaluation.cells import Cell
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, count, with_span

__all__ = ["are_too_few", "class_words", "opening_words", "side_words", "verdict_instead"]


def are_too_few(
    groups: int,  # 0: not known, as in a report without intervals
) -> bool:
    """Tell whether numbers of so many groups are no verdict."""
    return 0 < groups < MIN_GROUPS_FOR_VERDICT


def opening_words(
    name: str,  # of the number that would be the headline
    number: Cell,
    groups: int,
) -> str:
    """Return what a report opens with instead of a verdict."""
    if not are_too_few(groups):
        return ""
    return (
        f"Too few to tell: {name} {with_span(number.value, number.interval)} is of "
        f"{count(groups, 'group')}, and below {MIN_GROUPS_FOR_VERDICT} no number is a verdict."
    )


def verdict_instead(groups: int) -> str:
    """Return what stands in the place of a verdict."""
    return f"too few to tell: {count(groups, 'group')}, fewer than {MIN_GROUPS_FOR_VERDICT}"


def side_words(
    sides: Mapping[str, int],  # groups of each side of a yes or no, by its name to show
    groups: int,  # of all images
) -> str:
    """Say which side of a yes or no has too few groups, where all together have enough."""
    few = [f"{name} {n:,}" for name, n in sides.items() if n < MIN_GROUPS_FOR_VERDICT]
    if not few or are_too_few(groups):
        return ""
    return (
        f"Too few to tell, with fewer than {MIN_GROUPS_FOR_VERDICT} groups on a side "
        f"({', '.join(few)}): what rests on it is no verdict."
    )


def class_words(
    classes: Mapping[str, int],  # groups that each rests on, by its name to show
    groups: int,  # of all images
) -> str:
    """Say which classes or findings have too few groups, where all together have enough."""
    few = [f"{name} {n:,}" for name, n in classes.items() if 0 < n < MIN_GROUPS_FOR_VERDICT]
    if not few or are_too_few(groups):
        return ""
    return (
        f"Too few to tell, with fewer than {MIN_GROUPS_FOR_VERDICT} groups on a side: "
        f"{', '.join(few)}."
    )
