"""The loop of prediction: many radiographs, an answer each, in order.

A bundle or an ensemble and named sources in, Predictions out. A radiograph that cannot be read
becomes an answer that says why, and the others carry on. Who wants to see the films as they pass,
to keep a thumbnail or to explain an answer, gives a `look`. Writes nothing, never imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.bundle.film_view import FilmView
from cxr_fastai.bundle.gates import Screened, gates_of, screen
from cxr_fastai.bundle.inputs import prepare, radiograph_of
from cxr_fastai.core import CxrError, Prediction, UsageError, one_line
from cxr_fastai.gate.gate import Gate
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.ensemble import Ensemble
from cxr_fastai.serving.read_ahead import Named, read_ahead
from cxr_fastai.serving.views import VIEWS, views_of

__all__ = [
    "Film",
    "FilmRead",
    "Look",
    "Model",
    "Named",
    "Reading",
    "answer_batch",
    "answers_of",
    "film_of",
    "members_of",
    "read_film",
    "reading_of",
]

Model = Bundle | Ensemble
# px, the longer side of a film as it is shown: more than any page shows, and a bound on memory.
SHOWN_SIDE = 1024


@dataclass(frozen=True)
class Film:
    """A radiograph that was read and answered, for who wants to look at it."""

    number: int  # among all sources, from 0
    answer: Prediction
    shown: np.ndarray  # (h, w) uint8, its longer side at most SHOWN_SIDE
    inputs: tuple[np.ndarray, ...]  # a member each, (in_channels, size, size) float32
    members: tuple[Bundle, ...]  # that answered
    width: int = 0  # px, of the film as it was decoded, before it was turned back; 0: not told
    height: int = 0


Look = Callable[[Film], Prediction]  # returns the answer, with what it has to add


@dataclass(frozen=True)
class Reading:
    """How radiographs are read."""

    members: tuple[Bundle, ...]
    gates: tuple[Gate, ...]  # that are asked
    right: bool  # whether what looks turned or inverted is turned back
    keep: bool  # pixels to be looked at


@dataclass(frozen=True)
class FilmRead:
    """A radiograph as it was read."""

    answer: Prediction  # its name and notes, or its error, or why the gate refused it
    # a member each; none: it could not be read, or was refused
    inputs: tuple[np.ndarray, ...] = ()
    shown: np.ndarray | None = None  # None: nobody looks
    width: int = 0  # px, of the film as it was decoded; 0: it could not be read
    height: int = 0
    screened: Screened | None = None  # what the gates said; None: it could not be read


def members_of(
    model: Model,
) -> tuple[Bundle, ...]:  # of one bundle itself
    """Return the bundles that answer."""
    if isinstance(model, Ensemble):
        return model.members
    return (model,)


def answers_of(
    model: Model,
    named: Sequence[Named],
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time: bounds memory, does not change answers
    promise: Promise | None = None,  # None: no prediction sets
    tta: bool = False,  # the mean of several views, of views.VIEWS
    look: Look | None = None,  # is shown every film that was read, with its answer
    gate: bool = True,  # False: also what is no upright frontal chest film is answered
    right: bool = False,  # turn and invert back what looks turned or inverted, and say so
) -> list[Prediction]:  # one a source, in order
    """Predict radiographs, those of a batch together."""
    if bs < 1:
        raise UsageError(f"bs is {bs}, expected 1 or more")
    if tta and promise is not None:
        raise UsageError(
            "a coverage is promised for films as they are: the scores of validation, by which it "
            "is, were made without test-time augmentation. Ask for one of the two."
        )
    reading = reading_of(model, gate, right, keep=look is not None)
    starts = range(0, len(named), bs)
    what = f"predicting {count(len(named), 'image')}"
    answers: list[Prediction] = []
    read = partial(read_film, reading)
    with closing(read_ahead(read, named, bs)) as batches:
        for start in (progress or SILENT).bar(starts, len(starts), what):
            films = next(batches)
            told = answer_batch(model, films, promise, tta)
            answers += _looked_at(model, films, told, start, look)
    return answers


# ---- read


def reading_of(
    model: Model,
    gate: bool = True,  # False: also what is no upright frontal chest film is answered
    right: bool = False,  # turn and invert back what looks turned or inverted
    keep: bool = False,  # pixels to be looked at
) -> Reading:
    """Tell how films are read for a model. Raises `UsageError` where none could be righted."""
    members = members_of(model)
    gates = gates_of([own.gate for own in members], [own.path for own in members], gate, right)
    return Reading(members, tuple(gates), right, keep)


def read_film(
    reading: Reading,
    source: Any,  # one radiograph
    name: str,  # that messages give it
) -> FilmRead:
    """Read a radiograph as every member's network is given it, where the gates let it pass."""
    try:
        radiograph = radiograph_of(source)
    except (CxrError, OSError) as e:
        error = one_line(e)
        words = f"not read: {error}"
        view = FilmView(source)  # shows why, and the film once it is mended
        return FilmRead(Prediction(None, {}, source=name, error=error, decision=words, view=view))
    screened = screen(reading.gates, radiograph.pixels, reading.right)
    pixels = screened.pixels
    before = screened.refusal if screened.refused else Prediction(None, {})
    view = FilmView(source, screened.righted)  # keeps no pixels: folders hold thousands
    inputs: tuple[np.ndarray, ...] = ()
    if not screened.refused:
        inputs = tuple(prepare(pixels, member.meta) for member in reading.members)
    return FilmRead(
        answer=replace(before, source=name, notes=radiograph.notes, view=view),
        inputs=inputs,
        shown=_small(pixels) if reading.keep else None,
        width=radiograph.width,
        height=radiograph.height,
        screened=screened,
    )


