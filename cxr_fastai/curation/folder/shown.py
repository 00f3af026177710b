"""What a folder shows of its films: each as it lies, or righted.

Records, how the films lie, and whether they are to be righted -> the records that are written, with
the rows of quality.csv. Reads the films that are righted, writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxr_fastai.curation.copies.copy_sets import ScannedImage
from cxr_fastai.curation.engines import Engine
from cxr_fastai.curation.folder.looks import Looks, RightedFilm, right_films, right_records
from cxr_fastai.curation.folder.quality import quality_rows
from cxr_fastai.curation.folder.result import Row
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.manifest import Record

__all__ = ["Shown", "show"]


@dataclass(frozen=True)
class Shown:
    """What the folder shows: the films as they lie, or righted."""

    records: list[Record]  # sorted by path
    quality: list[Row]  # rows of quality.csv
    brightness: dict[str, float]  # path -> mean gray, 0-255
    origins: dict[str, Item]  # pixel_sha256 of a righted film -> what it is read from


def show(
    records: list[Record],  # as the films lie
    first: dict[str, ScannedImage],  # pixel_sha256 -> image
    looks: Looks,
    right: bool,  # whether films are righted
    engine: Engine,  # whose workers read those that are
) -> Shown:
    """Say what the folder shows, and what was noted of it."""
    origins = {sha: image.item for sha, image in first.items()}
    in_folder = {record.pixel_sha256 for record in records}
    films = right_films(looks, origins, in_folder, engine) if right else {}
    rows = right_records(records, films)
    notes = {sha: first[sha].fingerprint.notes for sha in in_folder}
    return Shown(
        records=sorted(rows.values(), key=_path_of),
        quality=quality_rows(rows, records, notes, looks.of),
        brightness=_brightness(records, rows, first, films),
        origins={film.pixel_sha256: origins[sha] for sha, film in films.items()},
    )


def _path_of(record: Record) -> str:
    """Order records as the manifest does."""
    return record.path


def _brightness(
    records: Sequence[Record],  # as the films lie
    rows: Mapping[str, Record],  # path as it lay -> the row that is written
    first: Mapping[str, ScannedImage],  # pixel_sha256 -> image
    films: Mapping[str, RightedFilm],  # pixel_sha256 as it lay -> what is written
) -> dict[str, float]:  # path that is written -> mean gray, 0-255
    """Say how bright each film is as it is written."""
    found = {}
    for record in records:
        sha = record.pixel_sha256
        row = rows[record.path]
        if sha in films:
            found[row.path] = films[sha].brightness
        else:
            found[row.path] = first[sha].fingerprint.brightness
    return found
