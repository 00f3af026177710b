"""The loop of prediction: many radiographs, an answer each, in order.

A bundle or an ensemble and named sources in, Predictions out. A radiograph that cannot be read
becomes an answer that says why, and the others carry on. Who wants to see the films as they pass,
to keep a thumbnail or to explain an answer, gives a `look`. Writes nothing, never imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.bundle.film_view import FilmView
from cxr_fastai.bundle.inputs import prepare, radiograph_of
from cxr_fastai.core import CxrError, Prediction, UsageError, one_line
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.ensemble import Ensemble
from cxr_fastai.serving.views import VIEWS, views_of

__all__ = ["Film", "Look", "Model", "Named", "answers_of", "members_of"]

Model = Bundle | Ensemble
Named = tuple[Any, str]  # a radiograph, and the name that messages give it
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


Look = Callable[[Film], Prediction]  # returns the answer, with what it has to add


@dataclass(frozen=True)
class _Read:
    """A radiograph as it was read."""

    answer: Prediction  # its name and notes, or its error
    inputs: tuple[np.ndarray, ...] = ()  # a member each; none: it could not be read
    shown: np.ndarray | None = None  # None: nobody looks


def members_of(model: Model) -> tuple[Bundle, ...]:
    """Return the bundles that answer."""
    return model.members if isinstance(model, Ensemble) else (model,)


def answers_of(
    model: Model,
    named: Sequence[Named],
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time: bounds memory, does not change answers
    promise: Promise | None = None,  # None: no prediction sets
    tta: bool = False,  # the mean of several views, of views.VIEWS
    look: Look | None = None,  # is shown every film that was read, with its answer
) -> list[Prediction]:  # one a source, in order
    """Predict radiographs, those of a batch together."""
    if bs < 1:
        raise UsageError(f"bs is {bs}, expected 1 or more")
    if tta and promise is not None:
        raise UsageError(
            "a coverage is promised for films as they are: the scores of validation, by which it "
            "is, were made without test-time augmentation. Ask for one of the two."
        )
    starts = range(0, len(named), bs)
    what = f"predicting {count(len(named), 'image')}"
    answers: list[Prediction] = []
    for start in (progress or SILENT).bar(starts, len(starts), what):
        films = _read_batch(model, named[start : start + bs], keep=look is not None)
        told = _answer_batch(model, films, promise, tta)
        answers += _looked_at(model, films, told, start, look)
    return answers


# ---- read


def _read_batch(
    model: Model,
    named: Sequence[Named],
    keep: bool,  # pixels to be looked at
) -> list[_Read]:
    """Read radiographs that are in memory together."""
    return [_read(model, source, name, keep) for source, name in named]


def _read(
    model: Model,
    source: Any,  # one radiograph
    name: str,  # that messages give it
    keep: bool,  # pixels to be looked at
) -> _Read:
    """Read a radiograph as every member's network is given it."""
    try:
        radiograph = radiograph_of(source)
    except (CxrError, OSError) as e:
        error = one_line(e)
        words = f"not read: {error}"
        return _Read(Prediction(None, {}, source=name, error=error, decision=words))
    pixels = radiograph.pixels
    return _Read(
        answer=Prediction(None, {}, source=name, notes=radiograph.notes, view=FilmView(source)),
        inputs=tuple(prepare(pixels, member.meta) for member in members_of(model)),
        shown=_small(pixels) if keep else None,
    )


def _small(pixels: np.ndarray) -> np.ndarray:
    """Reduce pixels to what is shown of a film."""
    image = Image.fromarray(pixels)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)
    return np.asarray(image)


# ---- answer


def _answer_batch(
    model: Model,
    films: Sequence[_Read],
    promise: Promise | None,
    tta: bool,
) -> list[Prediction]:
    """Answer for the films that could be read; the others keep the answer that says why."""
    read = [film for film in films if film.inputs]
    if not read:
        return [film.answer for film in films]
    of_members = []
    for i, member in enumerate(members_of(model)):
        of_members.append(_probs(member, np.stack([film.inputs[i] for film in read]), tta))
    told = iter(_decide(model, of_members, promise))
    answers = []
    for film in films:
        answers.append(_named(next(told), film.answer) if film.inputs else film.answer)
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


def _named(told: Prediction, before: Prediction) -> Prediction:
    """Return an answer with the name and notes of the film that it is of."""
    return replace(told, source=before.source, notes=before.notes, view=before.view)


def _looked_at(
    model: Model,
    films: Sequence[_Read],
    told: Sequence[Prediction],
    start: int,  # number of the first film
    look: Look | None,
) -> list[Prediction]:
    """Show every film that was read to who looks, and return the answers with what was added."""
    if look is None:
        return list(told)
    answers = []
    for i, (film, answer) in enumerate(zip(films, told)):
        if film.shown is None:
            answers.append(answer)
            continue
        answers.append(look(Film(start + i, answer, film.shown, film.inputs, members_of(model))))
    return answers
