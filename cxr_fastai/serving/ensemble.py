"""Several bundles that answer together: the mean of their calibrated probabilities, and a vote.

Bundles of one task and the same classes in, an Ensemble out, which serving asks as a Bundle.

How it decides. The mean of calibrated probabilities is not itself calibrated (it is too cautious:
Rahaman and Thiery 2021, arXiv 2007.08792), and no threshold was ever fixed on it. So wherever a
bundle holds a number against a threshold, each member holds its own number against its own
threshold, and more than half of them must agree; of a single-label task a tie is no answer, of
several findings a tie counts as found. A miss then takes at least half of the members: of m members
that miss a share e of the ill each, on average, the vote misses at most 2 e. Where there is no
threshold, the most probable class of the mean is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.bundle.hub_names import path_for_people
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.bundle_names import short_names
from cxr_fastai.core import Prediction, StrPath, Task, UsageError
from cxr_fastai.docments import explain_methods
from cxr_fastai.recipes import NONE
from cxr_fastai.serving.ensemble_words import (
    Told,
    divided_words,
    held_back_words,
    mean_words,
    nothing_words,
    present_words,
    risk_words,
)

__all__ = ["Ensemble", "load_ensemble"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Several bundles that answer together."""

    members: tuple[Bundle, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Raise `UsageError` where these bundles cannot answer one question together."""
        _check_members(self.members)

    @property
    def names(self) -> list[str]:
        """What the members are called: the last folder of each path, or more where two clash."""
        paths = [path_for_people(member.path) for member in self.members]
        return short_names(paths)

    @property
    def vocab(self) -> list[str]:
        """The classes, in the order of the first member."""
        return self.members[0].vocab

    @property
    def display(self) -> dict[str, str]:
        """Class -> its name for people, as the first member has it."""
        return self.members[0].display

    @property
    def task(self) -> Task:
        """Whether a radiograph has one class or any number of them."""
        return self.members[0].task

    @property
    def negative(self) -> str:
        """The class that means nothing found; empty: none does."""
        return _negative_of(self.members[0])

    def promise(
        self,
        coverage: float | None,  # None: nothing is promised
    ) -> Promise | None:
        """Raise `UsageError` for a coverage: it is promised by each bundle alone."""
        if coverage is None:
            return None
        raise UsageError(
            "a coverage is promised by one bundle alone, by its own scores of validation; the mean "
            "of several has none. Ask one bundle for it."
        )

    def decide(
        self,
        of_members: Sequence[np.ndarray],  # (classes,) each, in the member's own order
    ) -> Prediction:
        """Turn what the members say of one film into an answer."""
        told = self._told(of_members)
        if self.task is Task.MULTI_LABEL:
            return self._findings(told)
        if self.negative:
            return self._by_risk(told)
        best = told.likeliest(told.mean)
        agree = [told.likeliest(own) for own in told.of_members].count(best)
        words = mean_words(best, agree, told)
        return self._held_back(best, words, told)

    def _told(
        self,
        of_members: Sequence[np.ndarray],  # (classes,) each, in the member's own order
    ) -> Told:
        """Collect what is said of one film, by class."""
        of_each = []
        for member, probs in zip(self.members, of_members):
            own = dict(zip(member.vocab, probs.tolist()))
            of_each.append({name: own[name] for name in self.vocab})
        mean = {}
        for name in self.vocab:
            values = [own[name] for own in of_each]
            mean[name] = float(np.mean(values))
        risks = self._risks(of_each, mean)
        return Told(mean, of_each, self.display, risks)

    def _risks(
        self,
        of_each: Sequence[Mapping[str, float]],
        mean: Mapping[str, float],
    ) -> tuple[float, ...]:  # of the mean, then of each member; empty: there is none
        """Return the risks, each by the rule of a bundle."""
        found = []
        for probs in (mean, *of_each):
            risk = self.members[0].risk(np.array([list(probs.values())], np.float32))
            if risk is None:
                return ()
            found.append(float(risk[0]))
        return tuple(found)

    # ---- one class a film

    def _by_risk(self, told: Told) -> Prediction:
        """Answer yes or no by vote, each member by its own threshold on its own risk."""
        yes = 0
        for member, risk in zip(self.members, told.risks[1:]):
            yes += risk >= member.meta["decision"]["threshold"]
        words = risk_words(yes, told)
        if 2 * yes == told.n:
            return self._prediction(None, divided_words(words), told)
        best = self.negative
        if 2 * yes > told.n:
            others = {name: p for name, p in told.mean.items() if name != self.negative}
            best = told.likeliest(others)
        return self._held_back(best, f"{self.display[best]}: {words}", told)

    def _held_back(
        self,
        best: str,  # the class that is answered, unless it is held back
        words: str,  # of that answer
        told: Told,
    ) -> Prediction:
        """Answer a class, unless at least half of the members hold it below its own threshold."""
        below = 0
        for member, own in zip(self.members, told.of_members):
            least = member.meta["thresholds"].get(best, 0.0)
            below += own[best] < least
        if 2 * below >= told.n:
            return self._prediction(None, held_back_words(best, below, told), told)
        return self._prediction(best, words, told)

    # ---- any number of findings

    def _findings(self, told: Told) -> Prediction:
        """Answer the findings that at least half of the members find."""
        votes = dict.fromkeys(self.vocab, 0)
        for member, own in zip(self.members, told.of_members):
            for name in _found_by(member, own):
                votes[name] += 1
        found = [name for name, n in votes.items() if 2 * n >= told.n]
        if not found:
            return self._prediction(NONE, nothing_words(votes, told), told)
        words = present_words(found, votes, told)
        return self._prediction("|".join(found), words, told)

    def _prediction(
        self,
        label: str | None,  # None: it abstains
        decision: str,  # in words
        told: Told,
    ) -> Prediction:
        """Put an answer together with what it was made from."""
        abstained = label is None
        return Prediction(
            label=label,
            probs=dict(told.mean),
            abstained=abstained,
            reason=decision.removeprefix("no answer: ") if abstained else "",
            decision=decision,
            risk=told.risks[0] if told.risks else None,
            spread={name: told.spread(name) for name in self.vocab},
        )


explain_methods(Ensemble)  # for help()


def _found_by(
    member: Bundle,
    probs: Mapping[str, float],  # finding -> its own probability
) -> list[str]:
    """Return the findings that reach the member's own thresholds."""
    in_order = np.array([[probs[name] for name in member.vocab]])
    reached = member.found(in_order)[0]
    return [name for name, is_found in zip(member.vocab, reached) if is_found]


# ---- which bundles


def load_ensemble(
    bundles: Sequence[Bundle | StrPath],  # each of load_bundle, or the folder of one
    **options: Any,  # of load_bundle
) -> Bundle | Ensemble:  # of one bundle itself
    """Load several bundles to answer together.

    Raises `UsageError` where they cannot, and what `load_bundle` raises.
    """
    members = []
    for each in bundles:
        own = each if isinstance(each, Bundle) else load_bundle(Path(each), **options)
        members.append(own)
    if len(members) == 1:
        return members[0]
    return Ensemble(tuple(members))


def _negative_of(member: Bundle) -> str:
    """Return the class that a bundle decides by; empty: it decides nothing."""
    return member.meta["decision"].get("negative", "")


def _check_members(members: Sequence[Bundle]) -> None:
    """Raise `UsageError` unless all members answer one question, each from other weights."""
    if len(members) < 2:
        raise UsageError(
            f"an ensemble takes two bundles or more, received {len(members)}: "
            "for one bundle there is no need of it."
        )
    first = members[0]
    for other in members[1:]:
        misfit = _misfit(first, other)
        if misfit:
            raise UsageError(
                f"{first.path} and {other.path} cannot answer together: {misfit}. Give bundles of "
                "one task and the same classes."
            )
    seen: dict[str, Path] = {}
    for member in members:
        sha256 = member.meta["weights_sha256"]
        if sha256 in seen:
            raise UsageError(
                f"{seen[sha256]} and {member.path} are one network: it would agree with itself. "
                "Give each once."
            )
        seen[sha256] = member.path


def _misfit(
    first: Bundle,
    other: Bundle,
) -> str:  # in words, without their names
    """Say why two bundles cannot answer together; empty where they can."""
    if first.task is not other.task:
        return f"the task of one is {first.task}, of the other {other.task}"
    alone = sorted(set(first.vocab) ^ set(other.vocab))
    if alone:
        verb = "is" if len(alone) == 1 else "are"
        return f"{', '.join(alone)} {verb} known to one alone"
    negatives = [_negative_of(each) or "no class" for each in (first, other)]
    if negatives[0] != negatives[1]:
        return f"for one {negatives[0]} means that nothing was found, for the other {negatives[1]}"
    own, others = _meanings(first), _meanings(other)
    if not own or not others:
        return ""
    for name in first.vocab:
        if own.get(name) != others.get(name):
            return f"class {name} stands for other findings in each"
    return ""


def _meanings(
    member: Bundle,
) -> Mapping[str, Any]:  # class -> findings
    """Return the findings that each class stands for; empty where the recipe does not tell."""
    classes = member.meta["recipe"].get("classes")
    return classes if isinstance(classes, Mapping) else {}
