"""What answers films for the server: uploads in, a row and a film each out.

Films are decoded in processes of their own (`decoders`), screened and resized in as many threads
as there are of these, and answered in one thread, which has the network to itself: films of all
requests that wait are answered together. The rows are those of `cxr predict --json`. Nothing of a
film is kept after its answer, nothing is written.

All that is shared is touched by the event loop alone, so that there is no lock.
"""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from cxr_fastai.app.decoders import Decoders
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.uploads import Upload
from cxr_fastai.bundle.film_view import FilmView
from cxr_fastai.core import CxrError, ImageRejected, IntegrityError, Prediction
from cxr_fastai.serving.answers import (
    Film,
    FilmRead,
    Model,
    Reading,
    answer_batch,
    film_of,
    members_of,
    read_film,
    reading_of,
)
from cxr_fastai.serving.rows import Row, row_of

__all__ = ["Answered", "Service", "NOT_ANSWERED"]

T = TypeVar("T")

# How many films the network is given at once: the most of these that wait. 4 to 32 take the same
# time a film (resnet18 and 34 at 224 px); fewer keep a single film waiting less, and less memory.
# Few numbers, as a runtime keeps memory for each that it met: it has met all when it is ready.
BATCHES = (8, 4, 2, 1)
# Films of one request that are decoded or wait for it, so that those of others come in between.
AHEAD = 4
NOT_ANSWERED = "not_answered"  # rejected for: the network itself answers nothing finite


@dataclass(frozen=True)
class Answered:
    """One film, answered."""

    row: Row  # as `cxr predict --json` prints it
    film: Film | None = None  # None: it could not be read, or nobody asked for it
    # why there is no answer, of images.REASONS, decoders.LOST_REASONS or NOT_ANSWERED; empty: there
    # is one
    rejected: str = ""


@dataclass(frozen=True)
class _Read:
    """An upload, read."""

    film: FilmRead
    rejected: str = ""  # why it could not be


@dataclass(frozen=True)
class _Waiting:
    """A film that waits for the network."""

    film: FilmRead
    told: asyncio.Future[Prediction]


