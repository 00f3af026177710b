"""The dataset card of a curated folder: what it holds, from where, under which licence.

A Curation -> README.md as text, with what to beware of. Counts nothing, says no more than its
Summary and the catalogue hold, writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.cohort.counts import ADULT
from cxr_fastai.cohort.shapes import AgeCounts, ClassCounts
from cxr_fastai.core import SPLITS, Task
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    COUNTS_HEADER,
    FOLD_WITHOUT_CLASS,
    SMALL_FOLDER,
    UNEXPECTED_OVERLAP,
    Curation,
    Summary,
)
from cxr_fastai.curation.folder.sentences import (
    NOTHING_FOUND,
    conflicts_line,
    copies_line,
    incomplete_line,
    looks_line,
    negatives_line,
    official_line,
    patients_line,
    related_line,
    share_lines,
    warning_line,
)
from cxr_fastai.reporting.front_matter import front_matter
from cxr_fastai.reporting.text import count, markdown_table, md, share

__all__ = ["dataset_card", "used_sources"]

# Kinds of a curation's own warnings that the card tells, beside those of its confounds.
BEWARE = (CLASS_WITHOUT_IMAGES, FOLD_WITHOUT_CLASS, SMALL_FOLDER, UNEXPECTED_OVERLAP)
MAX_VIEWS = 6  # columns; of more views only COMMON_VIEWS have one, the rest is counted as other
COMMON_VIEWS = ("PA", "AP", "L")
MAX_NAMED_FILES = 2  # of a download; of more their number is told
HUB_LICENCES = {  # the catalogue's names -> the Hub's
    "CC0": "cc0-1.0",
    "CC0-1.0": "cc0-1.0",
    "CC BY 3.0": "cc-by-3.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
    "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0",
    "CC BY-NC-ND 4.0": "cc-by-nc-nd-4.0",
}
SIZE_CATEGORIES = {  # images, at least -> the Hub's name, the greatest first
    1_000_000: "1M<n<10M",
    100_000: "100K<n<1M",
    10_000: "10K<n<100K",
    1_000: "1K<n<10K",
}
SHORT_HASH = 12  # digits of a SHA-256; sources.lock.json has it whole


def dataset_card(curation: Curation) -> str:
    """README.md of a curated folder."""
    recipe, summary = curation.recipe, curation.summary
    parts = [
        front_matter(_head(curation)).rstrip("\n"),
        md(incomplete_line(curation)),
        f"# {md(recipe.title)}",
        f"{count(summary.images, 'radiograph')}, curated by cxr_fastai for recipe "
        f"{md(recipe.name)}. Research only, not a medical device.\n"
        "Images are upright 8-bit gray PNG without metadata, named by the SHA-256 of their pixels; "
        "manifest.csv has a row for each, croissant.json describes both to machines, and "
        "metadata.csv gives imagefolder of Hugging Face's datasets label, split, source, patient.",
        "## Images by class, source and split",
        markdown_table(COUNTS_HEADER, summary.counts_rows()),
        f"{conflicts_line(curation)} Left out: "
        f"{count(summary.left_out, 'file or table row', 'files or table rows')} for the "
        "reasons in rejects.csv.",
        "## What may be shared",
        "\n".join(md(line) for line in share_lines(curation)),
        _licences_table(curation),
        md(negatives_line(summary)),
        "## Copies and leakage",
        _leakage(summary),
        _republished_table(curation),
        _unexpected_table(summary),
        "## Class and source",
        "The largest source of each class, and its share.",
        _largest_sources_table(summary),
        "## Patients, ages and views",
        f"Children are under {ADULT}, by the age given, else as the catalogue says of the whole "
        "source.",
        _people_table(summary),
        _views_table(summary),
        _quality(summary),
        "## Beware",
        _beware(curation),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(curation: Curation) -> dict[str, Any]:
    """Return what the Hugging Face Hub reads of a card."""
    recipe = curation.recipe
    kind = "multi-label" if recipe.task is Task.MULTI_LABEL else "multi-class"
    return {
        **_hub_licence(used_sources(curation)),
        "pretty_name": recipe.title,
        "task_categories": ["image-classification"],
        "task_ids": [f"{kind}-image-classification"],
        "tags": ["chest-x-ray", "radiology", "medical", "research-only"],
        "size_categories": [_size_category(curation.summary.images)],
    }


def _hub_licence(sources: list[Source]) -> dict[str, Any]:
    """Name the licence as the Hub does, where all sources have one that it knows."""
    names = {HUB_LICENCES.get(source.licence, "") for source in sources}
    if len(names) == 1 and "" not in names:
        return {"license": names.pop()}
    return {
        "license": "other",
        "license_name": "that-of-each-source",
        "license_link": "README.md#what-may-be-shared",
    }


def _size_category(images: int) -> str:
    """Name the size as the Hub does."""
    for least, name in SIZE_CATEGORIES.items():
        if images >= least:
            return name
    return "n<1K"


def used_sources(curation: Curation) -> list[Source]:
    """Return the sources that gave images, in catalogue order."""
    return [source for source in curation.sources if source.id in curation.summary.sources]


# ---- sources


def _licences_table(curation: Curation) -> str:
    """Tabulate what each source allows, and how to cite it.

    With what was downloaded, where something was.
    """
    header = ["source", "images", "may be shared on", "licence", "title", "citation", "page"]
    if curation.versions:
        header.append("fetched")
    rows = []
    for source in used_sources(curation):
        row = [
            source.id,
            curation.summary.sources[source.id],
            source.redistribute or "unknown",
            source.licence or "none stated",
            source.title,
            source.citation,
            source.url,
        ]
        if curation.versions:
            row.append(_version(curation.versions.get(source.id, "")))
        rows.append(row)
    return markdown_table(header, rows)


def _version(
    entry: Any,  # of the lock file; or a version in words
) -> str:
    """Version and hashes of a download, short: sources.lock.json has them whole."""
    if not isinstance(entry, dict):
        return str(entry)
    parts = [f"{part['name']} {part['sha256'][:SHORT_HASH]}" for part in entry.get("parts", ())]
    files = ", ".join(parts) if len(parts) <= MAX_NAMED_FILES else f"{len(parts)} files"
    return "; ".join(text for text in (entry.get("version", ""), files) if text)


# ---- copies and leakage


def _leakage(summary: Summary) -> str:
    """Say what is promised of copies, patients and splits, and on what numbers that rests."""
    lines = [copies_line(summary), patients_line(summary)]
    if summary.tied_across_sources:
        images = count(summary.tied_across_sources, "image is", "images are")
        lines.append(
            f"{images} tied to images of another source, by a patient, a declared radiograph or "
            "their look; they stand in one split with them."
        )
    if summary.related:
        lines.append(related_line(summary))
    lines.append(official_line(summary))
    return _bullets(lines)


def _republished_table(curation: Curation) -> str:
    """Which used source is known to copy which, and how many copies were found."""
    header = (
        "source",
        "is known to re-publish",
        "of these in this folder",
        "copies shared with other sources",
    )
    used = curation.summary.sources
    rows = []
    for source in used_sources(curation):
        if source.derived:
            known = ["any" if origin == "*" else origin for origin in source.derived]
            here = [origin for origin in source.derived if origin in used]
            shared = _copies_shared(curation.summary, source.id)
            rows.append((source.id, ", ".join(known), ", ".join(here) or "none", shared))
    return markdown_table(header, rows) if rows else ""


def _copies_shared(
    summary: Summary,
    source_id: str,  # of a source that gave images
) -> int:  # copies, of any kind
    """Count the copies left out that link this source with another one."""
    total = 0
    for (kept, source, _), n in summary.copies.items():
        if kept != source and source_id in (kept, source):
            total += n
    return total


def _unexpected_table(summary: Summary) -> str:
    """Tabulate the copies between sources that nobody expects.

    Empty where there are none.
    """
    if not summary.unexpected:
        return ""
    rows = [(one, other, n) for (one, other), n in summary.unexpected.items()]
    table = markdown_table(("source", "and", "radiographs in both"), rows)
    says = (
        "Unexpected overlap: copies between sources that the catalogue does not link (report.html)."
    )
    return f"{says}\n\n{table}"


# ---- classes


def _largest_sources_table(summary: Summary) -> str:
    """Tabulate the source of most images of each class, and its share in all and in each split."""
    rows = []
    for label, counts in summary.classes.items():
        source, images = _largest(counts["source"])
        shares = [_share_in_split(summary, label, split, source) for split in SPLITS]
        rows.append((label, source, share(images, counts["images"]), *shares))
    header = ("class", "largest source", "of all", *(f"of {split}" for split in SPLITS))
    return markdown_table(header, rows)


def _largest(
    images: dict[str, int],  # source -> images, of one class
) -> tuple[str, int]:
    """Find the source of most images and their number; of several, the first by name."""
    return min(images.items(), key=lambda item: (-item[1], item[0]))


def _share_in_split(
    summary: Summary,
    label: str,  # the class
    split: str,  # train | valid | test
    largest_of_all: str,  # source of most images of the class
) -> str:
    """Tell the largest source's share of a split; its name too, if not the class's largest.

    A split without an image of the class says so.
    """
    images = {}
    for source in summary.sources:
        n = summary.counts.get((label, source, split), 0)
        if n:
            images[source] = n
    if not images:
        return "no image"
    source, n = _largest(images)
    portion = share(n, sum(images.values()))
    return portion if images.get(largest_of_all) == n else f"{portion} {source}"


def _people_table(summary: Summary) -> str:
    """Tabulate patients and ages of each class."""
    header = (
        "class",
        "images",
        "patient known",
        "patients",
        "of children",
        "of adults",
        "age group unknown",
        "age given",
        "age, median (range)",
    )
    return markdown_table(header, [_people(*item) for item in summary.classes.items()])


def _people(
    label: str,  # the class
    counts: ClassCounts,  # what is counted of it
) -> Sequence[object]:
    """Make a class's row of the table of patients and ages."""
    groups = counts["age_group"]
    children = groups.get("child", 0) + groups.get("child_source", 0)
    adults = groups.get("adult", 0) + groups.get("adult_source", 0)
    return (
        label,
        counts["images"],
        counts["patients"]["images"],
        counts["patients"]["patients"],
        children,
        adults,
        counts["images"] - children - adults,
        counts["ages"]["known"],
        _ages(counts["ages"]),
    )


