"""An answer in words, with the numbers that it follows from.

Probabilities, an answer and a bundle's thresholds in, a sentence out. Decides nothing: the answer
is given, and the words follow it. Needs no torch, reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cxr_fastai.recipes import UNSET
from cxr_fastai.reporting.text import count

__all__ = ["Grounds", "apart", "findings_words", "class_words"]

FEWEST_PLACES = 2  # decimals of a probability in words
# More than any two different float32 numbers from 0 to 1 need that are not next to one another.
MOST_PLACES = 9


@dataclass(frozen=True)
class Grounds:
    """What an answer follows from."""

    probs: Mapping[str, float]  # class -> probability
    thresholds: Mapping[str, float]  # class -> least probability to answer it, where there is one
    display: Mapping[str, str]  # class -> name for people
    negative: str = ""  # the class that means nothing found; empty: none does
    risk: float | None = None  # of all other classes together
    threshold: float | None = None  # on the risk


def apart(
    value: float,
    threshold: float,
) -> tuple[str, str]:
    """Write two numbers with as many decimals as it takes to tell them apart; at least two.

    No threshold is rounded to 0 or 1, which would say all or nothing.
    """
    for places in range(FEWEST_PLACES, MOST_PLACES + 1):
        words = (f"{value:.{places}f}", f"{threshold:.{places}f}")
        is_all_or_nothing = float(words[1]) in (0, 1) and threshold not in (0, 1)
        if not is_all_or_nothing and (words[0] != words[1] or value == threshold):
            return words
    return words


# ---- one class a radiograph


def class_words(
    best: str,  # the class that is answered, or would be
    abstained: bool,  # its probability does not reach its threshold
    grounds: Grounds,
) -> str:
    """Say what a single-label bundle answers and why: Normal: risk 0.60 is below .."""
    name = grounds.display[best]
    if abstained:
        return f"no answer: {_held_back(best, grounds)}"
    if grounds.threshold is None or grounds.risk is None:
        return (
            f"{name}: {_leads(best, list(grounds.probs), grounds)}{_own_threshold(best, grounds)}"
        )
    risk, threshold = apart(grounds.risk, grounds.threshold)
    if best == grounds.negative:
        because = f"risk {risk} is below the threshold {threshold}"
    else:
        because = f"risk {risk} reaches the threshold {threshold}"
        others = [each for each in grounds.probs if each != grounds.negative]
        if len(others) > 1:
            because += f"; {_leads(best, others, grounds, 'other class', 'other classes')}"
    return f"{name}: {because}{_own_threshold(best, grounds)}"


def _leads(
    best: str,
    among: list[str],  # classes that it was chosen from
    grounds: Grounds,
    one: str = "class",
    many: str = "classes",
) -> str:
    """Say that a class is the most probable one of some."""
    share = f"{grounds.probs[best]:.{FEWEST_PLACES}f}"
    return f"the most probable of {count(len(among), one, many)}, {share}"


def _own_threshold(best: str, grounds: Grounds) -> str:
    """Say that a class reaches its own threshold; empty where it has none."""
    least = grounds.thresholds.get(best)
    if least is None:
        return ""
    value, threshold = apart(grounds.probs[best], least)
    return f"; {value} reaches its own threshold {threshold}"


def _held_back(best: str, grounds: Grounds) -> str:
    """Say why a class that would be answered is not."""
    value, least = apart(grounds.probs[best], grounds.thresholds[best])
    words = f"{grounds.display[best]}, {value}, is below its own threshold {least}"
    if grounds.threshold is None or grounds.risk is None:
        return words
    risk, threshold = apart(grounds.risk, grounds.threshold)
    if best == grounds.negative:
        return f"risk {risk} is below the threshold {threshold}, but {words}"
    return f"risk {risk} reaches the threshold {threshold}, but {words}"


# ---- any number of findings


def findings_words(
    found: list[str],  # the findings that are answered
    grounds: Grounds,
) -> str:
    """Say which findings reach their thresholds, and how near the others come."""
    others = [name for name in grounds.probs if name not in found]
    if not found:
        return f"none of the findings: {_nearest(others, grounds)}"
    present = ", ".join(_reaches(name, grounds) for name in found)
    if not others:
        return present
    verb = "is below its threshold" if len(others) == 1 else "are below their thresholds"
    return f"{present}; {count(len(others), 'other finding')} {verb}"


def _reaches(name: str, grounds: Grounds) -> str:
    """Say that a finding reaches its threshold."""
    value, threshold = apart(grounds.probs[name], grounds.thresholds.get(name, UNSET))
    words = f"{grounds.display[name]}: {value} reaches the threshold {threshold}"
    return words + _unless_fixed(name, grounds)


def _nearest(others: list[str], grounds: Grounds) -> str:
    """Say that no finding reaches its threshold, and which comes nearest."""

    def shortfall(name: str) -> float:
        """Return how far a finding is below its threshold."""
        return grounds.thresholds.get(name, UNSET) - grounds.probs[name]

    name = min(others, key=shortfall)
    value, threshold = apart(grounds.probs[name], grounds.thresholds.get(name, UNSET))
    nearest = f"{grounds.display[name]}, {value}, is below the threshold {threshold}"
    nearest += _unless_fixed(name, grounds)
    if len(others) == 1:
        return nearest
    return f"all {len(others)} are below their thresholds; the nearest, {nearest}"


def _unless_fixed(name: str, grounds: Grounds) -> str:
    """Say that validation fixed no threshold for a finding; empty where it did."""
    return "" if name in grounds.thresholds else " (not fixed on validation)"
