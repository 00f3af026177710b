"""Laterals and CT slices that stay out of the classes: kept as thumbnails, for the gate.

Rejects that their source calls lateral or CT, and the films of the folder -> which of them are
kept, in which group and split, and the two files of cxr_fastai.negatives. A copy of a film of the
folder is none. It reads images, and writes nothing but these files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cxr_fastai.core import IntegrityError, sha256_text
from cxr_fastai.curation.copies.features import Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint, source_bytes
from cxr_fastai.curation.copies.links import Link, find_links
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import Engine, Lost, spread
from cxr_fastai.curation.folder.split import TIE, Radiograph, connect, split_of_draw
from cxr_fastai.curation.sources.item import Item, PlaceInFile, Reject
from cxr_fastai.images import decode, pixel_sha256, resize
from cxr_fastai.negatives import (
    COLUMNS,
    SIDE,
    TABLE,
    THUMBNAILS,
    Negative,
    negatives_stand,
    negatives_text,
    write_negatives,
)
from cxr_fastai.progress import SILENT, Progress

__all__ = ["KeptNegative", "Films", "choose_negatives", "negatives_are_whole", "write_them"]

# Of a kind, at most: a gate learns no more of others, and they are read and written at each change.
MAX_OF_A_KIND = 2000
STRICTEST_FIRST = ("test", "valid", "train")

Home = tuple[str, str]  # group, split
ThumbnailJob = tuple[str, PlaceInFile, str]  # file, place in it, pixel_sha256 that it must have


@dataclass(frozen=True)
class KeptNegative:
    """A row of negatives.csv, and what its thumbnail is read from."""

    row: Negative  # without its thumbnail
    item: Item
    small: np.ndarray = field(compare=False, repr=False)  # (64, 64) uint8, as the scan keeps it


@dataclass(frozen=True)
class Films:
    """What is known of the images that a run has read as films."""

    by_source: Mapping[str, list[Fingerprint]]  # of those in the folder, with sketches
    of_patients: Mapping[str, Home]  # patient, or declared radiograph -> its group and split
    of_pixels: Mapping[str, Home]  # pixel_sha256 -> its group and split


@dataclass(frozen=True)
class _Picture:
    """A lateral or a CT slice that was read."""

    shows: str  # one of KINDS
    item: Item
    fingerprint: Fingerprint


# ---- which are kept


def choose_negatives(
    rejects: Sequence[Reject],  # of all stages
    films: Films,
    expects_copies: Callable[[str, str], bool],  # between two sources, as the catalogue tells
    engine: Engine,  # whose workers read and compare
    seed: int,  # of the splits
    progress: Progress = SILENT,
) -> list[KeptNegative]:  # by source and path
    """Choose the pictures that are kept, each with the group and split of its patient.

    One whose patient has no film draws its split as a patient does. One that cannot be read is
    none, and neither is a copy of a film of the folder: of equal pixels wherever it is from, else
    of a source of which the catalogue lets one expect copies.
    """
    chosen = _chosen(rejects)
    if not chosen:
        return []
    with ScanCache(progress) as cache:
        pictures = _read(chosen, films, engine, cache, progress)
        fresh = {picture.fingerprint.pixel_sha256 for picture in pictures}
        compared = [picture.fingerprint for picture in pictures]
        sources = {picture.item.source for picture in pictures}
        for source, some in films.by_source.items():
            if any(source == one or expects_copies(source, one) for one in sources):
                compared += some
        links = find_links(compared, engine, cache, fresh, progress) if fresh else []
    copies = _copies_of_films(links, fresh)
    pictures = [p for p in pictures if p.fingerprint.pixel_sha256 not in copies]
    homes = _homes(pictures, links, films, seed)
    kept = [_kept(picture, homes[picture.fingerprint.pixel_sha256]) for picture in pictures]
    return sorted(kept, key=lambda each: (each.row.source, each.row.original_path))


def _chosen(rejects: Sequence[Reject]) -> list[Reject]:
    """Choose at most MAX_OF_A_KIND rejects of each kind, by hash: more files change few."""
    by_kind: dict[str, list[tuple[str, Reject]]] = {}
    for reject in rejects:
        if reject.item is not None:
            order = sha256_text(f"{reject.source}|{reject.path}")
            by_kind.setdefault(reject.shows, []).append((order, reject))
    chosen: list[Reject] = []
    for _, some in sorted(by_kind.items()):
        some.sort(key=lambda pair: (pair[0], pair[1].path))
        chosen += [reject for _, reject in some[:MAX_OF_A_KIND]]
    return chosen


def _read(
    rejects: Sequence[Reject],  # that were chosen
    films: Films,
    engine: Engine,
    cache: ScanCache,
    progress: Progress,
) -> list[_Picture]:  # of different pixels, none of them a film's
    """Read the pictures; of equal pixels the first by source and path stands for all.

    Pixels that one source calls lateral and another CT are neither.
    """
    items = [reject.item for reject in rejects if reject.item is not None]
    read: dict[str, list[_Picture]] = {}
    in_folder: set[str] = set()
    for some in films.by_source.values():
        in_folder.update(film.pixel_sha256 for film in some)
    for reject, item, result in zip(rejects, items, scan(items, engine, cache, progress)):
        if isinstance(result, Fingerprint) and result.pixel_sha256 not in in_folder:
            picture = _Picture(reject.shows, item, result)
            read.setdefault(result.pixel_sha256, []).append(picture)
    pictures = []
    for same in read.values():
        if len({picture.shows for picture in same}) == 1:
            pictures.append(min(same, key=lambda p: (p.item.source, p.item.path)))
    return pictures


def _copies_of_films(
    links: Sequence[Link],  # that hold one of the pictures at least
    pictures: set[str],  # pixel_sha256 of each
) -> set[str]:  # pixel_sha256
    """Return the pictures that are copies of a film of the folder."""
    copies = set()
    for link in links:
        ends = {link.a, link.b}
        if link.kind == "near" and not ends <= pictures:
            copies |= ends & pictures
    return copies


def _kept(picture: _Picture, home: Home) -> KeptNegative:
    """Make the row of a picture."""
    item = picture.item
    group, split = home
    row = Negative(
        kind=picture.shows,
        source=item.source,
        original_path=item.path,
        sha256=picture.fingerprint.sha256,
        pixel_sha256=picture.fingerprint.pixel_sha256,
        patient=item.patients[0] if item.patients else "",
        group=group,
        split=split,
        view=item.view,
        licence=item.rule.licence,
    )
    return KeptNegative(row, item, Features.unpack(picture.fingerprint.sketch).thumb)


# ---- in which group and split


def _homes(
    pictures: Sequence[_Picture],
    links: Sequence[Link],  # between them, and between them and films
    films: Films,
    seed: int,  # of the draw
) -> dict[str, Home]:  # pixel_sha256 -> group and split
    """Give each picture the group and split of its patient's films, or draw a split for both."""
    homes = {}
    for name, members in connect(_radiographs(pictures, links)).items():
        known = _known_homes(members, links, films)
        home = min(known, key=_strictest_first) if known else (name, split_of_draw(members, seed))
        for member in members:
            homes[member.id] = home
    return homes


