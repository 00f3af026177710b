"""Count a curation, once, for all who tell of it.

A Curation and the catalogue -> its Summary. Prints nothing, reads no file, changes no record.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from cxr_fastai.catalog import LIST_SPLIT, Rule, Source
from cxr_fastai.cohort.confounds import find_confounds
from cxr_fastai.cohort.counts import Cohort, class_counts, gather
from cxr_fastai.cohort.shapes import ClassCounts
from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.copies.copy_sets import CopySet
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    SMALL_FOLDER,
    Curation,
    Row,
    Summary,
)
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import present

__all__ = ["summarise", "count_overlap"]

MAY_BE_UNKNOWN = ("patient", "age", "sex", "view", "findings")  # columns of the manifest


def summarise(
    curation: Curation,  # with one record or more; its own summary is not looked at
    catalog: Mapping[str, Source],  # id -> Source
) -> Summary:
    """Count everything that card, page, croissant.json and terminal print of a curation."""
    records = curation.records
    per_source = Counter(record.source for record in records)
    marked = _official_marks(curation)
    cohort = gather(curation.out, records, curation.recipe, catalog)
    kept_pixels = {record.pixel_sha256 for record in records}
    joined = [row for row in curation.related if row["joined"] == "yes"]
    return Summary(
        images=len(records),
        counts=_count_cells(records),
        splits=dict(Counter(record.split for record in records)),
        sources={s.id: per_source[s.id] for s in curation.sources if s.id in per_source},
        classes=_count_classes(cohort, curation.brightness),
        shareable=_count_shareable(curation.sources, per_source),
        copies=_count_copies(curation.copy_sets),
        official_repeats=_count_repeats(records, curation.sources),
        official_elsewhere=_count_elsewhere(curation.copy_sets, curation.sources),
        conflicts=len(curation.conflicts),
        conflicts_kept=sum(_pixels(copies) in kept_pixels for copies in curation.conflicts),
        rejects=dict(sorted(Counter((r.stage, r.reason) for r in curation.rejects).items())),
        negatives=_count_negatives(curation),
        unknown=_count_unknown(records),
        notes=_count_notes(curation.quality),
        looks=_count_looks(curation.quality),
        righted=sum(row["righted"] == "yes" for row in curation.quality),
        looked=curation.looked,
        official_tests=_count_official(marked, curation.sources),
        official_images=len(marked),
        official_absent=_official_absent(marked, curation.sources, per_source),
        tied_across_sources=_count_tied(records),
        related=len(curation.related),
        related_joined=len(joined),
        unexpected=count_overlap(curation.unexpected),
        confounds=_confounds(curation, cohort),
    )


def count_overlap(
    unexpected: list[Row],  # rows of unexpected copies
) -> dict[tuple[str, str], int]:
    """Two sources, sorted -> radiographs in both, by name of the sources."""
    pairs: Counter[tuple[str, str]] = Counter()
    for row in unexpected:
        one, other = sorted((row["source"], row["other_source"]))
        pairs[one, other] += 1
    return dict(sorted(pairs.items()))


# ---- what is in the folder


def _count_cells(
    records: list[Record],  # of the folder
) -> dict[tuple[str, str, str], int]:
    """Count (class, source, split); an image of several classes counts in each."""
    cells: Counter[tuple[str, str, str]] = Counter()
    for record in records:
        for label in present(record.label):
            cells[label, record.source, record.split] += 1
    return dict(cells)


def _count_classes(
    cohort: Cohort,  # all images of the folder
    brightness: Mapping[str, float],  # path -> mean gray, 0-255
) -> dict[str, ClassCounts]:
    """Count everything of each class that has images, by name."""
    labels = sorted(label for label, has in cohort.has.items() if has.any())
    return {label: class_counts(cohort, label, brightness) for label in labels}


def _confounds(curation: Curation, cohort: Cohort) -> tuple[FolderWarning, ...]:
    """Find what tells the classes; what the curation's own warnings say is not told again."""
    advised = any(warning.kind == SMALL_FOLDER for warning in curation.warnings)
    absent = _told_absent(curation)
    return tuple(find_confounds(cohort, curation.brightness, absent, not advised))


def _told_absent(
    curation: Curation,  # with its warnings
) -> set[str]:
    """Return the classes without any image that a warning names, with who could give some."""
    told = set()
    for warning in curation.warnings:
        if warning.kind == CLASS_WITHOUT_IMAGES and isinstance(warning.numbers, dict):
            told.add(warning.numbers["class"])
    return told


def _count_shareable(
    sources: list[Source],  # that were there
    per_source: Mapping[str, int],  # source id -> images
) -> int:
    """Count the images of sources that allow redistribution.

    The catalogue says so of a whole source.
    """
    return sum(per_source[s.id] for s in sources if s.redistribute == "yes")


def _count_negatives(curation: Curation) -> dict[tuple[str, str], int]:
    """Count the thumbnails that are kept, by kind and source."""
    counts = Counter((each.row.kind, each.row.source) for each in curation.negatives)
    return dict(sorted(counts.items()))