def _ages(
    ages: AgeCounts,  # in years
) -> str:
    """Tell median and range of the ages that are given."""
    quantiles = ages["quantiles"]
    if not quantiles:
        return "none"
    least, _, median, _, greatest = quantiles
    return f"{median:g} ({least:g} to {greatest:g})"


def _views_table(summary: Summary) -> str:
    """Tabulate the views of each class.

    Views without a column of their own are counted together.
    """
    named = _views(summary)
    rows = []
    for label, counts in summary.classes.items():
        views = counts["view"]
        images = [views.get(view, 0) for view in named]
        unknown = views.get("", 0)
        others = counts["images"] - sum(images) - unknown
        rows.append((label, *images, others, unknown))
    header = ("class", *(f"view {view}" for view in named), "other views", "view unknown")
    return markdown_table(header, rows)


def _views(summary: Summary) -> list[str]:
    """Choose the views that have a column, PA and AP first."""
    views: set[str] = set()
    for counts in summary.classes.values():
        views.update(counts["view"])
    views.discard("")
    ordered = sorted(views, key=lambda view: (view not in ("PA", "AP"), view != "PA", view))
    if len(ordered) <= MAX_VIEWS:
        return ordered
    return [view for view in ordered if view in COMMON_VIEWS]


# ---- quality, warnings


def _quality(summary: Summary) -> str:
    """Tabulate what the files of images had to note, the commonest first, and how films lie."""
    parts = ["## Image quality", md(looks_line(summary))]
    if summary.notes:
        rows = sorted(summary.notes.items(), key=lambda item: (-item[1], item[0]))
        parts.append(markdown_table(("note", "images"), rows))
    return "\n\n".join(parts)


def _beware(curation: Curation) -> str:
    """List what tells the classes, what they and the folds lack, and copies that nobody expects.

    Says so where the checks found nothing.
    """
    found = list(curation.summary.confounds)
    for warning in curation.warnings:
        if warning.kind in BEWARE:
            found.append(warning)
    return _bullets([warning_line(warning) for warning in found] or [NOTHING_FOUND])


def _bullets(lines: list[str]) -> str:
    """Make a Markdown list of plain text."""
    return "\n".join(f"- {md(line)}" for line in lines)
