"""report.html of a prototype: the whole story, top to bottom, in one page that fetches nothing.

A Prototype, its Curation and its reports -> html. Counts nothing that these hold, writes no file;
an image that is gone costs a thumbnail only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cxr_fastai.core import SPLITS
from cxr_fastai.curation.copies.gallery import MAX_UNFOLDED, Thumbnails, show_copy_sets, varied
from cxr_fastai.curation.folder.result import Curation
from cxr_fastai.curation.folder.sentences import (
    conflicts_line,
    copies_line,
    patients_line,
    related_line,
)
from cxr_fastai.curation.sources.item import Reject
from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.images import REASONS
from cxr_fastai.prototyping.asked import Request
from cxr_fastai.prototyping.mistakes import Mistakes, mistakes_of
from cxr_fastai.prototyping.next_steps import train_command
from cxr_fastai.prototyping.record import CURATED, RUN, Prototype
from cxr_fastai.prototyping.words import told_words
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.html import render
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT

__all__ = ["prototype_page"]

PIXEL_FLOORS = ("P5", "P5b")  # probes whose AUROC a network must pass to be worth its price
MAX_SETS = 12  # copy sets shown, and as many in conflict
MAX_EXAMPLES = 3  # files of a reason


@dataclass(frozen=True)
class Left:
    """Files that were left out for one reason."""

    what: str  # the reason in words
    number: int
    examples: tuple[str, ...]


def prototype_page(
    made: Prototype,
    request: Request,
    curation: Curation,
    reports: Mapping[str, AnyReport],
    root: Path,  # the curated folder
) -> str:
    """Return the page."""
    thumbnails = Thumbnails()
    agreeing = [copies for copies in curation.copy_sets if not copies.conflict]
    names = list(made.counts.classes)
    return render(
        "prototyping",
        "report.html",
        p=made,
        request=request,
        told=told_words(names, made.counts.several),
        header=("class", *SPLITS, "all"),
        counts=_count_rows(curation, names),
        own=curation.request.own.get("lines", ()),
        own_command=curation.request.own.get("command", ""),
        copies_line=copies_line(curation.summary),
        copies=show_copy_sets(agreeing, MAX_SETS, thumbnails),
        conflicts_line=conflicts_line(curation) if curation.summary.conflicts else "",
        conflicts=show_copy_sets(curation.conflicts, MAX_SETS, thumbnails),
        rejects=_left_out(curation.rejects),
        patients_line=patients_line(curation.summary),
        related_line=related_line(curation.summary),
        command=train_command(made.plan.settings, made.out / CURATED, made.out / RUN, request.seed),
        mistakes=_mistakes(reports, root),
        interval_words=_interval_words(reports),
        pixel_floors=PIXEL_FLOORS,
        least=MIN_GROUPS_FOR_VERDICT,
        open=MAX_UNFOLDED,
        about=_about(made, reports),
    )


def _count_rows(
    curation: Curation,
    names: Sequence[str],  # of the classes to show
) -> list[tuple[str, list[int]]]:
    """Count the images of each class in each split, and all of them."""
    rows = []
    for label, name in zip(curation.recipe.vocab, names):
        rows.append((name, _images_of(curation, label)))
    without = _images_of(curation, NONE)
    if any(without):
        rows.append((_none_words(curation), without))
    splits = [curation.summary.splits.get(split, 0) for split in SPLITS]
    rows.append(("all", [*splits, curation.summary.images]))
    return rows


def _images_of(curation: Curation, label: str) -> list[int]:
    """Return how many images of a class each split has, and all of them."""
    numbers = [_images(curation, label, split) for split in SPLITS]
    return [*numbers, sum(numbers)]


def _none_words(curation: Curation) -> str:
    """Name the images of none of several labels, with the csv's own words for them."""
    own = curation.request.own.get("no_finding_labels", ())
    return f"none of these ({', '.join(own)})" if own else "none of these"


def _images(curation: Curation, label: str, split: str) -> int:
    """Return how many images of a class a split has, of all sources."""
    found = 0
    for (its_label, _, its_split), images in curation.summary.counts.items():
        if (its_label, its_split) == (label, split):
            found += images
    return found


def _left_out(rejects: Iterable[Reject]) -> list[Left]:
    """Return what was left out by reason, the commonest first."""
    by_reason: dict[tuple[str, str], list[Reject]] = {}
    for reject in rejects:
        by_reason.setdefault((reject.stage, reject.reason), []).append(reject)
    rows = []
    for (_, reason), some in by_reason.items():
        shown = varied(some, MAX_EXAMPLES, _message_of)
        examples = tuple(_reject_words(reject) for reject in shown)
        what = REASONS.get(reason, reason.replace("_", " "))
        rows.append(Left(what, len(some), examples))
    return sorted(rows, key=_commonest_first)


def _commonest_first(left: Left) -> tuple[int, str]:
    """Order reasons by their number, the greatest first, then by their words."""
    return -left.number, left.what


def _message_of(reject: Reject) -> str:
    """Tell rejects alike by what is said of them."""
    return reject.message


def _reject_words(reject: Reject) -> str:
    """Say what happened to a file, its name first."""
    if reject.message.startswith(reject.path):
        return reject.message
    return ": ".join(text for text in (reject.path, reject.message) if text)


def _mistakes(reports: Mapping[str, AnyReport], root: Path) -> list[Mistakes]:
    """Return the mistakes on each split that was scored."""
    found = [mistakes_of(report, root) for report in reports.values()]
    return [mistakes for mistakes in found if mistakes is not None]


def _interval_words(reports: Mapping[str, AnyReport]) -> str:
    """Say what the intervals of the first report are."""
    for report in reports.values():
        return report.interval_words
    return ""


def _about(made: Prototype, reports: Mapping[str, AnyReport]) -> dict[str, str]:
    """Return the facts at the page's end."""
    facts = {"made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")}
    for report in reports.values():
        facts.update(report.about)
        break
    took = [f"{name} {seconds:.0f} s" for name, seconds in made.seconds.items()]
    facts["time"] = ", ".join(took)
    return facts
