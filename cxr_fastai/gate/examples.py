"""What the gate is fitted on: a folder's films, what is made of them, and what no film is.

Films, groups and sources in; small pictures with their kind, and the unit that no fold cuts, out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxr_fastai.gate import made
from cxr_fastai.gate.drawn import drawings
from cxr_fastai.gate.kinds import PASSES
from cxr_fastai.gate.thrown_out import Negatives

__all__ = ["Examples", "Part", "all_examples", "chosen_films"]

MAX_FILMS = 4000  # good ones that are learned from: 4,000 take the seconds that a training may add
MAX_CHANGED = 2000  # of them, that are learned from changed as well
MAX_MADE = 800  # pictures of each made kind
MIN_MADE = 60
VARIED = 3  # copies of each picture that was thrown out, and of its mirror image


@dataclass(frozen=True, eq=False)
class Part:
    """Pictures of one kind."""

    name: str  # for the table: a kind, or what the pictures are of
    kind: str  # one of KINDS; PASSES: good films
    small: np.ndarray  # (n, SIDE, SIDE) uint8
    units: Sequence[str]  # (n,) what no fold cuts


@dataclass(frozen=True, eq=False)
class Examples:
    """All pictures that a gate is fitted on."""

    small: np.ndarray  # (n, SIDE, SIDE) uint8
    names: np.ndarray  # (n,) str: of the part
    kinds: np.ndarray  # (n,) str
    units: np.ndarray  # (n,) str
    weights: np.ndarray  # (n,) within the kind: sources of good films weigh alike
    is_film: np.ndarray  # (n,) bool: a good film as it lies in the folder


def chosen_films(
    sources: np.ndarray,  # (n,) str
    rng: np.random.Generator,
    most: int = MAX_FILMS,
) -> np.ndarray:  # indices, ascending
    """Choose at most so many films, small sources whole, of the others equally many."""
    names, counts = np.unique(sources, return_counts=True)
    left = most
    cap = {}
    for place, i in enumerate(np.argsort(counts, kind="stable")):
        cap[names[i]] = min(int(counts[i]), left // (len(names) - place))
        left -= cap[names[i]]
    found = []
    for name in names:
        films = np.flatnonzero(sources == name)
        found.append(rng.permutation(films)[: cap[name]])
    return np.sort(np.concatenate(found))


def all_examples(
    films: np.ndarray,  # (n, SIDE, SIDE) uint8: good ones
    groups: Sequence[str],  # (n,)
    sources: Sequence[str],  # (n,)
    negatives: Negatives,
    rng: np.random.Generator,
) -> Examples:
    """Put together what is learned from."""
    units = np.array([f"film {group}" for group in groups])
    some = np.sort(rng.permutation(len(films))[:MAX_CHANGED])
    changed = made.varied(films[some], rng)
    parts = [
        Part("film", PASSES, films, units.tolist()),
        Part("film, changed a little", PASSES, changed, units[some].tolist()),
        *_of_films(films, units, rng),
        *_of_none(len(films), rng),
        *_thrown_out(negatives, rng),
    ]
    parts = [part for part in parts if len(part.small)]
    lengths = [len(part.small) for part in parts]
    names = np.repeat([part.name for part in parts], lengths)
    of_source = _weights(np.asarray(sources))
    weights = np.ones(len(names))
    weights[: len(films) + len(some)] = np.concatenate([of_source, of_source[some]])
    return Examples(
        small=np.concatenate([part.small for part in parts]),
        names=names,
        kinds=np.repeat([part.kind for part in parts], lengths),
        units=np.concatenate([np.asarray(part.units) for part in parts]),
        weights=weights,
        is_film=names == "film",
    )


def _weights(
    sources: np.ndarray,  # (n,) str
) -> np.ndarray:  # (n,) float64, mean 1
    """Weigh films so that a source counts by the root of its films, as a wing between two ends.

    By their number the largest would be the gate; by 1 each a source of 16 films would.
    """
    _, of_film, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[of_film])
    found: np.ndarray = weights / weights.mean()
    return found


def made_of_each(n: int) -> int:
    """Return how many pictures of each made kind stand beside n films."""
    return min(max(n, MIN_MADE), MAX_MADE)


def _of_films(
    films: np.ndarray,
    units: np.ndarray,  # (n,) str
    rng: np.random.Generator,
) -> list[Part]:
    """Make what is no good film out of good ones; each keeps the unit of its film."""
    n = made_of_each(len(films))
    parts = []
    for kind in ("turned_90", "turned_180", "turned_270", "inverted", "half_film"):
        some = rng.permutation(np.resize(rng.permutation(len(films)), max(n, len(films))))[:n]
        small = films[some]
        again = n > len(films)  # films that come twice come changed
        small = made.varied(small, rng) if again else small
        if kind == "inverted":
            small = made.inverted(small, rng)
        elif kind == "half_film":
            small = made.cut(small, rng)
        else:
            small = made.turned(small, int(kind.removeprefix("turned_")) // 90)
        parts.append(Part(kind, kind, small, units[some].tolist()))
    return parts


def _of_none(
    films: int,
    rng: np.random.Generator,
) -> list[Part]:
    """Make pictures that no film had a part in."""
    n = made_of_each(films)
    kind = "not_a_chest_film"
    photographs, names = made.photographs(n, rng)
    drawn, subjects = drawings(n // 2, rng)
    return [
        Part("photograph", kind, photographs, names),
        Part("noise", kind, made.noise(n, rng), [f"noise {i}" for i in range(n)]),
        Part("drawing", kind, drawn, subjects),
    ]


def _thrown_out(negatives: Negatives, rng: np.random.Generator) -> list[Part]:
    """Take each lateral and CT slice as it is, and mirrored, as patients face either way.

    There are few of them: varied besides, they catch 1 of 12 CT slices more.
    """
    parts = []
    kinds = np.asarray(negatives.kinds)
    for kind in sorted(set(negatives.kinds)):
        chosen = np.flatnonzero(kinds == kind)
        small = negatives.small[chosen]
        units = []
        for i in chosen:
            patient = negatives.patients[int(i)] or f"picture {i}"
            units.append(f"{kind} {negatives.sources[int(i)]} {patient}")
        parts.append(Part(kind, kind, small, units))
        both = np.concatenate([small, small[:, :, ::-1]])
        again = [both[len(small) :], *(made.varied(both, rng) for _ in range(VARIED))]
        parts.append(Part(f"{kind}, varied", kind, np.concatenate(again), units * (1 + 2 * VARIED)))
    return parts
