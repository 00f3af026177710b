"""Show a curation: report.html, with its numbers, what to beware of, and its copies side by side.

A Curation -> html that fetches nothing and runs nothing. Counts nothing that its Summary holds,
writes no file, and an image that is gone costs a thumbnail only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.curation.copies.copy_sets import ASIDE_FOLDER, ScannedImage
from cxr_fastai.curation.copies.gallery import (
    MAX_UNFOLDED,
    Shot,
    Thumbnails,
    lost_shot,
    shot_of,
    show_copy_sets,
    varied,
)
from cxr_fastai.curation.folder.result import COPY_KINDS, COUNTS_HEADER, Curation, Row, Summary
from cxr_fastai.curation.folder.sentences import (
    NOTHING_FOUND,
    beware_lines,
    incomplete_line,
    negatives_line,
    share_lines,
)
from cxr_fastai.curation.sources.item import Reject
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import present
from cxr_fastai.reporting.html import box, render

__all__ = ["report_page"]

MAX_SETS = 60  # copy sets shown, and as many in conflict
MAX_PAIRS = 40  # unexpected copies shown
MAX_ROWS = 40  # of long tables
MAX_EXAMPLES = 3  # files of a reason
MAX_GRAY = 255
MEANINGS = {
    "bytes": "The same file.",
    "pixels": "Another file, the same pixels.",
    "near": "The same radiograph, resized, cropped, turned, mirrored, inverted or compressed "
    "again.",
}

Place = tuple[str, str]  # source and path in it


def report_page(curation: Curation) -> str:
    """report.html of a curation, a whole page."""
    summary = curation.summary
    thumbnails = Thumbnails()
    agreeing = [copies for copies in curation.copy_sets if not copies.conflict]
    laid_aside = curation.on_conflict == "keep-both-out"
    return render(
        "curation/folder",
        "report.html",
        title=curation.recipe.title,
        recipe=curation.recipe.name,
        images=summary.images,
        used=len(summary.sources),
        banner=incomplete_line(curation),
        failed=list(curation.failed.values()),
        header=COUNTS_HEADER,
        counts=summary.counts_rows(),
        shares=share_lines(curation),
        beware=beware_lines(curation) or [NOTHING_FOUND],
        looks=_looks(curation),
        tally=curation.duplicates(),
        repeats=sum(summary.official_repeats.values()),
        meanings=MEANINGS,
        between=_between_sources(summary),
        copies=show_copy_sets(agreeing, MAX_SETS, thumbnails),
        unexpected=_unexpected(curation, thumbnails),
        conflicts=show_copy_sets(curation.conflicts, MAX_SETS, thumbnails),
        conflicts_kept=summary.conflicts_kept,
        aside=ASIDE_FOLDER if laid_aside else "",
        related=_related(curation),
        n_related=summary.related,
        n_joined=summary.related_joined,
        rejects=_rejects(curation.rejects),
        n_rejects=summary.left_out,
        negatives=negatives_line(summary),
        open=MAX_UNFOLDED,
    )


# ---- copies between sources


def _between_sources(summary: Summary) -> list[tuple[str | int, ...]]:
    """Tabulate from which source to which copies went, the commonest pair first.

    Kept source, source of the copy, numbers of each kind, all.
    """
    rows: list[tuple[str | int, ...]] = []
    for kept, source in sorted({(kept, source) for kept, source, _ in summary.copies}):
        numbers = [summary.copies.get((kept, source, kind), 0) for kind in COPY_KINDS]
        rows.append((kept, source, *numbers, sum(numbers)))
    return sorted(rows, key=_commonest_first)[:MAX_ROWS]


def _commonest_first(row: tuple[str | int, ...]) -> tuple[int, tuple[str | int, ...]]:
    """Order rows by their last cell, the greatest first."""
    return -int(row[-1]), row


def _unexpected(
    curation: Curation,
    thumbnails: Thumbnails,  # of the whole page
) -> dict[str, Any]:  # as the template takes it
    """Show copies between sources that the catalogue does not link.

    How many between which, and some of them side by side.
    """
    rows = sorted(curation.unexpected, key=_by_sources)
    chosen = varied(rows, MAX_PAIRS, _two_sources)
    images = _images_at(curation, chosen)
    cards = []
    for row in chosen:
        cards.append(
            {
                "id": row["group"],
                "score": f"{float(row['score']):.2f}",
                "transform": row["transform"],
                "shots": [_shot_at(place, images, thumbnails) for place in _places(row)],
            }
        )
    pairs = sorted(curation.summary.unexpected.items(), key=lambda item: (-item[1], item[0]))
    return {"cards": cards, "total": len(rows), "pairs": pairs[:MAX_ROWS]}


def _places(row: Row) -> tuple[Place, Place]:
    """Where the two images of a row of related.csv, or of unexpected copies, lie."""
    return (row["source"], row["path"]), (row["other_source"], row["other_path"])


def _by_sources(row: Row) -> tuple[str, ...]:
    """Order rows by their sources, then by their paths."""
    return row["source"], row["other_source"], row["path"], row["other_path"]


def _two_sources(row: Row) -> tuple[str, ...]:
    """Name the two sources of a row, in either order alike."""
    return tuple(sorted((row["source"], row["other_source"])))


def _images_at(
    curation: Curation,
    rows: Sequence[Row],  # of unexpected copies
) -> dict[Place, ScannedImage]:
    """Find the images of some rows, by their place; those of no copy set are missing."""
    wanted: set[Place] = set()
    for row in rows:
        wanted.update(_places(row))
    images = {}
    for copies in curation.copy_sets:
        for member in copies.members:
            place = (member.item.source, member.item.path)
            if place in wanted:
                images[place] = member
    return images


def _shot_at(
    place: Place,  # source and path
    images: dict[Place, ScannedImage],  # those that are known
    thumbnails: Thumbnails,  # of the whole page
) -> Shot:
    """Show an image by its place; one that is in no copy set is only named."""
    if place in images:
        return shot_of(images[place], thumbnails)
    return lost_shot(*place)


# ---- other exposures


@dataclass(frozen=True)
class _Known:
    """What is known of an image of a related pair."""

    label: str = ""
    split: str = ""  # of the kept copy


def _related(
    curation: Curation,
) -> list[dict[str, Any]]:  # as the template takes them
    """List the rows of highest score; a side is (path, source, label)."""
    rows = sorted(curation.related, key=lambda row: (-float(row["score"]), _places(row)))[:MAX_ROWS]
    known = _known_at(curation, rows)
    shown = []
    for row in rows:
        sides = []
        splits = set()
        for place in _places(row):
            image = known.get(place, _Known())
            source, path = place
            sides.append((path, source, image.label))
            splits.add(image.split)
        score = f"{float(row['score']):.2f}"
        split = " and ".join(sorted(splits - {""}))
        shown.append({"score": score, "split": split, "sides": sides})
    return shown


def _known_at(
    curation: Curation,
    rows: Sequence[Row],  # of related.csv
) -> dict[Place, _Known]:
    """Label and split of the images of some rows, by their place."""
    splits = {record.pixel_sha256: record.split for record in curation.records}
    known = {}
    for copies in curation.copy_sets:
        split = splits.get(copies.kept.fingerprint.pixel_sha256, "")
        for member in copies.members:
            known[member.item.source, member.item.path] = _Known(member.label, split)
    for record in curation.records:
        known[record.source, record.original_path] = _Known(record.label, record.split)
    wanted: set[Place] = set()
    for row in rows:
        wanted.update(_places(row))
    return {place: image for place, image in known.items() if place in wanted}


# ---- rejects


def _rejects(
    rejects: Sequence[Reject],  # sorted
) -> list[tuple[str, str, int, list[tuple[str, str]]]]:
    """(stage, reason, number, examples), by stage, the commonest first.

    Examples are of as many sources as can be.
    """
    by_reason: dict[tuple[str, str], list[Reject]] = {}
    for reject in rejects:
        by_reason.setdefault((reject.stage, reject.reason), []).append(reject)
    rows = []
    for (stage, reason), some in by_reason.items():
        shown = varied(some, MAX_EXAMPLES, lambda reject: reject.source)
        examples = [(reject.source, _reject_words(reject)) for reject in shown]
        rows.append((stage, reason, len(some), examples))
    return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))


def _reject_words(reject: Reject) -> str:
    """Say what happened to a file, its name first.

    Many messages begin with the name themselves.
    """
    if reject.message.startswith(reject.path):
        return reject.message
    return ": ".join(text for text in (reject.path, reject.message) if text)


# ---- how the classes look


def _looks(
    curation: Curation,
) -> dict[str, Any]:  # as the template takes it
    """Size and brightness of each class, in words and as what a box plot needs.

    Brightness only where it was measured.
    """
    by_class: dict[str, list[Record]] = {}
    for record in curation.records:
        for label in present(record.label):
            by_class.setdefault(label, []).append(record)
    top = max((_longer_side(record) for record in curation.records), default=1)
    rows = []
    for label, records in sorted(by_class.items()):
        rows.append(_look(label, records, top, curation.brightness))
    middles = sorted((int(row["light"]["middle"]), row["label"]) for row in rows if row["light"])
    apart = middles[-1][0] - middles[0][0] if len(middles) > 1 else None
    return {
        "rows": rows,
        "top": top,
        "measured": bool(middles),
        "apart": apart,
        "middles": middles,
    }


def _longer_side(record: Record) -> int:
    """Return the longer side of an image.

    In px, upright.
    """
    return max(int(record.width), int(record.height))


def _look(
    label: str,  # the class
    records: list[Record],  # its images
    top: int,  # px, where the scale of sizes ends
    brightness: dict[str, float],  # path -> mean gray, 0-255
) -> dict[str, Any]:  # as the template takes it
    """Describe size and brightness of a class."""
    sizes = sorted(((int(r.width), int(r.height)) for r in records), key=_area)
    least, middle, most = (f"{w} x {h}" for w, h in (sizes[0], sizes[_middle(sizes)], sizes[-1]))
    gray = [brightness[r.path] for r in records if r.path in brightness]
    return {
        "label": label,
        "n": len(records),
        "middle": middle,
        "least": least,
        "most": most,
        "size": box(_five([max(size) for size in sizes]), top, "px"),
        "light": box(_five(gray), MAX_GRAY, "gray"),
    }


def _area(
    size: tuple[int, int],  # width and height, px
) -> tuple[int, tuple[int, int]]:
    """Order sizes by their number of pixels.

    Sizes of equally many go by their width.
    """
    width, height = size
    return width * height, size


def _middle(
    values: Sequence[object],  # sorted
) -> int:
    """Index of the middle one; of two, the first."""
    return (len(values) - 1) // 2


def _five(
    values: Sequence[float],  # in any order
) -> list[float] | None:
    """Least, quartiles and greatest; None of nothing."""
    if not values:
        return None
    return [float(value) for value in np.percentile(values, (0, 25, 50, 75, 100))]