def _small(pixels: np.ndarray) -> np.ndarray:
    """Reduce pixels to what is shown of a film."""
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)
    return np.asarray(image)


# ---- answer


def answer_batch(
    model: Model,
    films: Sequence[FilmRead],  # of `read_film`
    promise: Promise | None = None,  # None: no prediction sets
    tta: bool = False,  # the mean of several views
) -> list[Prediction]:  # one a film
    """Answer for the films that passed; the others keep the answer that says why they did not."""
    read = [film for film in films if film.inputs]
    if not read:
        return [film.answer for film in films]
    of_members = []
    for i, member in enumerate(members_of(model)):
        of_members.append(_probs(member, np.stack([film.inputs[i] for film in read]), tta))
    told = iter(_decide(model, of_members, promise))
    answers = []
    for film in films:
        answers.append(_named(next(told), film) if film.inputs else film.answer)
    return answers


def _probs(
    member: Bundle,
    batch: np.ndarray,  # (n, in_channels, size, size)
    tta: bool,
) -> np.ndarray:  # (n, classes) float32
    """Compute the calibrated probabilities of one member: of the films, or the mean of views."""
    if not tta:
        return member.probs_of(batch)
    total = np.zeros((len(batch), len(member.vocab)))
    for seen in views_of(batch):
        total += member.probs_of(seen)
    return (total / len(VIEWS)).astype(np.float32)


def _decide(
    model: Model,
    of_members: Sequence[np.ndarray],  # (n, classes) each, in the member's own order
    promise: Promise | None,
) -> list[Prediction]:
    """Turn probabilities into answers."""
    if isinstance(model, Ensemble):
        return [model.decide(each) for each in zip(*of_members)]
    return [model.decide(probs, promise) for probs in of_members[0]]


def _named(told: Prediction, film: FilmRead) -> Prediction:
    """Return an answer with the name and notes of the film, and whether it was righted."""
    before = film.answer
    marked = film.screened.marked(told) if film.screened else told
    return replace(marked, source=before.source, notes=before.notes, view=before.view)


def _looked_at(
    model: Model,
    films: Sequence[FilmRead],
    told: Sequence[Prediction],
    start: int,  # number of the first film
    look: Look | None,
) -> list[Prediction]:
    """Show every film that was read to who looks, and return the answers with what was added."""
    if look is None:
        return list(told)
    answers = []
    for i, (film, answer) in enumerate(zip(films, told)):
        seen = film_of(model, film, answer, start + i)
        answers.append(answer if seen is None else look(seen))
    return answers


def film_of(
    model: Model,
    film: FilmRead,
    answer: Prediction,
    number: int = 0,  # among all sources, from 0
) -> Film | None:  # None: it could not be read, or nobody looks
    """Put together what is shown of a film."""
    if film.shown is None:
        return None
    return Film(
        number=number,
        answer=answer,
        shown=film.shown,
        inputs=film.inputs,
        members=members_of(model),
        width=film.width,
        height=film.height,
    )