def _count_unknown(
    records: list[Record],  # of the folder
) -> dict[str, int]:  # column -> images
    """Count the images without a value.

    For each column that may be empty.
    """
    unknown = {}
    for column in MAY_BE_UNKNOWN:
        unknown[column] = sum(not getattr(record, column) for record in records)
    return unknown


def _count_notes(
    quality: list[Row],  # rows of quality.csv
) -> dict[str, int]:
    """Count the images that carry each note.

    An image may carry several.
    """
    notes: Counter[str] = Counter()
    for row in quality:
        notes.update(row["notes"].split("|"))
    del notes[""]  # of rows that stand for a look alone
    return dict(sorted(notes.items()))


def _count_looks(
    quality: list[Row],  # rows of quality.csv
) -> dict[str, int]:
    """Count the films that do not look like upright frontal ones, by what they look like."""
    looks = Counter(row["looks"] for row in quality if row["looks"])
    return dict(sorted(looks.items()))


def _count_tied(
    records: list[Record],  # of the folder, with their groups
) -> int:
    """Count the images in one group with images of another source.

    A patient, a declared radiograph or their look ties them.
    """
    sources = defaultdict(set)
    for record in records:
        sources[record.group].add(record.source)
    return sum(len(sources[record.group]) > 1 for record in records)


# ---- copies


def _pixels(copies: CopySet) -> str:
    """Return the pixel_sha256 of the kept image of a set."""
    return copies.kept.fingerprint.pixel_sha256


def _count_copies(
    copy_sets: list[CopySet],  # of two copies or more
) -> dict[tuple[str, str, str], int]:
    """(kept source, source of the copy, kind) -> copies left out, of sets of which one is kept."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for copies in copy_sets:
        staying = copies.staying
        if not staying:
            continue
        for member, copy in zip(copies.members, copies.copies):
            if not any(member is one for one in staying):
                counts[copies.kept.item.source, member.item.source, copy.kind] += 1
    return dict(counts)


# ---- official test sets


def _official_marks(
    curation: Curation,  # its copies and records
) -> dict[str, set[str]]:  # images in no official test set are missing
    """Tell in whose official test sets the images of the folder stand.

    Path -> ids of sources. A source marks its own image, or a copy of an image that was kept from
    another source: either fixed the split.
    """
    marks: dict[str, set[str]] = {}
    for copies in curation.copy_sets:
        sources = {m.item.source for m in copies.members if m.item.official == "test"}
        if sources:
            marks[_pixels(copies)] = sources
    in_folder = {}
    for record in curation.records:
        sources = set() if record.repeat_of else marks.get(record.pixel_sha256, set())
        if record.repeat_of or curation.origins[record.pixel_sha256].official == "test":
            sources = sources | {record.source}
        if sources:
            in_folder[record.path] = sources
    return in_folder


def _count_official(
    marked: dict[str, set[str]],  # path -> sources
    sources: list[Source],  # of the catalogue that were there
) -> dict[str, int]:
    """Source -> images of its official test set, in the order of the sources."""
    counts: Counter[str] = Counter()
    for ids in marked.values():
        counts.update(ids)
    return {source.id: counts[source.id] for source in sources if source.id in counts}


def _count_repeats(
    records: list[Record],  # of the folder
    sources: list[Source],  # of the catalogue that were there
) -> dict[str, int]:
    """Source -> images that repeat another of its official test set, in the sources' order."""
    counts = Counter(record.source for record in records if record.repeat_of)
    return {source.id: counts[source.id] for source in sources if source.id in counts}


def _count_elsewhere(
    copy_sets: list[CopySet],  # of two copies or more
    sources: list[Source],  # of the catalogue that were there
) -> dict[str, int]:
    """Source -> its official test images that went as copies of another source's.

    In the order of the sources.
    """
    counts: Counter[str] = Counter()
    for copies in copy_sets:
        if not copies.is_included:
            continue
        kept = copies.kept.item.source
        for member in copies.members:
            item = member.item
            if item.official == "test" and member.label and item.source != kept:
                counts[item.source] += 1
    return {source.id: counts[source.id] for source in sources if source.id in counts}


def _official_absent(
    marked: dict[str, set[str]],  # path -> sources
    sources: list[Source],  # of the catalogue that were there
    per_source: Mapping[str, int],  # source id -> images
) -> tuple[str, ...]:  # in the order of the sources
    """Find sources that gave images, with an official test set of which no image is marked."""
    found = set().union(*marked.values())
    absent = []
    for source in sources:
        if source.id in per_source and source.id not in found:
            if any(_names_test(rule) for rule in source.rules):
                absent.append(source.id)
    return tuple(absent)


def _names_test(
    rule: Rule,  # one of a source's rows
) -> bool:
    """Whether a catalogue row says where the source's official test images are told.

    By a pattern of paths, by the keys of an array, or by a list.
    """
    if rule.split.startswith("path:"):
        return "test" in re.compile(rule.split.removeprefix("path:")).groupindex
    return rule.split == "array" or bool(LIST_SPLIT.fullmatch(rule.split))
