"""Judge a folder's own films: which lie on their side or head, are inverted, or are laterals.

Small pictures with group and source -> a Look each. The films themselves, and what is made of them,
are what is learned; each is judged by a model that saw nothing of its group. What most films of a
folder are is taken for right: a folder whose films are all inverted is not seen through, and
neither is a film that is mirrored. It decides for precision: what is doubtful passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cxr_fastai.core import sha256_text
from cxr_fastai.gate.examples import all_examples, chosen_films
from cxr_fastai.gate.features import features_of
from cxr_fastai.gate.fit import fitted
from cxr_fastai.gate.gate import Model, scores_of
from cxr_fastai.gate.kinds import PASSES, RIGHTED, righted
from cxr_fastai.gate.thrown_out import Negatives

__all__ = ["LOOKS", "MIN_FILMS", "MIN_GROUPS", "Look", "judge_own_films"]

LOOKS = (*RIGHTED, "lateral")  # kinds that are told of
MIN_FILMS = 100  # fewer are too few to tell what a film of the folder looks like
MIN_GROUPS = 50
MIN_THROWN_OUT = 10  # pictures of a kind: of fewer nothing is learned
# Log-odds of such a kind against a film, measured on 15,774 films of thirteen sources, the largest
# folder with four seeds. Four films lie down: they are above 5. Of the others none that righting
# betters is above 0. Of films turned by hand 97 to 99 % are above it, of inverted ones 96 to 98.
LIMIT = 2.0
# Nothing betters a lateral, so it needs more: frontal films reach 3.3. 43 to 47 of 54 are above it.
LIMIT_OF_LATERALS = 4.0
MAX_FILMS = 2000  # that are learned from; 4,000 find the same and take twice the time
FOLDS = 3
# Films that look turned or inverted spoil what they are judged by. Where they are more than this
# share they are set aside, and the rest is learned again: of 279 films of which 60 are turned and
# 20 flipped (ozan before its copies go) the fourth model finds 54 and 17, and none that is upright.
SUSPECT_SHARE = 0.005
ROUNDS = 4
LEAST_GOOD = 0.5  # share of the films that must be left to learn from
MAX_STEPS = 2  # that right a film: inverted, then turned


@dataclass(frozen=True)
class Look:
    """What a film looks like to models that never saw it."""

    kind: str = PASSES  # one of LOOKS; empty: it passes
    odds: float = 0.0  # log-odds of being no upright frontal film; above LIMIT where it has a kind
    steps: tuple[str, ...] = ()  # kinds to be righted in turn, after which it passes


def judge_own_films(
    films: np.ndarray,  # (n, SIDE, SIDE) uint8
    groups: Sequence[str],  # (n,) what no fold cuts
    sources: Sequence[str],  # (n,)
    negatives: Negatives,  # none of them a film of the folder
    seed: int = 0,
) -> list[Look] | None:  # (n,); None: too few films to tell
    """Judge each film by a model that was fitted without its group."""
    from threadpoolctl import threadpool_limits  # as in fit

    if len(films) < MIN_FILMS or len(set(groups)) < MIN_GROUPS:
        return None
    own = _Own(
        films=films,
        groups=np.asarray(groups),
        sources=np.asarray(sources),
        negatives=_learnable(negatives),
        seed=seed,
    )
    with threadpool_limits(1):  # the same sums in the same order on any machine
        return own.looks(own.last_round())


@dataclass(frozen=True, eq=False)
class _Round:
    """What the films look like to models that were fitted on those that looked good before."""

    models: Sequence[Model]  # one a fold
    odds: np.ndarray  # (n,) float64
    kinds: np.ndarray  # (n,) str: the likeliest that is refused


@dataclass(frozen=True, eq=False)
class _Own:
    """A folder's films, and how they are learned from."""

    films: np.ndarray  # (n, SIDE, SIDE) uint8
    groups: np.ndarray  # (n,) str
    sources: np.ndarray  # (n,) str
    negatives: Negatives
    seed: int

    @cached_property
    def folds(self) -> np.ndarray:  # (n,) int
        """Return the fold of each film."""
        return _folds(self.groups)

    def last_round(self) -> _Round:
        """Learn from all films, then without those that looked suspect, until few are new."""
        features = features_of(self.films)
        good = np.ones(len(self.films), bool)
        for _ in range(ROUNDS):
            models = self.models(good)
            found = self.scored(models, features)
            suspect = np.isin(found.kinds, RIGHTED) & (found.odds > 0)
            newly_suspect = suspect & good
            good = ~suspect
            if newly_suspect.mean() <= SUSPECT_SHARE or good.mean() < LEAST_GOOD:
                break
        return found

    def models(
        self,
        good: np.ndarray,  # (n,) bool: films that are learned from
    ) -> list[Model]:  # one a fold, fitted without it
        """Fit a model for each fold."""
        rng = np.random.default_rng(self.seed)
        places = np.flatnonzero(good)
        of_places = chosen_films(self.sources[places], rng, MAX_FILMS)
        chosen = places[of_places]
        examples = all_examples(
            self.films[chosen],
            self.groups[chosen].tolist(),
            self.sources[chosen].tolist(),
            self.negatives,
            rng,
        )
        features = features_of(examples.small)
        folds = _folds(examples.units)
        return [fitted(features, examples, folds != fold) for fold in range(FOLDS)]

    def scored(
        self,
        models: Sequence[Model],  # one a fold
        features: np.ndarray,  # (n, FEATURES) of the films
    ) -> _Round:
        """Score each film by the model of its fold."""
        odds = np.zeros(len(features))
        kinds = np.full(len(features), PASSES, dtype="<U32")
        for fold, model in enumerate(models):
            held = self.folds == fold
            scores = scores_of(model, features[held])
            odds[held] = scores.odds
            kinds[held] = scores.kind
        return _Round(models, odds, kinds)

    def looks(
        self,
        last: _Round,
    ) -> list[Look]:  # (n,)
        """Say what each film looks like."""
        odds = last.odds.tolist()
        kinds = last.kinds.tolist()
        found = []
        for i, film in enumerate(self.films):
            model = last.models[self.folds[i]]
            found.append(_look(model, film, kinds[i], odds[i]))
        return found