def _radiographs(pictures: Sequence[_Picture], links: Sequence[Link]) -> list[Radiograph]:
    """Tell what grouping needs to know of the pictures."""
    ties: dict[str, set[str]] = {}
    for link in links:
        for end in (link.a, link.b):
            ties.setdefault(end, set()).add(f"{TIE}{link.a} {link.b}")
    found = []
    for picture in pictures:
        item, pixels = picture.item, picture.fingerprint.pixel_sha256
        named = {*item.patients, item.radiograph} - {""}
        radiograph = Radiograph(
            id=pixels,
            links=frozenset(named | ties.get(pixels, set())),
            stratum=picture.shows,
            source=item.source,
            official=frozenset({item.official} - {""}),
        )
        found.append(radiograph)
    return found


def _known_homes(
    members: Sequence[Radiograph],  # of one group
    links: Sequence[Link],
    films: Films,
) -> set[Home]:
    """Return where the films of a group's patients stand, by name and by look."""
    ids = {member.id for member in members}
    known = {films.of_pixels[pixels] for pixels in ids if pixels in films.of_pixels}
    for member in members:
        known |= {films.of_patients[link] for link in member.links if link in films.of_patients}
    for link in links:
        if not ids.isdisjoint((link.a, link.b)):
            known |= {films.of_pixels[end] for end in (link.a, link.b) if end in films.of_pixels}
    return known


def _strictest_first(home: Home) -> tuple[int, str]:
    """Order homes: what is tested on goes before what validates, and that before train."""
    group, split = home
    return STRICTEST_FIRST.index(split), group


# ---- the two files


def negatives_are_whole(
    out: Path,  # the folder
    kept: Sequence[KeptNegative],  # that it is to hold
) -> bool:
    """Tell whether a folder holds just these, so that nothing is to be read or written."""
    if not kept:
        return not _is_our_table(out / TABLE) and not (out / THUMBNAILS).exists()
    return negatives_stand(out, negatives_text([each.row for each in kept]))


def write_them(
    out: Path,  # the folder
    kept: Sequence[KeptNegative],
    engine: Engine,  # whose workers read
    progress: Progress = SILENT,
) -> int:  # files that were written
    """Bring the two files to what `kept` says; those of an earlier run go where there are none.

    Raises `IntegrityError` for a picture that cannot be read again.
    """
    if negatives_are_whole(out, kept):
        return 0
    if not kept:
        if _is_our_table(out / TABLE):
            (out / TABLE).unlink()
        (out / THUMBNAILS).unlink(missing_ok=True)
        return 0
    jobs = [(each.item.file, each.item.array, each.row.pixel_sha256) for each in kept]
    thumbnails: dict[int, np.ndarray] = {}
    results = spread(engine, read_thumbnails, jobs)
    for i, result in progress.bar(results, len(jobs), f"thumbnails of no films: {len(jobs)}"):
        if isinstance(result, Lost):
            raise IntegrityError(
                f"{jobs[i][0]} was read once, but not again: {result.message}. Run it again."
            )
        thumbnails[i] = result
    whole = [replace(each.row, thumbnail=thumbnails[i]) for i, each in enumerate(kept)]
    write_negatives(out, whole)
    return 2


def read_thumbnails(jobs: list[ThumbnailJob]) -> list[np.ndarray]:
    """In a worker: decode each picture again and squash it; its pixels must be those hashed."""
    thumbnails = []
    for file, array, sha in jobs:
        pixels = decode(source_bytes(file, array))
        if pixel_sha256(pixels) != sha:
            raise IntegrityError(
                f"{file} changed while it was curated. Run the same command again."
            )
        thumbnails.append(resize(pixels, SIDE))
    return thumbnails


def _is_our_table(file: Path) -> bool:
    """Tell whether a file is a table that a run wrote, by its first line."""
    if not file.is_file():
        return False
    first_line = file.read_text(encoding="utf-8", errors="replace").split("\n")[0]
    return first_line.strip() == ",".join(COLUMNS)
