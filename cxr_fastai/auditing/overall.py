"""The audit in one sentence: what all probes together say of a score on a folder.

Lines of the audit in, a verdict and its sentence out. The rule is stated beforehand, gravest first:
P8 and P9 say whether a score is evidence at all; then what tells the classes beside the lungs, then
the model, then what may be the disease itself; what could not be told is never a PASS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.probes.kinds import GRAY_8, GRAY_16
from cxr_fastai.probes.verdict import Verdict

__all__ = ["Overall", "sum_up", "is_void", "BY_SOURCE"]

BY_SOURCE = (
    "These classes can be told apart by where the films come from. Scores on this folder are not "
    "evidence of disease."
)
NOT_ELSEWHERE = (
    "What tells these classes at one source does not tell them at another. Scores on this folder "
    "are not evidence of disease."
)
ALONE = ("P1", "P2", "P3", "P6", "P7")  # probes of what need not be the disease
EVIDENCE = ("P8", "P9", "P9n")  # that say whether a score is evidence of disease
MAX_NAMED = 3


@dataclass(frozen=True)
class Overall:
    """The audit in one sentence."""

    verdict: Verdict
    sentence: str


def is_void(asked: Sequence[Asked]) -> bool:
    """Tell whether P8 or P9 say that no score on the folder is evidence of disease."""
    return any(each.id in EVIDENCE and each.verdict is Verdict.FAIL for each in asked)


def sum_up(
    asked: Sequence[Asked],
    n_sources: int,
    by_source: bool,  # the source alone tells something of the classes, or that cannot be excluded
) -> Overall:
    """Return the verdict of all."""
    if is_void(asked):
        return Overall(Verdict.FAIL, BY_SOURCE if by_source else NOT_ELSEWHERE)
    failed = _titles(asked, Verdict.FAIL, ALONE)
    if failed:
        return Overall(
            Verdict.FAIL,
            f"Something beside the lungs tells these classes ({failed}). A score on this folder "
            "may rest on that.",
        )
    for each in asked:
        if each.id in ("P11", "P12") and each.is_found(Verdict.FAIL):
            return Overall(Verdict.FAIL, _MODEL[each.id])
    warned = _titles(asked, Verdict.WARN)
    if warned:
        return Overall(Verdict.WARN, _warned_sentence(asked, warned, n_sources))
    return _without_warning(asked, n_sources)


_MODEL = {
    "P11": "This model is not shown to beat a few gray squares: its score is no reason to use it.",
    "P12": "This model tells the classes by the border of the film: its score is not of the lungs.",
}


def _titles(asked: Sequence[Asked], verdict: Verdict, ids: Sequence[str] = ()) -> str:
    """Name the lines of a verdict that count."""
    found = []
    for each in asked:
        is_asked = each.id in ids or (not ids and not each.id.endswith("s"))
        if is_asked and each.is_found(verdict):
            found.append(each.title[0].lower() + each.title[1:])
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return "; ".join(found[:MAX_NAMED]) + more


def _warned_sentence(asked: Sequence[Asked], warned: str, n_sources: int) -> str:
    """Say what is warned of; of one source no score says what holds elsewhere."""
    by_gray = any(each.id in ALONE and each.verdict is Verdict.WARN for each in asked)
    if n_sources > 1 or not by_gray:
        return f"Read a score on this folder with care ({warned})."
    floor = _pixel_floor(asked)
    held = f", which reach AUROC {floor.number_words}" if floor else ""
    return (
        "Part of a score on this folder is explained by gray level and shape alone: hold a model "
        f"against gray squares{held}. With one source nothing tells what holds on another."
    )


def _pixel_floor(asked: Sequence[Asked]) -> Asked | None:
    """Return the line of the higher pixel floor."""
    floors = [each for each in asked if each.id in (GRAY_8, GRAY_16) and each.number is not None]
    return max(floors, key=lambda each: each.number or 0.0, default=None)


def _without_warning(asked: Sequence[Asked], n_sources: int) -> Overall:
    """Tell a PASS from what could not be told."""
    judged = [each for each in asked if each.id in (*ALONE, *EVIDENCE)]
    open_ones = [each for each in judged if each.verdict is Verdict.CANNOT_TELL]
    if not any(each.verdict is Verdict.PASS for each in judged):
        return Overall(
            Verdict.CANNOT_TELL, "Too few patients or groups: nothing can be told of this folder."
        )
    if n_sources < 2:
        open_ones = [each for each in open_ones if each.id in ALONE]
    untold = f"not all could be told ({_titles(open_ones, Verdict.CANNOT_TELL)})"
    if n_sources < 2:
        also = f"{untold}, and " if open_ones else ""
        return Overall(
            Verdict.CANNOT_TELL,
            f"No shortcut was found, but {also}all films are of one source: nothing tells what a "
            "score is worth on another.",
        )
    if open_ones:
        return Overall(Verdict.CANNOT_TELL, f"No shortcut was found, but {untold}.")
    return Overall(
        Verdict.PASS,
        "No shortcut was found, and what tells these classes at one source tells them at another.",
    )
