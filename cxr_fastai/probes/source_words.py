"""P8 and P9 in words: whether films betray their source, and what is left on an unseen one.

What `sources` found -> sentences, as a line of the audit (`within_words`, `unseen_words`), and the
grounds of a verdict in half a line (`grounds_of`), as a report of scores has room for. Judges and
counts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.verdict import Verdict
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, count, decimal, span, with_span

__all__ = ["grounds_of", "unseen_words", "within_words"]

ONE_SOURCE = "All films are of one source: nothing tells what a score is worth on another."
NO_SHARED = "No class stands in two sources: each class is its source, and nothing tells them apart"
SEEN_UNKNOWN = "not known (too few films of it that the model of all sources never saw)"
SQUARES = "16x16 gray squares"
GRAVE = (Verdict.FAIL, Verdict.WARN)
# What the films of a class show of their source, by the verdict.
SHOWN = {
    Verdict.FAIL: "The films of one class betray their source",
    Verdict.WARN: "Something of the source shows",
    Verdict.PASS: "The source does not show",
}


# ---- P8


def within_words(found: Sequence[SourceWithinClass], n_sources: int) -> str:
    """Say in which classes the sources can be told apart, and where that cannot be asked."""
    if n_sources < 2:
        return ONE_SOURCE
    if not found:
        return f"{NO_SHARED}."
    parts = []
    for verdict, words in SHOWN.items():
        named = [_class_words(each) for each in found if each.verdict is verdict]
        if named:
            parts.append(f"{words}: {', '.join(named)}.")
    untold = [each for each in found if each.verdict is Verdict.CANNOT_TELL]
    few = [each.label for each in untold if not each.told]
    wide = [each.label for each in untold if each.told]
    if few:
        least = f"fewer than {MIN_GROUPS_FOR_VERDICT} patients or groups of two sources"
        parts.append(f"It cannot be told of {', '.join(few)}: {least}.")
    if wide:
        parts.append(f"It cannot be told of {', '.join(wide)}: too wide an interval.")
    return " ".join(parts)


def _class_words(each: SourceWithinClass) -> str:
    """Return a class with the AUROC of its sources."""
    if each.best is None:
        return each.label
    _, told = each.best
    interval = span(told.interval, as_share=False, none="")
    return f"{each.label} {with_span(decimal(told.auroc), interval)}"


# ---- P9


def unseen_words(
    found: Sequence[Unseen],
    classes_in_two: bool,  # whether any class stands in two sources
    model: str,  # in words
) -> str:
    """Say what is left on each source, and which sources and classes were not asked."""
    if len(found) < 2:
        return ONE_SOURCE
    if not classes_in_two:
        return f"{NO_SHARED}: on an unseen source there is no class that the model knows."
    told = [each for each in found if each.unseen is not None]
    if not told:
        return (
            f"No source has {MIN_GROUPS_FOR_VERDICT} patients or groups of two classes that stand "
            "elsewhere too: there is nothing to ask."
        )
    parts = [_told_words(told, model)]
    untold = [each.source for each in found if each.unseen is None]
    if untold:
        parts.append(f"Not asked, for want of patients or of shared classes: {', '.join(untold)}.")
    for each in told:
        if each.left_out:
            parts.append(f"{each.source} without {', '.join(each.left_out)}.")
    return " ".join(parts)


def _told_words(told: Sequence[Unseen], model: str) -> str:
    """Say for each source how the classes are told with and without it."""
    lines = []
    for each in told:
        interval = span(each.unseen_interval, as_share=False, none="")
        seen = decimal(each.seen) if each.seen is not None else SEEN_UNKNOWN
        lines.append(f"{each.source} {with_span(decimal(each.unseen), interval)}, seen {seen}")
    of = count(len(told), "source")
    return f"AUROC of {model} on {of} that it did not learn from: {'; '.join(lines)}."


# ---- both, short


def grounds_of(
    within: Sequence[SourceWithinClass],
    unseen: Sequence[Unseen],
    of_unseen: Verdict,  # of P9 over all sources
) -> list[str]:
    """Return the gravest of P8 and of P9, half a line each; none where neither is grave."""
    grounds = []
    telling = [each for each in within if each.verdict in GRAVE and each.best is not None]
    if telling:
        grounds.append(_within_ground(telling[0]))
    if of_unseen in GRAVE:
        lost = [each for each in unseen if each.verdict is of_unseen and each.unseen is not None]
        grounds.append(_unseen_ground(lost[0]) if lost else "no class stands in two sources (P9)")
    return grounds


def _within_ground(each: SourceWithinClass) -> str:
    """Say what tells the source of a class's films."""
    assert each.best is not None  # of a verdict
    feature, told = each.best
    number = f"P8, AUROC {decimal(told.auroc)}"
    return f"within {each.label} alone the {feature} tells the source ({number})"


def _unseen_ground(each: Unseen) -> str:
    """Say how the classes of a source are told by a model that never saw it."""
    numbers = f"at AUROC {decimal(each.unseen)} where they had {decimal(each.seen)}"
    return f"on {each.source} as an unseen source, {SQUARES} rank the classes {numbers} (P9)"
