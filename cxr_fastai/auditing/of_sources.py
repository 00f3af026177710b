"""P8 and P9 in words: whether films betray their source, and what is left on an unseen one.

What probes.sources found -> lines of the audit. That sources can be told apart harms where the
source tells the class: where each source holds the classes in like shares it is a warning.
"""

from __future__ import annotations

from collections.abc import Sequence

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.probes.by_source import softened
from cxr_fastai.probes.shortcuts import number_words
from cxr_fastai.probes.sources import SourceWithinClass, Unseen, judge_all_unseen
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import ORDER, Verdict, worst
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, count, decimal, span, with_span

__all__ = ["ask_within_classes", "ask_unseen"]

WITHIN_SOURCE = "Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008"
UNSEEN_SOURCE = "Zech 2018, doi 10.1371/journal.pmed.1002683; Ben Ahmed 2021, arXiv 2102.04300"
REMEDY = (
    "Take all classes from one source, or several sources for each class. Equalising or cropping "
    "does not take the source out of a film."
)
UNSEEN_REMEDY = "Report the score on a source that the model never saw, and no pooled one."
SEEN_UNKNOWN = "not known (too few films of it that the model of all sources never saw)"
ONE_SOURCE = "All films are of one source: nothing tells what a score is worth on another."
NO_SHARED = "No class stands in two sources: each class is its source, and nothing tells them apart"


# ---- P8


def ask_within_classes(
    found: Sequence[SourceWithinClass],
    by_source: Told,  # of probes.by_source
    n_sources: int,
) -> Asked:
    """Return P8 as a line of the audit."""
    verdict = worst([each.verdict for each in found]) if found else Verdict.CANNOT_TELL
    says = _within_words(found, n_sources)
    if softened(verdict, by_source) is not verdict:
        verdict = softened(verdict, by_source)
        says += (
            f" The source alone tells little of the classes ({number_words(by_source)}), so that "
            "a model gains little by it here."
        )
    gravest = _gravest(found)
    told = _highest(gravest) if gravest else None
    return Asked(
        id="P8",
        title="Source within a class",
        verdict=verdict,
        says=says,
        number=told.auroc if told else None,
        interval=told.interval if told else None,
        films=told.films if told else 0,
        groups=told.groups if told else 0,
        do=REMEDY if verdict in (Verdict.FAIL, Verdict.WARN) else "",
        source=WITHIN_SOURCE,
        numbers={
            "classes": [each.to_dict() for each in found],
            "source_alone_auroc": by_source.auroc,
            "source_alone_interval": by_source.interval,
        },
    )


def _gravest(found: Sequence[SourceWithinClass]) -> SourceWithinClass | None:
    """Return the class with the gravest verdict, of several the one that is told best."""
    told = [each for each in found if _highest(each) is not None]
    return min(told, key=_order) if told else None


def _order(each: SourceWithinClass) -> tuple[int, float]:
    """Return what orders classes, the gravest first."""
    told = _highest(each)
    auroc = told.auroc if told and told.auroc is not None else 0.0
    return ORDER.index(each.verdict), -auroc


def _highest(each: SourceWithinClass) -> Told | None:
    """Return the feature that tells the sources of a class best."""
    known = [told for told in each.told.values() if told.auroc is not None]
    return max(known, key=_auroc) if known else None


def _auroc(told: Told) -> float:
    return told.auroc or 0.0


def _within_words(found: Sequence[SourceWithinClass], n_sources: int) -> str:
    """Say in which classes the sources can be told apart, and where that cannot be asked."""
    if n_sources < 2:
        return ONE_SOURCE
    if not found:
        return f"{NO_SHARED}."
    parts = []
    for verdict, words in (
        (Verdict.FAIL, "The films of one class betray their source"),
        (Verdict.WARN, "Something of the source shows"),
        (Verdict.PASS, "The source does not show"),
    ):
        named = [_class_words(each) for each in found if each.verdict is verdict]
        if named:
            parts.append(f"{words}: {', '.join(named)}.")
    untold = [each.label for each in found if each.verdict is Verdict.CANNOT_TELL]
    if untold:
        parts.append(
            f"It cannot be told of {', '.join(untold)}: too few groups of two sources, or too wide "
            "an interval."
        )
    return " ".join(parts)


def _class_words(each: SourceWithinClass) -> str:
    """Return a class with the AUROC of its sources."""
    told = _highest(each)
    assert told is not None  # of a verdict
    interval = span(told.interval, as_share=False, none="")
    return f"{each.label} {with_span(decimal(told.auroc), interval)}"


# ---- P9


def ask_unseen(
    found: Sequence[Unseen],  # a source each
    classes_in_two: bool,  # whether any class stands in two sources
    number: str = "P9",  # of the probe
    model: str = "the cheap model on 16x16 gray squares",
) -> Asked:
    """Return P9 as a line of the audit."""
    verdict = judge_all_unseen(found, classes_in_two)
    told = [each for each in found if each.unseen is not None]
    lowest = min(told, key=_unseen_auroc) if told else None
    return Asked(
        id=number,
        title="A source that the model never saw",
        verdict=verdict,
        says=_unseen_words(found, classes_in_two, model),
        number=lowest.unseen if lowest else None,
        interval=lowest.unseen_interval if lowest else None,
        films=lowest.films if lowest else 0,
        groups=lowest.groups if lowest else 0,
        do=UNSEEN_REMEDY if verdict in (Verdict.FAIL, Verdict.WARN) else "",
        source=UNSEEN_SOURCE,
        numbers={"sources": [each.to_dict() for each in found]},
    )


def _unseen_auroc(each: Unseen) -> float:
    return each.unseen if each.unseen is not None else 1.0


def _unseen_words(found: Sequence[Unseen], classes_in_two: bool, model: str) -> str:
    """Say what is left on each source, and which sources and classes were not asked."""
    if len(found) < 2:
        return ONE_SOURCE
    if not classes_in_two:
        return f"{NO_SHARED}: on an unseen source there is no class that the model knows."
    told = [each for each in found if each.unseen is not None]
    parts = [_told_words(told, model)] if told else []
    if not told:
        parts.append(
            f"No source has {MIN_GROUPS_FOR_VERDICT} patients or groups of two classes that stand "
            "elsewhere too: there is nothing to ask."
        )
    untold = [each.source for each in found if each.unseen is None]
    if untold and told:
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