class Service:
    """Answers films."""

    def __init__(
        self,
        model: Model,
        limits: Limits,
        gate: bool = True,  # False: also what is no upright frontal chest film is answered
        right: bool = False,  # turn and invert back what looks turned or inverted
        decoders: Decoders | None = None,  # None: those of a server
    ):
        """Prepare; nothing is started yet. Raises `UsageError` where no film could be righted."""
        self.model = model
        self.limits = limits
        self.gate = gate
        self.right = right
        self.ready = False  # whether all is started and the model warm
        self.warm_row: Row | None = None  # answer to the drawn film: the example of openapi.json
        self.decoders = decoders or Decoders()
        self._readers = ThreadPoolExecutor(self.decoders.children, "cxr-read")
        self._network = ThreadPoolExecutor(1, "cxr-network")
        self._waiting: deque[_Waiting] = deque()
        self._answering: asyncio.Task[None] | None = None
        reading_of(model, gate, right)

    async def start(self) -> None:
        """Start the decoders and warm the model up, by each number of films, and by a drawn film.

        Raises `StorageError` where no process can be started, `IntegrityError` where it decodes
        nothing, and what the network raises.
        """
        decoders = _in(self._readers, self.decoders.start)
        await asyncio.gather(decoders, self.compute(self._warm_up))
        drawn = Upload("drawn.png", await _in(self._readers, _drawn))
        answered = await self.answer([drawn])
        if answered[0].rejected:
            raise IntegrityError(f"the server cannot answer: {answered[0].row['error']}")
        self.warm_row = answered[0].row
        self.ready = True

    async def close(self) -> None:
        """End what runs."""
        self.ready = False
        self.decoders.close()
        for pool in (self._readers, self._network):
            pool.shutdown(wait=False, cancel_futures=True)

    async def answer(
        self,
        uploads: Sequence[Upload],
        keep: bool = False,  # the films, to be shown
        right: bool | None = None,  # as `right` of the service, for these; None: as it was started
    ) -> list[Answered]:  # one an upload, in order
        """Answer films. Never raises for what is in them.

        Raises `UsageError` where `right` is asked for and there is no gate. Cancelled, it gives up
        what has not begun.
        """
        righted = self.right if right is None else right
        reading = reading_of(self.model, self.gate, righted, keep)
        ahead = asyncio.Semaphore(AHEAD)
        one = partial(self._one, reading, ahead)
        films = [asyncio.ensure_future(one(upload)) for upload in uploads]
        try:
            return await asyncio.gather(*films)
        finally:
            for film in films:
                film.cancel()

    async def compute(
        self,
        work: Callable[[], T],
    ) -> T:
        """Do something in the network's thread, so that nothing computes beside it."""
        return await _in(self._network, work)

    # ---- one film

    async def _one(self, reading: Reading, ahead: asyncio.Semaphore, upload: Upload) -> Answered:
        """Answer one film."""
        async with ahead:
            read = await _in(self._readers, partial(self._read, reading, upload))
        film = read.film
        if not film.inputs:
            return Answered(
                row_of(film.answer), film_of(self.model, film, film.answer), read.rejected
            )
        try:
            answer = await self._told(film)
        except CxrError as e:
            return Answered(row_of(_unanswered(film, e)), None, NOT_ANSWERED)
        return Answered(row_of(answer), film_of(self.model, film, answer))

    def _read(self, reading: Reading, upload: Upload) -> _Read:
        """In a thread: decode, screen and resize one film."""
        rejected = ""
        source: Any
        try:
            source = self.decoders.read(upload.data, upload.name)
        except ImageRejected as e:
            source, rejected = e, e.reason
        film = read_film(reading, source, upload.name)
        if rejected:
            # The traceback leads to this frame, and so to the film's bytes, in a circle: they would
            # stay until Python looks for circles, which may be hundreds of films later.
            source.__traceback__ = None
        return _Read(_without_source(film), rejected)

    # ---- the network

    def _told(self, film: FilmRead) -> asyncio.Future[Prediction]:
        """Queue a film for the network."""
        told: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(film, told))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.ensure_future(self._answer_all())
        return told

    async def _answer_all(self) -> None:
        """Answer what waits, as many together as there are, until nothing does."""
        while self._waiting:
            self._waiting = deque(one for one in self._waiting if not one.told.done())  # given up
            fitting = [n for n in BATCHES if n <= len(self._waiting)]
            if fitting:
                await self._answer([self._waiting.popleft() for _ in range(fitting[0])])

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        """Answer films together; where that fails each alone, so that it costs only its own."""
        films = [one.film for one in batch]
        try:
            answers = await self.compute(partial(answer_batch, self.model, films))
        except Exception as e:  # of the runtime, too: its own request tells
            if len(batch) == 1:
                _settle(batch[0].told, error=e)
                return
            for one in batch:
                await self._answer([one])
            return
        for one, answer in zip(batch, answers):
            _settle(one.told, answer)

    def _warm_up(self) -> None:
        """In the network's thread: have the runtime prepare for each number of films."""
        for member in members_of(self.model):
            meta = member.meta
            shape = (max(BATCHES), meta["in_channels"], meta["size"], meta["size"])
            blank = np.zeros(shape, np.float32)
            for n in BATCHES:
                member.probs_of(blank[:n])


def _settle(
    told: asyncio.Future[Prediction],
    answer: Prediction | None = None,
    error: Exception | None = None,
) -> None:
    """Tell who waits for an answer, unless he gave up."""
    if told.done():
        return
    if answer is not None:
        told.set_result(answer)
    else:
        told.set_exception(error or IntegrityError("there is no answer"))


async def _in(pool: Executor, work: Callable[[], T]) -> T:
    """Do something in a thread of a pool."""
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _without_source(film: FilmRead) -> FilmRead:
    """Let the film's pixels go; how it was turned back stays."""
    view = film.answer.view
    return replace(film, answer=replace(film.answer, view=FilmView(None, view.righted)))


def _unanswered(film: FilmRead, why: CxrError) -> Prediction:
    """Say that a film was read, and the network gave no answer to it."""
    told = f"{film.answer.source}: not answered: {why}"
    return Prediction(None, {}, source=film.answer.source, error=told, decision=told)


def _drawn() -> bytes:
    """Draw the film that the service warms up by, as a PNG."""
    from cxr_fastai.phantom import draw

    out = io.BytesIO()
    Image.fromarray(draw("normal", seed=0)).save(out, "PNG")
    return out.getvalue()
