"""P8 and P9 as lines: whether films betray their source, and what is left on an unseen one.

What probes.sources found -> lines of the audit, in the words of probes.source_words. That sources
can be told apart harms where the source tells the class: where each source holds the classes in
like shares it is a warning.
"""

from __future__ import annotations

from collections.abc import Sequence

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.probes.by_source import softened
from cxr_fastai.probes.kinds import MAGUOLO_AND_NANNI
from cxr_fastai.probes.shortcuts import number_words
from cxr_fastai.probes.source_words import unseen_words, within_words
from cxr_fastai.probes.sources import SourceWithinClass, Unseen, judge_all_unseen
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import ORDER, Verdict, worst

__all__ = ["ask_within_classes", "ask_unseen"]

UNSEEN_SOURCE = "Zech 2018, doi 10.1371/journal.pmed.1002683; Ben Ahmed 2021, arXiv 2102.04300"
REMEDY = (
    "Take all classes from one source, or several sources for each class. Equalising or cropping "
    "does not take the source out of a film."
)
UNSEEN_REMEDY = "Report the score on a source that the model never saw, and no pooled one."


# ---- P8


def ask_within_classes(
    found: Sequence[SourceWithinClass],
    by_source: Told,  # of probes.by_source
    n_sources: int,
) -> Asked:
    """Return P8 as a line of the audit."""
    verdict = worst([each.verdict for each in found]) if found else Verdict.CANNOT_TELL
    says = within_words(found, n_sources)
    if softened(verdict, by_source) is not verdict:
        verdict = softened(verdict, by_source)
        says += (
            f" The source alone tells little of the classes ({number_words(by_source)}), so that "
            "a model gains little by it here."
        )
    told = _gravest(found)
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
        source=MAGUOLO_AND_NANNI,
        numbers={
            "classes": [each.to_dict() for each in found],
            "source_alone_auroc": by_source.auroc,
            "source_alone_interval": by_source.interval,
        },
    )


def _gravest(found: Sequence[SourceWithinClass]) -> Told | None:
    """Return what tells the class of the gravest verdict, of several the one told best."""
    told = [each for each in found if each.best is not None]
    if not told:
        return None
    gravest = min(told, key=_order)
    return gravest.best[1] if gravest.best else None


def _order(each: SourceWithinClass) -> tuple[int, float]:
    """Return what orders classes, the gravest first."""
    auroc = 0.0
    if each.best is not None:
        _, told = each.best
        auroc = told.auroc or 0.0
    return ORDER.index(each.verdict), -auroc


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
        says=unseen_words(found, classes_in_two, model),
        number=lowest.unseen if lowest else None,
        interval=lowest.unseen_interval if lowest else None,
        films=lowest.films if lowest else 0,
        groups=lowest.groups if lowest else 0,
        do=UNSEEN_REMEDY if verdict in (Verdict.FAIL, Verdict.WARN) else "",
        source=UNSEEN_SOURCE,
        numbers={"sources": [each.to_dict() for each in found]},
    )


def _unseen_auroc(each: Unseen) -> float:
    """Return what orders sources, the one of least first."""
    return each.unseen if each.unseen is not None else 1.0
