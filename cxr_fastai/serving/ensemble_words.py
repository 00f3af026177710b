"""The answer of several bundles in words, with the numbers that it follows from.

What each member says of one film in, sentences out. Decides nothing: the answer is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxr_fastai.reporting.text import count

__all__ = [
    "Told",
    "divided_words",
    "held_back_words",
    "mean_words",
    "nothing_words",
    "present_words",
    "risk_words",
]


@dataclass(frozen=True)
class Told:
    """What the members say of one film."""

    mean: Mapping[str, float]  # class -> mean probability
    of_members: Sequence[Mapping[str, float]]  # class -> probability, a member each
    display: Mapping[str, str]  # class -> its name for people
    risks: Sequence[float]  # of the mean, then of each member; empty: there is none

    @property
    def n(self) -> int:
        """How many members there are."""
        return len(self.of_members)

    def likeliest(
        self,
        probs: Mapping[str, float],  # class -> probability
    ) -> str:
        """Return the most probable of some classes; of equal ones the first."""
        return max(probs, key=probs.__getitem__)

    def spread(self, name: str) -> tuple[float, float]:
        """Return the least and greatest probability that a member gives a class."""
        least, greatest = 1.0, 0.0
        for probs in self.of_members:
            least = min(least, probs[name])
            greatest = max(greatest, probs[name])
        return least, greatest

    def says(
        self,
        name: str,  # of a class
    ) -> str:
        """Say the mean probability of a class and the members' spread."""
        return _with_spread(self.mean[name], self.spread(name))


def _with_spread(
    mean: float,
    spread: tuple[float, float],  # least and greatest of the members
) -> str:
    """Write a mean and the least and greatest of the members."""
    low, high = spread
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def mean_words(
    best: str,
    agree: int,  # members whose own most probable class it is
    told: Told,
) -> str:
    """Say that a class is the most probable one of the mean."""
    return (
        f"{told.display[best]}: the most probable of {count(len(told.mean), 'class', 'classes')} "
        f"in the mean of {told.n} bundles, {told.says(best)}, and in {agree} of them"
    )


def risk_words(
    yes: int,  # members whose risk reaches their own threshold
    told: Told,
) -> str:
    """Say how many members find something, and the risk."""
    own = told.risks[1:]
    risk = _with_spread(told.risks[0], (min(own), max(own)))
    return f"in {yes} of {told.n} bundles the risk reaches their own threshold; mean risk {risk}"


def divided_words(words: str) -> str:
    """Say that there is no answer, as half of the members say yes."""
    return f"no answer: the bundles are divided: {words}"


def held_back_words(
    best: str,
    below: int,  # members that give it less than their own threshold
    told: Told,
) -> str:
    """Say that there is no answer, as members hold the class below its threshold."""
    return (
        f"no answer: {told.display[best]}, {told.says(best)}, is below its own threshold in "
        f"{below} of {told.n} bundles"
    )


def present_words(
    found: Sequence[str],
    votes: Mapping[str, int],  # finding -> members that find it
    told: Told,
) -> str:
    """Say which findings at least half of the members find."""
    parts = []
    for name in found:
        parts.append(
            f"{told.display[name]}: found by {votes[name]} of {told.n} bundles, "
            f"mean {told.says(name)}"
        )
    others = len(told.mean) - len(found)
    if others:
        verb = "is" if others == 1 else "are"
        parts.append(f"{count(others, 'other finding')} {verb} found by fewer than half")
    return "; ".join(parts)


def nothing_words(
    votes: Mapping[str, int],
    told: Told,
) -> str:
    """Say that no finding is found by half of the members, and which comes nearest."""

    def nearness(name: str) -> tuple[int, float]:
        """Order findings by votes, then by the mean."""
        return votes[name], told.mean[name]

    name = max(votes, key=nearness)
    return (
        f"none of the findings: none is found by half of the {told.n} bundles; the nearest, "
        f"{told.display[name]}, by {votes[name]}, mean {told.says(name)}"
    )
