"""What answers films for the server: uploads in, a row and a film each out.

The first form: in this process, one request after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.uploads import Upload
from cxr_fastai.core import Prediction
from cxr_fastai.serving.answers import Film, Model, answers_of
from cxr_fastai.serving.rows import Row, row_of

__all__ = ["Answered", "Service"]


@dataclass(frozen=True)
class Answered:
    """One film, answered."""

    row: Row  # as `cxr predict --json` prints it
    film: Film | None = None  # None: it could not be read, or nobody asked for it


class Service:
    """Answers films."""

    def __init__(
        self,
        model: Model,
        limits: Limits,
        gate: bool = True,  # False: also what is no upright frontal chest film is answered
        right: bool = False,  # turn and invert back what looks turned or inverted
    ):
        self.model = model
        self.limits = limits
        self.gate = gate
        self.right = right
        self.ready = False  # whether the model is warm

    async def start(self) -> None:
        """Warm the model up."""
        self.ready = True

    async def close(self) -> None:
        """End what runs."""
        self.ready = False

    async def answer(
        self,
        uploads: Sequence[Upload],
        keep: bool = False,  # the films, to be shown
    ) -> list[Answered]:  # one an upload, in order
        """Answer films. Never raises for what is in them."""
        return await asyncio.to_thread(self._answer, uploads, keep)

    def _answer(self, uploads: Sequence[Upload], keep: bool) -> list[Answered]:
        """Answer films in this process."""
        films: dict[int, Film] = {}

        def look(film: Film) -> Prediction:
            films[film.number] = film
            return film.answer

        named = [(upload.data, upload.name) for upload in uploads]
        answers = answers_of(
            self.model, named, look=look if keep else None, gate=self.gate, right=self.right
        )
        return [Answered(row_of(answer), films.get(i)) for i, answer in enumerate(answers)]