def _look(
    model: Model,  # that never saw the film
    film: np.ndarray,  # (SIDE, SIDE) uint8
    kind: str,  # the likeliest that is refused
    odds: float,
) -> Look:
    """Say what a film looks like; one that righting does not better passes."""
    passes = Look(odds=odds)
    limit = LIMIT_OF_LATERALS if kind == "lateral" else LIMIT
    is_doubtful = odds <= limit
    if kind not in LOOKS or is_doubtful:
        return passes
    if kind not in RIGHTED:
        return Look(kind, odds)
    steps = _steps(model, film, kind)
    return Look(kind, odds, steps) if steps else passes


def _learnable(negatives: Negatives) -> Negatives:
    """Return the negatives of kinds of which there are enough."""
    counts = Counter(negatives.kinds)
    kept = []
    for i, kind in enumerate(negatives.kinds):
        if counts[kind] >= MIN_THROWN_OUT:
            kept.append(i)
    return Negatives(
        small=negatives.small[kept],
        kinds=[negatives.kinds[i] for i in kept],
        sources=[negatives.sources[i] for i in kept],
        patients=[negatives.patients[i] for i in kept],
    )


def _folds(
    units: np.ndarray,  # (n,) str: groups, or units of examples, which end in one
) -> np.ndarray:  # (n,) int
    """Return the fold of each group."""
    folds = []
    for unit in units.tolist():
        group = unit.split(" ")[-1]
        folds.append(_fold(group))
    return np.array(folds)


def _fold(
    group: str,  # the last word of a unit of examples
) -> int:
    """Return the fold of a group by its name alone, so that its laterals go with its films."""
    return int(sha256_text(f"fold {group}")[:8], 16) % FOLDS


def _steps(
    model: Model,  # that never saw the film
    film: np.ndarray,  # (SIDE, SIDE) uint8
    kind: str,  # what it looks like
) -> tuple[str, ...]:
    """Return the kinds that are righted in turn until the film passes; empty: it does not."""
    steps: list[str] = []
    while kind in RIGHTED and kind not in steps and len(steps) < MAX_STEPS:
        steps.append(kind)
        upright = righted(film, steps)
        features = features_of(upright[None])
        scores = scores_of(model, features)
        if scores.odds[0] < 0:
            return tuple(steps)
        kind = str(scores.kind[0])
    return ()
