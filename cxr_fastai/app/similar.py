"""The training films nearest to a film, by what the network makes of them.

A `Film` that was answered in, a `Found` out. Films are read from the curated folder by their number
in the index, never by a path of a client, and shown only where their licence lets them be. Writes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypedDict

import numpy as np

from cxr_fastai import images
from cxr_fastai.app.may_show import why_hidden
from cxr_fastai.app.similar_index import NEAREST, Index, described, index_of
from cxr_fastai.catalog import Source, load_catalog
from cxr_fastai.core import IntegrityError, StrPath
from cxr_fastai.labels import NONE, present
from cxr_fastai.manifest import Manifest, Record, read_manifest
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.progress import Progress
from cxr_fastai.reporting.html import thumbnail
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.answers import Film, Model

__all__ = ["NO_FILMS", "NOT_ASKED", "Found", "Similar", "SimilarFilm", "similar_of"]

# px, the longer side of a training film as it is shown, and the quality of its JPEG: 10 to 20 kB
SHOWN_SIDE = 320
SHOWN_QUALITY = 80
KEPT_FILMS = 256  # read films, small, in memory
ROWS_AT_A_TIME = 8192  # of the index, whose halves are made whole: bounds memory
# Two films squashed to this side whose gray levels differ by less on average are one radiograph. Of
# 3,600 copies saved as JPEG of quality 75 and 50, at half and a third of the side, the farthest lay
# 4.7 apart; the nearest of 366 films to one of up to 1,000 others 11.7. Distances of embeddings do
# not tell them (benchmarks/results/similar.md).
COMPARED_SIDE = 64
COPY_GRAY = 6.0
NOT_ASKED = "No similar films: the server was started without --films."
UNANSWERED = "No similar films: the model has no description of this one."
NEAR = "Near by what the network's last layer is given"
NOT_ALIKE = "they need not look alike to a radiologist, nor share the disease"
THE_FILM = "This very film."
IN_TRAINING = (
    "The very film is among them: its answer says nothing of how the model does on others."
)


class SimilarFilm(TypedDict):
    """A training film near to the one that was asked about."""

    film: str  # data URI of a small JPEG; empty: it is not shown
    label: str  # as the manifest has it
    display: str  # for people
    source: str
    licence: str  # empty: none is stated
    distance: float  # 1 less the cosine: 0 is the same
    is_copy: bool  # whether it is the very film that was asked about, maybe saved anew
    why_hidden: str  # empty: it is shown
    says: str  # that it is the very film; else empty


@dataclass(frozen=True)
class Found:
    """The nearest training films, the nearest first."""

    says: str  # which they are, or why there are none
    films: Sequence[SimilarFilm] = ()


NO_FILMS = Found(NOT_ASKED)


@dataclass(frozen=True, eq=False)
class _Small:
    """A training film as it is compared and shown."""

    compared: np.ndarray  # (COMPARED_SIDE, COMPARED_SIDE) uint8
    uri: str


@dataclass(frozen=True, eq=False)
class Similar:
    """Finds the training films nearest to a film."""

    index: Index
    display: Mapping[str, str]  # class -> its name for people
    catalog: Mapping[str, Source] = field(repr=False)
    is_alone: bool  # whether the server answers this machine alone

    def describe(
        self,
        film: Film | None,  # None: it could not be read
    ) -> np.ndarray | None:  # (d,) float32; None: the model has none
        """Describe a film as those of the index are. Run it where the network runs."""
        if film is None or not film.inputs:
            return None
        inputs = [given[None] for given in film.inputs]
        try:
            vector: np.ndarray = described(film.members, inputs)[0]
        except IntegrityError:  # no finite numbers
            return None
        return vector

    def nearest(
        self,
        film: Film | None,  # None: it could not be read
        vector: np.ndarray | None,  # of `describe`
    ) -> Found:
        """Find the nearest training films, and read them. Needs no network."""
        if film is None or vector is None:
            return Found(UNANSWERED)
        distances = distances_to(self.index.vectors, vector)
        order = np.argsort(distances, kind="stable")[:NEAREST]
        compared = images.resize(film.shown, COMPARED_SIDE)
        films = [self._similar(int(i), float(distances[i]), compared) for i in order]
        return Found(self._says(films), films)

    def _similar(
        self,
        number: int,  # in the index
        distance: float,
        compared: np.ndarray,  # of the film that was asked about
    ) -> SimilarFilm:
        """Describe one film of the index."""
        row = self.index.rows[number]
        hidden = why_hidden(row, self.catalog, self.is_alone)
        small: _Small | None = None
        try:
            small = _small(self.index, number)
        except IntegrityError:
            hidden = "Not shown: its file was changed, or is gone, since the server started."
        is_copy = small is not None and is_one_film(small.compared, compared)
        return SimilarFilm(
            film=small.uri if small is not None and not hidden else "",
            label=row.label,
            display=self._shown(row.label),
            source=row.source,
            licence=row.licence,
            distance=round(max(distance, 0.0), 4),
            is_copy=is_copy,
            why_hidden=hidden,
            says=THE_FILM if is_copy else "",
        )

    def _shown(self, label: str) -> str:
        """Give a label for people."""
        names = []
        for name in present(label):
            known = self.display.get(name, name)
            names.append("none of the findings" if known == NONE else known)
        return ", ".join(names)

    def _says(self, films: Sequence[SimilarFilm]) -> str:
        """Say which films these are."""
        of = f"{count(len(self.index.rows), 'film')} {self.index.whose}"
        agreement = self.index.agreement
        shared = NOT_ALIKE if agreement is None else agreement.says
        words = f"The {len(films)} nearest of {of}. {NEAR}: {shared}."
        if any(film["is_copy"] for film in films):
            words += f" {IN_TRAINING}"
        return words


def similar_of(
    model: Model,
    data: StrPath | Manifest,  # a folder that `cxr curate` wrote
    is_alone: bool,  # whether the server answers this machine alone
    progress: Progress | None = None,  # None: silence
) -> Similar:
    """Prepare to find films: describes all training films, or reads what is kept of them.

    Raises as `index_of`.
    """
    manifest = read_manifest(data)
    return Similar(
        index=index_of(model, manifest, progress),
        display={**manifest.recipe.display, **model.display},
        catalog=load_catalog(),
        is_alone=is_alone,
    )


def distances_to(
    vectors: np.ndarray,  # (n, d) float16
    vector: np.ndarray,  # (d,) float32
) -> np.ndarray:  # (n,) float32: 1 less the cosine
    """Compute the distance of each film of an index."""
    found = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), ROWS_AT_A_TIME):
        part = vectors[start : start + ROWS_AT_A_TIME].astype(np.float32)
        found[start : start + len(part)] = 1 - part @ vector
    return found


def is_one_film(
    one: np.ndarray,  # (COMPARED_SIDE, COMPARED_SIDE) uint8
    other: np.ndarray,
) -> bool:
    """Tell whether two small pictures are of one radiograph."""
    return float(np.abs(one.astype(np.int16) - other).mean()) < COPY_GRAY


@lru_cache(maxsize=KEPT_FILMS)
def _small(
    index: Index,
    number: int,
) -> _Small:
    """Read a film of an index, small. Raises `IntegrityError`."""
    row: Record = index.rows[number]
    pixels = pixels_of(index.root, row)
    uri, _, _ = thumbnail(pixels, SHOWN_SIDE, SHOWN_QUALITY)
    return _Small(images.resize(pixels, COMPARED_SIDE), uri)
