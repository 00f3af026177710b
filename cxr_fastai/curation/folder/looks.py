"""How the films of a folder lie: which look turned, inverted or lateral, and how those are righted.

Records with the scan's small pictures -> a FilmLook of each that is told of, by the eyes that the
gate has; on request the records of the righted films. A picture is decoded only to be righted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.copies.features import Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint, phash, source_bytes
from cxr_fastai.curation.engines import Engine, Lost, spread
from cxr_fastai.curation.folder.negatives import KeptNegative
from cxr_fastai.curation.sources.item import LATERAL, Item, PlaceInFile
from cxr_fastai.gate import SIDE, Negatives
from cxr_fastai.gate.kinds import righted
from cxr_fastai.gate.own_films import judge_own_films
from cxr_fastai.images import decode, pixel_sha256
from cxr_fastai.manifest import Record
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = [
    "FilmLook",
    "Looks",
    "RightedFilm",
    "look_at",
    "looks_words",
    "right_films",
    "right_records",
]

LOOK_WORDS = {
    "inverted": "inverted",
    "lateral": "lateral",
    "turned_180": "upside down",
    "turned_270": "with the head to the right",
    "turned_90": "with the head to the left",
}

RightJob = tuple[str, PlaceInFile, str, tuple[str, ...]]  # file, place, pixel_sha256, steps


@dataclass(frozen=True)
class FilmLook:
    """What a film that is told of looks like."""

    kind: str  # one of own_films.LOOKS
    odds: float | None  # log-odds of being no upright frontal film; None: its source names the view
    steps: tuple[str, ...] = ()  # kinds to be righted in turn; empty: it cannot be righted


@dataclass(frozen=True)
class Looks:
    """How the films of a folder lie."""

    of: Mapping[str, FilmLook]  # pixel_sha256 -> of those that are told of
    is_told: bool  # False: there are too few films to judge them by each other


@dataclass(frozen=True)
class RightedFilm:
    """A film as it is written after it was righted."""

    pixel_sha256: str
    phash: str
    width: int  # px
    height: int
    brightness: float  # mean gray, 0-255
    steps: tuple[str, ...]  # kinds that were righted


# ---- looking


def look_at(
    records: Sequence[Record],  # of the folder
    fingerprints: Mapping[str, Fingerprint],  # pixel_sha256 -> with its sketch
    negatives: Sequence[KeptNegative],
    seed: int,
    progress: Progress = SILENT,
) -> Looks:
    """Judge each film by models that saw nothing of its group.

    A lateral by its source's own word is one, and no film is judged by it.
    """
    distinct = {record.pixel_sha256: record for record in sorted(records, key=_by_path)}
    stated = [record for record in distinct.values() if record.view == LATERAL]
    films = [record for record in distinct.values() if record.view != LATERAL]
    looks = {record.pixel_sha256: FilmLook("lateral", None) for record in stated}
    small = [_small(fingerprints[record.pixel_sha256]) for record in films]
    others = [_small(fingerprints[record.pixel_sha256]) for record in stated]
    found = judge_own_films(
        _stacked(small),
        [record.group for record in films],
        [record.source for record in films],
        _negatives(negatives, stated, others),
        seed,
    )
    if found is None:
        return Looks(looks, False)
    for record, look in zip(films, found):
        if look.kind:
            looks[record.pixel_sha256] = FilmLook(look.kind, look.odds, look.steps)
    return Looks(looks, True)


def _by_path(record: Record) -> str:
    """Order records as the manifest does."""
    return record.path


def _small(fingerprint: Fingerprint) -> np.ndarray:  # (SIDE, SIDE) uint8
    """Return the small picture that the scan keeps of each image."""
    return Features.unpack(fingerprint.sketch).thumb


def _stacked(small: Sequence[np.ndarray]) -> np.ndarray:  # (n, SIDE, SIDE) uint8
    """Stack small pictures; there may be none."""
    return np.stack(small) if small else np.empty((0, SIDE, SIDE), np.uint8)


def _negatives(
    kept: Sequence[KeptNegative],
    stated: Sequence[Record],  # films of the folder that are laterals by their source's word
    small: Sequence[np.ndarray],  # of these
) -> Negatives:
    """Put together what is known of pictures that are no frontal films."""
    return Negatives(
        small=_stacked([*(each.small for each in kept), *small]),
        kinds=[*(each.row.kind for each in kept), *("lateral" for _ in stated)],
        sources=[*(each.row.source for each in kept), *(row.source for row in stated)],
        patients=[*(each.row.group for each in kept), *(row.group for row in stated)],
    )


def looks_words(
    kinds: Mapping[str, int],  # of LOOKS -> films; one at least
    righted: int,  # of these, turned or inverted back
) -> str:
    """Say how many films look unlike upright frontal ones, and how."""
    named = ", ".join(f"{n} {LOOK_WORDS[kind]}" for kind, n in sorted(kinds.items()))
    says = (
        f"{count(sum(kinds.values()), 'film looks', 'films look')} unlike an upright frontal film"
    )
    told = f"{says} ({named}; quality.csv names each)"
    if not righted:
        return told
    were = count(righted, "was", "were")
    return (
        f"{told}; {were} turned or inverted back: look at them, since one that had been flipped "
        "top to bottom is mirrored now"
    )


# ---- righting


def right_films(
    looks: Looks,
    origins: Mapping[str, Item],  # pixel_sha256 -> what it is read from
    in_folder: set[str],  # pixel_sha256 of all its films
    engine: Engine,  # whose workers read
) -> dict[str, RightedFilm]:  # pixel_sha256 as it lay -> what is written of it
    """Read the films that can be righted, and say what they are then.

    One whose righted picture the folder has already, or that two films would become, stays as it
    lies. Raises `IntegrityError` for a film that cannot be read again.
    """
    asked = [sha for sha, look in sorted(looks.of.items()) if look.steps]
    jobs = [(origins[sha].file, origins[sha].array, sha, looks.of[sha].steps) for sha in asked]
    found: dict[str, RightedFilm] = {}
    for i, result in spread(engine, right_many, jobs):
        if isinstance(result, Lost):
            raise IntegrityError(
                f"{jobs[i][0]} was read once, but not again: {result.message}. Run it again."
            )
        found[asked[i]] = result
    times = Counter(film.pixel_sha256 for film in found.values())
    alone = {}
    for sha in asked:
        film = found[sha]
        if film.pixel_sha256 not in in_folder and times[film.pixel_sha256] == 1:
            alone[sha] = film
    return alone


def right_many(jobs: list[RightJob]) -> list[RightedFilm]:
    """In a worker: decode films, right them, and measure what comes of it."""
    films = []
    for file, array, sha, steps in jobs:
        pixels = decode(source_bytes(file, array))
        if pixel_sha256(pixels) != sha:
            raise IntegrityError(
                f"{file} changed while it was curated. Run the same command again."
            )
        upright = righted(pixels, steps)
        height, width = upright.shape
        film = RightedFilm(
            pixel_sha256=pixel_sha256(upright),
            phash=phash(upright),
            width=width,
            height=height,
            brightness=round(cv2.mean(upright)[0], 2),
            steps=steps,
        )
        films.append(film)
    return films


def right_records(
    records: Sequence[Record],
    films: Mapping[str, RightedFilm],  # pixel_sha256 as it lay -> what is written
) -> dict[str, Record]:  # path as it lay -> the row of what is written; of all records
    """Return the rows of a folder whose films were righted; where each came from stays as it is."""
    rows = {}
    paths = {}
    for record in records:
        film = films.get(record.pixel_sha256)
        row = _right_record(record, film) if film else record
        rows[record.path] = row
        paths[record.path] = row.path
    for path, row in rows.items():
        rows[path] = replace(row, repeat_of=paths.get(row.repeat_of, ""))
    return rows


def _right_record(record: Record, film: RightedFilm) -> Record:
    """Return the row of a film that was righted: its name is that of the new pixels."""
    folder, _, name = record.path.rpartition("/")
    new = name.replace(record.pixel_sha256[:32], film.pixel_sha256[:32])
    return replace(
        record,
        path=f"{folder}/{new}",
        pixel_sha256=film.pixel_sha256,
        phash=film.phash,
        width=str(film.width),
        height=str(film.height),
        righted="|".join(film.steps),
    )
