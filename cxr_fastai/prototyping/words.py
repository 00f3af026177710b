"""What a prototype says of itself in sentences, each from numbers of its run.

Scores, warnings and counts -> text. It counts nothing and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cxr_fastai.core import FolderWarning
from cxr_fastai.prototyping.counts import Counts
from cxr_fastai.prototyping.scores import Scores
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, count, with_span

__all__ = [
    "verdict_sentence",
    "shortcut_clause",
    "curated_line",
    "class_words",
    "first_answer_line",
    "told_words",
]

RANKING = "macro AUROC"  # the number that tells how well probabilities rank
MAX_NAMED = 4  # classes or things in one sentence


def class_words(
    names: Sequence[str],  # of the classes
    several: bool = False,  # an image may have several: they are not told from each other
) -> str:
    """Name classes in a sentence: A from B; A and B; A, B and C."""
    if len(names) == 2:
        return f"{names[0]} {'and' if several else 'from'} {names[1]}"
    if len(names) <= MAX_NAMED:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return count(len(names), "class", "classes")


def told_words(
    names: Sequence[str],  # of the classes
    several: bool,  # an image may have several
) -> str:
    """Say what a model tells: classes from each other; of findings, who has which."""
    words = class_words(names, several)
    return f"who has {words}" if several and len(names) <= MAX_NAMED else words


def verdict_sentence(
    test: Scores | None,
    names: Sequence[str],  # of the classes
    shortcuts: Sequence[FolderWarning],
    trouble: Sequence[FolderWarning] = (),  # what went wrong in training
) -> str:
    """Say in one sentence what the run shows, and what weakens it."""
    told = _score_sentence(test, names)
    if trouble:
        titles = "; ".join(warning.title or warning.kind for warning in trouble)
        told = f"Beware, training warns: {titles}. {told}"
    return f"{told} {shortcut_clause(shortcuts)}".strip()


def _score_sentence(test: Scores | None, names: Sequence[str]) -> str:
    """Say what the score shows."""
    if test is None:
        return (
            "Nothing can be said of images that the model did not see: the folder is too small to "
            "hold a test split."
        )
    number = test.numbers[0]
    several = number.name == RANKING  # of findings, whose first number it is
    told_apart = class_words(names, several)
    line = test.line()
    if test.too_few:
        return (
            f"Too few to tell: {line}; below {MIN_GROUPS_FOR_VERDICT} groups no number is a "
            "verdict."
        )
    if test.positive:
        return _decision_sentence(test)
    if test.at_chance:
        return (
            f"The model is not shown to tell {told_apart}: a guess lies within the interval of "
            f"its {RANKING if several else 'balanced accuracy'} ({line})."
        )
    if test.above_floor:
        return (
            f"The model tells {told_apart} better than {test.floor_words} does: "
            f"{number.name} {number.model} beside {number.floors[0]}, "
            f"of {count(test.images, 'test image')}."
        )
    told = f"The model is not shown to do better than {test.floor_words} does ({line})"
    if not test.ranks:
        return f"{told}."
    by_rank = [number for number in test.numbers if number.name == RANKING]
    ranking = f" ({by_rank[0].name} {by_rank[0].model})" if by_rank else ""
    return f"{told}, though its probabilities do rank the images{ranking}."


def _decision_sentence(test: Scores) -> str:
    """Say how well the yes or no of a threshold does: ranking, then what is found and spared."""
    rows = {name: (value, interval) for name, value, interval, _ in test.decision}
    shown = {name: with_span(*rows[name]) for name in ("AUROC", "sensitivity", "specificity")}
    ranks = "ranks" if test.ranks else "is not shown to rank"
    return (
        f"The model {ranks} those who are {test.positive} above the others (AUROC "
        f"{shown['AUROC']}, 0.5 is a guess); at its threshold, which validation set to miss few, "
        f"it finds {shown['sensitivity']} of them and leaves {shown['specificity']} of the others "
        f"in peace, of {count(test.images, 'test image')} of {count(test.groups, 'group')}."
    )


def shortcut_clause(shortcuts: Sequence[FolderWarning]) -> str:
    """Say that what may not be the disease tells the classes; empty where none was found."""
    if not shortcuts:
        return ""
    titles = [warning.title or warning.kind for warning in shortcuts]
    named = "; ".join(titles[:MAX_NAMED])
    if len(titles) > MAX_NAMED:
        named += f"; and {len(titles) - MAX_NAMED} more"
    things = count(len(titles), "thing")
    return (
        f"But {things} that may not be the disease {'tells' if len(titles) == 1 else 'tell'} the "
        f"classes too ({named}): the score may rest on {'it' if len(titles) == 1 else 'them'}."
    )


def first_answer_line(
    seconds: float,  # since the beginning of the road
    row: Mapping[str, Any],  # of history.csv, of the first epoch
    images: int,  # of validation
) -> str:
    """Say when the first epoch had its scores, and the one that no majority answer makes good."""
    if "macro_auroc" in row:  # an image may have several classes
        name, value = RANKING, row["macro_auroc"]
    else:
        name, value = "balanced accuracy", row["balanced_accuracy"]
    told = f"first answer after {seconds:.0f} s"
    if math.isnan(value):  # of no finding does validation have some with and some without
        return told
    return f"{told}: {name} {value:.2f} on {count(images, 'validation image')}"


def curated_line(counts: Counts) -> str:
    """Say in one line what curation made of a folder."""
    parts = ", ".join(f"{name} {n:,}" for name, n in counts.splits.items())
    left_out = count(counts.left_out, "file or row", "files or rows")
    return (
        f"{count(counts.images, 'image')} ({parts}); {count(counts.copies, 'copy', 'copies')}, "
        f"{count(counts.conflicts, 'label conflict')} and {left_out} left out"
    )
