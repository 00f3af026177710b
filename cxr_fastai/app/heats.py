"""Where on a film an answer is most sensitive, for the page: the answer of POST /heat.

A `Film` that was answered anew in, a `HeatAnswer` out: plain JSON. Keeps nothing of a film. Where
another runtime answers, the network of the same bundle is loaded in torch when the first heat is
asked for; where that cannot be, the answer says why. Run it where the network runs: in one thread.
"""

from __future__ import annotations

from importlib.util import find_spec
from threading import Lock
from typing import TypedDict

import numpy as np
from PIL import Image

from cxr_fastai.app.look import NO_HEAT, film_png
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.files import is_onnx
from cxr_fastai.bundle.runtime import TORCH
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import CxrError, UnknownName, one_line, unknown_name
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.html import data_uri
from cxr_fastai.serving.answers import Film, Model, members_of
from cxr_fastai.serving.heat import CAVEAT, Heat
from cxr_fastai.serving.heat_of import heat_of

__all__ = ["HeatAnswer", "Heats"]

HEAT_SIDE = 256  # px, the longer side: maps of networks have 2 to 64 places a side
NO_TORCH = "The heat needs torch, which is not installed where this server runs: pip install torch."
BROKEN_TORCH = "The heat needs torch, which cannot be imported where this server runs."
NO_WEIGHTS = (
    "The heat needs the network in torch, and the server was started on an exported one alone: "
    "start it on the folder of the bundle."
)
CHANGED = (
    "The heat needs the network in torch, and the bundle was changed, or is gone, since the server "
    "started: start it again."
)
NOT_OF_THIS = "No heat can be computed of this network."


class HeatAnswer(TypedDict):
    """What POST /heat answers."""

    heat: str  # data URI of a gray PNG over the whole film, 0-255; empty: there is none
    of: str  # the class; empty without a heat
    display: str  # its name for people
    says: str  # how much of it lies outside the lungs, in words
    caveat: str  # what a heat does not show
    outside: float | None  # share outside the lung field; None: no lungs were found, or no heat
    outside_of_equal: float | None  # the same of a heat that is equal everywhere
    mostly_outside: bool  # whether a reader is to be warned
    why: str  # why there is no heat; empty: there is one


class Heats:
    """Computes heats of one model."""

    def __init__(
        self,
        model: Model,
        progress: Progress = SILENT,  # is told what went wrong, without a word of any film
    ):
        self.model = model
        self.progress = progress
        self._in_torch: tuple[Bundle, ...] = ()  # loaded when the first heat is asked for
        self._failed = ""  # why they could not be loaded; they are not tried again
        self._loading = Lock()

    @property
    def why_not(self) -> str:
        """Why no heat can be had of any film; empty: it can. Loads nothing."""
        for member in members_of(self.model):
            if member.runtime.name == TORCH:
                continue
            if is_onnx(member.path):
                return NO_WEIGHTS
            if find_spec("torch") is None:
                return NO_TORCH
        return ""

    def check(
        self,
        of: str,  # a class, or empty
    ) -> None:
        """Raise `UnknownName` for a class that the model lacks."""
        if of and of not in self.model.vocab:
            raise UnknownName(unknown_name("class", of, self.model.vocab))

    def prepare(self) -> None:
        """Load what heats need, once; run it anywhere but where the network runs.

        torch takes seconds to be imported, in which no other film would be answered. What goes
        wrong is told by `answer`.
        """
        with self._loading:
            if self._in_torch or self._failed or self.why_not:
                return
            try:
                self._in_torch = tuple(_in_torch(member) for member in members_of(self.model))
            except CxrError as e:
                self.progress.say(f"no heat: {e}")
                self._failed = CHANGED
            except (ImportError, OSError) as e:  # as an installation without its libraries
                self.progress.say(f"no heat: torch cannot be imported: {one_line(e)}")
                self._failed = BROKEN_TORCH

    def answer(
        self,
        film: Film | None,  # None: it could not be read
        of: str = "",  # a class; empty: that of the answer
    ) -> HeatAnswer:
        """Compute the heat of a film that was answered. Raises `UnknownName`."""
        self.check(of)
        self.prepare()
        why = self.why_not or self._failed
        if why:
            return _none(why)
        if film is None or not film.inputs:
            return _none(NO_HEAT)
        try:
            heat = heat_of(self._in_torch, film.inputs, film.shown, film.answer, of)
        except (CxrError, RuntimeError) as e:  # torch's own errors are RuntimeErrors
            self.progress.say(f"no heat: {one_line(e)}")
            return _none(NOT_OF_THIS)
        return self._told(film, heat)

    def _told(self, film: Film, heat: Heat) -> HeatAnswer:
        """Put a heat together with its words."""
        return HeatAnswer(
            heat=data_uri(film_png(_gray(heat, film.shown)), "png"),
            of=heat.of,
            display=self.model.display[heat.of],
            says=f"{heat.says}.",
            caveat=CAVEAT,
            outside=heat.outside,
            outside_of_equal=heat.outside_of_equal,
            mostly_outside=heat.is_mostly_outside,
            why="",
        )


def _none(why: str) -> HeatAnswer:
    """Say why there is no heat."""
    return HeatAnswer(
        heat="",
        of="",
        display="",
        says="",
        caveat=CAVEAT,
        outside=None,
        outside_of_equal=None,
        mostly_outside=False,
        why=why,
    )


def _in_torch(member: Bundle) -> Bundle:
    """Return a bundle whose network torch computes: itself, or the same loaded anew.

    Raises `CxrError` where what lies there is not what answers, or cannot be loaded.
    """
    if member.runtime.name == TORCH:
        return member
    again = load_bundle(member.path, runtime=TORCH)
    if again.meta["weights_sha256"] != member.meta["weights_sha256"]:
        raise CxrError(f"{member.path}: other weights lie there than those that answer")
    return again


def _gray(
    heat: Heat,
    film: np.ndarray,  # (h, w) uint8
) -> np.ndarray:  # (rows, columns) uint8, of the film's shape, its longer side at most HEAT_SIDE
    """Draw a heat as gray levels over the whole film."""
    small = Image.fromarray(film)
    small.thumbnail((HEAT_SIDE, HEAT_SIDE), Image.Resampling.BOX)
    places = heat.on_film(small.height, small.width)
    levels: np.ndarray = np.rint(places * 255).astype(np.uint8)
    return levels
