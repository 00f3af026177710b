"""Show copies side by side: the page that `cxr dedupe` writes, and pieces for other pages.

CopySets -> html that fetches nothing and runs nothing; pixels are read again for the thumbnails.
Writes no file, and an image that is gone costs a thumbnail only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.copy_sets import Copy, CopySet, ScannedImage
from cxr_fastai.curation.copies.fingerprint import pixel_sha256, source_bytes
from cxr_fastai.images import REASONS, read
from cxr_fastai.reporting.html import THUMBNAIL_SIDE, render, thumbnail

__all__ = [
    "gallery_page",
    "Thumbnails",
    "Thumbnail",
    "Shot",
    "ShownSets",
    "show_copy_sets",
    "shot_of",
    "lost_shot",
    "varied",
    "MAX_UNFOLDED",
]

MAX_SETS = 200  # of a gallery
MAX_MEMBERS = 6  # radiographs of a set that stand open; a gallery folds the others
MAX_FOLDED = 60  # radiographs of a set that fold
MAX_FOLDED_OF_PAGE = 600  # of all sets: some 3 kB each
MAX_UNFOLDED = 12  # sets that stand open; the others fold
KIND_WORDS = {"bytes": "equal bytes", "pixels": "equal pixels", "near": "near"}

T = TypeVar("T")


def gallery_page(
    copy_sets: Sequence[CopySet],  # those of one member are left out
    title: str,
    note: str = "",  # a sentence or two under the title
) -> str:
    """gallery.html of any copies: what each set holds, what was kept, how the copies differ.

    A whole page; it shows at most MAX_SETS sets and says of how many.
    """
    several = [copies for copies in copy_sets if len(copies.members) > 1]
    kinds: Counter[str] = Counter()
    for copies in several:
        kinds.update(copy.kind for copy in copies.copies[1:])
    named_kinds = [(words, kinds[kind]) for kind, words in KIND_WORDS.items() if kinds[kind]]
    return render(
        "curation/copies",
        "gallery.html",
        title=title,
        note=note,
        groups=show_copy_sets(several, MAX_SETS, Thumbnails(), MAX_FOLDED_OF_PAGE),
        images=sum(len(copies.members) for copies in several),
        copies=kinds.total(),
        kinds=named_kinds,
        across=sum(_is_across(copies) for copies in several),
        conflicts=sum(_labels_differ(copies) for copies in several),
        open=MAX_UNFOLDED,
    )


def _labels_differ(copies: CopySet) -> bool:
    """Tell whether copies are labelled otherwise, beyond capitals: NORMAL is Normal."""
    labels = {image.label.casefold() for image in copies.members}
    return copies.conflict and len(labels) > 1


# ---- thumbnails


@dataclass(frozen=True)
class Thumbnail:
    """What a page shows of an image, or why it shows nothing."""

    uri: str  # of a small JPEG; empty: `why` says why there is none
    why: str
    width: int  # to show it at, px
    height: int


class Thumbnails:
    """Thumbnails of a page: no pixels are decoded twice, and no failure leaves it."""

    def __init__(self) -> None:
        self._uris: dict[str, str] = {}  # pixel_sha256 -> small JPEG
        self._failures: dict[Hashable, str] = {}  # (file, array) -> why it gave none

    def get(self, image: ScannedImage) -> Thumbnail:
        """Return the thumbnail of an image; a copy of equal pixels may stand in for a lost file."""
        fingerprint = image.fingerprint
        place = (image.item.file, image.item.array)
        sha = fingerprint.pixel_sha256
        if sha not in self._uris and place not in self._failures:
            try:
                self._uris[sha] = _small_jpeg(image)
            except Exception as e:  # files, archives and decoders fail in many ways
                self._failures[place] = _why_failed(e)
        uri = self._uris.get(sha, "")
        scale = THUMBNAIL_SIDE / max(fingerprint.width, fingerprint.height, 1)
        return Thumbnail(
            uri=uri,
            why="" if uri else self._failures[place],
            width=max(round(fingerprint.width * scale), 1),
            height=max(round(fingerprint.height * scale), 1),
        )


def _small_jpeg(
    image: ScannedImage,  # that was scanned
) -> str:  # a data URI
    """Make a data URI of the pixels that were compared.

    Other pixels that the file holds by now are refused, as `ImageRejected`.
    """
    pixels = read(source_bytes(image.item.file, image.item.array)).pixels
    if pixel_sha256(pixels) != image.fingerprint.pixel_sha256:
        raise ImageRejected("changed", "other pixels than those that were compared")
    uri, _, _ = thumbnail(pixels)
    return uri


def _why_failed(
    error: Exception,  # that reading it raised
) -> str:
    """Say in words why an image has no thumbnail."""
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    if isinstance(error, ImageRejected) and error.reason == "changed":
        return "the file has changed since"
    if isinstance(error, ImageRejected) and error.reason in REASONS:
        return REASONS[error.reason].rstrip(".")
    return "it cannot be read any more"


# ---- one radiograph


@dataclass(frozen=True)
class Shot:
    """One radiograph of a set or pair, as the templates take it."""

    thumb: Thumbnail
    source: str
    path: str  # in the source
    label: str
    source_label: str  # the source's own words
    size: str  # width x height, px
    badge: str  # kept, reference, or the kind of copy
    kept: bool
    score: str
    transform: str  # what was done to it, told from the kept one


def shot_of(
    image: ScannedImage,  # that was scanned
    thumbnails: Thumbnails,  # of the whole page
) -> Shot:
    """Show a radiograph that stands for itself."""
    return _shot(image, thumbnails)


def _shot(
    image: ScannedImage,
    thumbnails: Thumbnails,  # of the whole page
    badge: str = "",  # kept, reference, or the kind of copy
    kept: bool = False,  # it goes into the folder
    score: str = "",  # of the copy, in words
    transform: str = "",  # what was done to it
) -> Shot:
    """Show a radiograph."""
    return Shot(
        thumb=thumbnails.get(image),
        source=image.item.source,
        path=image.item.path,
        label=image.label,
        source_label=image.item.source_label,
        size=f"{image.fingerprint.width} x {image.fingerprint.height}",
        badge=badge,
        kept=kept,
        score=score,
        transform=transform,
    )


def lost_shot(
    source: str,  # its id
    path: str,  # in the source
) -> Shot:
    """Name an image that nothing but its place is known of."""
    thumb = Thumbnail(
        uri="", why="not among the groups", width=THUMBNAIL_SIDE, height=THUMBNAIL_SIDE
    )
    return Shot(
        thumb=thumb,
        source=source,
        path=path,
        label="",
        source_label="",
        size="",
        badge="",
        kept=False,
        score="",
        transform="",
    )


def _member_shot(
    copies: CopySet,  # the set
    image: ScannedImage,  # its member
    copy: Copy,  # how that comes of the kept one
    thumbnails: Thumbnails,  # of the whole page
) -> Shot:
    """Show a member of a copy set: kept, reference, or how it differs."""
    if image is copies.kept:
        badge = "kept" if copies.is_included else "reference"
        return _shot(image, thumbnails, badge, kept=copies.is_included)
    stays = any(image is one for one in copies.staying)
    exact = copy.kind in ("bytes", "pixels")
    words = KIND_WORDS.get(copy.kind, copy.kind)
    return _shot(
        image,
        thumbnails,
        badge=f"kept too, {words}" if stays else words,
        kept=stays,
        score="" if exact else f"{copy.score:.2f}",
        transform=copy.transform,
    )


# ---- copy sets


@dataclass(frozen=True)
class ShownSets:
    """The copy sets that a page shows, and of how many."""

    cards: list[dict[str, Any]]
    total: int


def show_copy_sets(
    copy_sets: Sequence[CopySet],
    max_sets: int,
    thumbnails: Thumbnails,
    max_folded: int = 0,  # members beyond MAX_MEMBERS that fold, of all sets; the rest is counted
) -> ShownSets:
    """Choose the copy sets to show, each sort in its turn, and make a card of each.

    Those across sources, with near copies and of many kinds come first.
    """
    ordered = sorted(copy_sets, key=_order)
    chosen = varied(ordered, max_sets, _sort_of)
    cards = []
    for copies in chosen:
        card = _card(copies, thumbnails, min(max_folded, MAX_FOLDED))
        max_folded -= len(card["folded"])
        cards.append(card)
    return ShownSets(cards=cards, total=len(copy_sets))


def varied(
    things: Sequence[T],  # in order of preference
    max_things: int,  # how many at most
    sort_of: Callable[[T], Hashable],  # equal for things that are alike
) -> list[T]:
    """Choose at most `max_things`, in their order; of no sort a second before the first of each.

    The n-th of every sort goes before any sort's next, and of those the first in order.
    """
    turns: Counter[Hashable] = Counter()
    ranked = []
    for i, thing in enumerate(things):
        sort = sort_of(thing)
        ranked.append((turns[sort], i))
        turns[sort] += 1
    chosen = [i for _, i in sorted(ranked)[:max_things]]
    return [things[i] for i in sorted(chosen)]


def _order(
    copies: CopySet,  # a set
) -> tuple[bool, bool, int, float, str]:  # to sort by
    """Put the doubtful before the sure: the lower score goes first."""
    kinds = _kinds(copies)
    least_score = min(copy.score for copy in copies.copies)
    return not _is_across(copies), "near" not in kinds, -len(kinds), least_score, copies.id


def _sort_of(
    copies: CopySet,  # a set
) -> Hashable:
    """Tell sets alike by kinds, sources, labels and what was done, without its numbers.

    A page then shows many sorts of copies before it shows one sort twice.
    """
    words: set[str] = set()
    for copy in copies.copies:
        words.update(re.findall("[a-z]{3,}", copy.transform))
    parts = (_kinds(copies), _sources(copies), copies.labels, words)
    return tuple(tuple(sorted(part)) for part in parts)


def _kinds(copies: CopySet) -> set[str]:
    """Return the kinds of copies in a set.

    The kept image is none.
    """
    return {copy.kind for copy in copies.copies[1:]}


def _sources(copies: CopySet) -> set[str]:
    """Return the sources of a set.

    The kept one's too.
    """
    return {member.item.source for member in copies.members}


def _is_across(copies: CopySet) -> bool:
    """Whether a set holds images of several sources."""
    return len(_sources(copies)) > 1


def _card(
    copies: CopySet,  # the set
    thumbnails: Thumbnails,  # of the whole page
    max_folded: int,  # members that fold
) -> dict[str, Any]:
    """Make of a copy set what the templates take."""
    members = list(zip(copies.members, copies.copies))
    shown = varied(members, MAX_MEMBERS, _sort_of_member)
    is_shown = {id(image) for image, _ in shown}
    others = [(image, copy) for image, copy in members if id(image) not in is_shown]
    shots = [_member_shot(copies, image, copy, thumbnails) for image, copy in shown]
    folded = []
    for image, copy in others[:max_folded]:
        folded.append(_member_shot(copies, image, copy, thumbnails))
    return {
        "id": copies.id,
        "labels": copies.labels,
        "conflict": copies.conflict,
        "sources": sorted(_sources(copies)),
        "shots": shots,
        "folded": folded,
        "more": len(others) - len(folded),
    }


def _sort_of_member(
    member: tuple[ScannedImage, Copy],  # an image, and how it comes of the kept one
) -> Hashable:
    """Tell members of a set alike by kind, source and label."""
    image, copy = member
    return copy.kind, image.item.source, image.label
