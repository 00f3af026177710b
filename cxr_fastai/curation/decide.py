"""Decide everything that is to be written, before anything is.

Listings of sources, a request and the catalogue -> a Curation: what is kept, what is left out and
why, in which split, and what a reader must know. Reads images through the scan, writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from cxr_fastai.catalog import Source, depths
from cxr_fastai.core import CxrError, FolderWarning, UsageError
from cxr_fastai.curation.copies.copy_sets import (
    RELATED_COLUMNS,
    CopySet,
    ScannedImage,
    collect_copies,
    same_patient,
    unexpected_overlap,
)
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.curation.copies.links import Link, find_links
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import Engine
from cxr_fastai.curation.folder.folds import unscored_paths, with_folds
from cxr_fastai.curation.folder.looks import look_at
from cxr_fastai.curation.folder.manifest_rows import quick_subset, records_of
from cxr_fastai.curation.folder.negatives import Films, choose_negatives
from cxr_fastai.curation.folder.radiographs import radiographs_of
from cxr_fastai.curation.folder.result import Curation, Request, Row
from cxr_fastai.curation.folder.run_warnings import (
    Catalog,
    class_warnings,
    failure_warnings,
    findings_of_rule,
    fold_warnings,
    looks_warnings,
    overlap_warnings,
    why_nothing,
)
from cxr_fastai.curation.folder.shown import show
from cxr_fastai.curation.folder.split import Radiograph, assign_splits
from cxr_fastai.curation.folder.summary import summarise
from cxr_fastai.curation.sources.item import Item, Reject
from cxr_fastai.curation.sources.listing import Listing
from cxr_fastai.manifest import Record
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import Recipe

__all__ = ["Listed", "decide", "expects_copies"]


@dataclass(frozen=True)
class Listed:
    """What could be had of the sources."""

    sources: list[Source]  # that are there
    listings: list[Listing]  # of these, in the same order
    failed: dict[str, CxrError]  # source id -> why it is absent
    versions: dict[str, Any]  # source id -> its entry in the lock file
    warnings: list[FolderWarning]  # that listing gave
    left_aside: list[FolderWarning]  # of sources that were at hand and not taken


@dataclass(frozen=True)
class _Scanned:
    """What reading the images gave."""

    images: list[ScannedImage]
    links: list[Link]  # between different pixels
    rejects: list[Reject]  # that could not be read
    fingerprints: dict[str, Fingerprint]  # pixel_sha256 -> one with its sketch


def decide(
    out: Path,
    request: Request,
    listed: Listed,
    catalog: Catalog,
    engine: Engine,
    progress: Progress = SILENT,
) -> Curation:
    """Decide what a folder shall hold.

    Raises `UsageError` where no image has a class of the recipe.
    """
    stated, silent = _stated_items(listed.listings)
    scanned = _scan(stated, catalog, request.recipe, engine, progress)
    copy_sets = collect_copies(scanned.images, scanned.links, request.on_conflict)
    related = same_patient(copy_sets, scanned.links)
    joined = [link for link, is_joined in related if is_joined]
    radiographs = radiographs_of(copy_sets, joined, request.recipe)
    splits = assign_splits(radiographs, request.seed)
    records, refused = _make_records(copy_sets, splits, catalog, request)
    first = _first_images(copy_sets)
    origins = {sha: image.item for sha, image in first.items()}
    if request.folds and records:
        tested = {splits[r.id][0] for r in radiographs if "test" in r.official}
        unscored = unscored_paths(records, tested, origins)
        records = with_folds(records, request.folds, unscored, request.seed)
    rejects = _in_order(listed, [*silent, *scanned.rejects, *refused])
    if not records:
        raise UsageError(why_nothing(rejects, request.recipe, bool(request.own)))
    films = _films(records, copy_sets, radiographs, splits, scanned)
    expected = expects_copies(catalog)
    negatives = choose_negatives(rejects, films, expected, engine, request.seed, progress)
    looks = look_at(records, scanned.fingerprints, negatives, request.seed, progress)
    shown = show(records, first, looks, request.right, engine)
    unexpected = unexpected_overlap(copy_sets, expected)
    found = Curation(
        out=out,
        request=request,
        records=shown.records,
        copy_sets=[copies for copies in copy_sets if len(copies.members) > 1],
        rejects=rejects,
        warnings=[
            *_warnings(listed, records, unexpected, request, catalog),
            *looks_warnings(shown.quality, looks.is_told, request.right),
        ],
        sources=listed.sources,
        failed=listed.failed,
        versions=listed.versions,
        quality=shown.quality,
        related=_related_rows(related, first),
        unexpected=unexpected,
        brightness=shown.brightness,
        origins={**origins, **shown.origins},
        negatives=negatives,
        looked=looks.is_told,
    )
    return replace(found, summary=summarise(found, catalog))


def _in_order(listed: Listed, later: list[Reject]) -> list[Reject]:
    """Put all that is left out, by listing or later, in order: source, path, stage and reason."""
    rejects: list[Reject] = []
    for listing in listed.listings:
        rejects += listing.rejects
    rejects += later
    rejects.sort(key=lambda r: (r.source, r.path, r.stage, r.reason))
    return rejects


# ---- reading


def _stated_items(
    listings: list[Listing],  # of all sources
) -> tuple[list[Item], list[Reject]]:
    """Part the items: (those of which the source states a finding, a reject for each other).

    A rule may label images without a finding, to leave them out with its notes as the reason.
    """
    stated, silent = [], []
    for listing in listings:
        for item in listing.items:
            if item.findings or item.absent:
                stated.append(item)
            else:
                notes = item.rule.notes if item.rule else ""
                words = notes or "no known finding"
                why = f"the source says {item.source_label or 'nothing'!r}: {words}"
                silent.append(_reject(item, "label", "no_finding_stated", why))
    return stated, silent


def _reject(
    item: Item,
    stage: str,  # of Reject
    reason: str,  # of Reject
    message: str,  # in words
    sha256: str = "",  # of the file's bytes, where it was read
) -> Reject:
    """Say of an item why it does not reach the folder."""
    return Reject(
        path=item.path,
        sha256=sha256,
        source=item.source,
        stage=stage,
        reason=reason,
        message=message,
    )


def _scan(
    items: list[Item],  # with a finding
    catalog: Catalog,
    recipe: Recipe,  # gives the labels
    engine: Engine,  # whose workers read and compare
    progress: Progress,
) -> _Scanned:
    """Read all images, find the links between them, and label what was read."""
    read, rejects = [], []
    with ScanCache(progress) as cache:
        for item, result in zip(items, scan(items, engine, cache, progress)):
            if isinstance(result, Unreadable):
                message = result.message
                rejects.append(_reject(item, "scan", result.reason, message, result.sha256))
            else:
                read.append((item, result))
        fingerprints = [fingerprint for _, fingerprint in read]
        links = find_links(fingerprints, engine, cache, progress=progress)
    label = _labeller(catalog, recipe)
    images = []
    distinct: dict[str, Fingerprint] = {}
    for item, fingerprint in read:
        distinct.setdefault(fingerprint.pixel_sha256, fingerprint)
        small = replace(fingerprint, sketch=b"")  # 11 kB each: only one a picture is kept
        images.append(label(item, small))
    return _Scanned(images=images, links=links, rejects=rejects, fingerprints=distinct)


def _labeller(
    catalog: Catalog,  # tells who is nearest to the original
    recipe: Recipe,  # gives the labels
) -> Callable[[Item, Fingerprint], ScannedImage]:  # to be called for each image
    """Make the function that gives an image its class and its rank among copies.

    What it needs of the catalogue is worked out once.
    """
    depth = depths(catalog)
    order = {source_id: i for i, source_id in enumerate(catalog)}
    stated = {source_id: _stated_findings(source) for source_id, source in catalog.items()}

    def label(item: Item, fingerprint: Fingerprint) -> ScannedImage:
        """Label and rank one image.

        The rank is explained at ScannedImage: of copies the least is kept.
        """
        name, why = recipe.label(
            item.source,
            item.findings,
            stated[item.source],
            absent=item.absent,
            unknown=item.unknown,
            uncertain=item.uncertain,
        )
        rank = (
            not name,
            item.official != "test",
            depth[item.source],
            -fingerprint.width * fingerprint.height,
            fingerprint.format != "DICOM",  # which knows its patient, as an export of it does not
            len(PurePosixPath(item.path).name),
            order[item.source],
            item.path,
        )
        return ScannedImage(
            item=item, fingerprint=fingerprint, label=name, why_unlabelled=why, rank=rank
        )

    return label


def _stated_findings(
    source: Source,  # with all its rules
) -> set[str]:
    """All findings that a source's rules can give."""
    findings: set[str] = set()
    for rule in source.rules:
        findings.update(findings_of_rule(rule))
    return findings


# ---- rows


def _make_records(
    copy_sets: list[CopySet],  # one for each radiograph
    splits: dict[str, tuple[str, str]],  # pixel_sha256 of the kept one -> group, split
    catalog: Catalog,
    request: Request,  # with recipe, layout, and whether a subset is drawn
) -> tuple[list[Record], list[Reject]]:
    """Make the rows: (rows of the manifest, images that were to stay and have none).

    A set whose labels conflict has none, unless that was settled.
    """
    records: list[Record] = []
    rejects: list[Reject] = []
    for copies in copy_sets:
        if not copies.is_included:
            continue
        group, split = splits[copies.kept.fingerprint.pixel_sha256]
        rows, refused = records_of(copies, group, split, catalog, request)
        records += rows
        rejects += refused
    if request.quick:
        records, not_drawn = quick_subset(records, request.seed)
        rejects += not_drawn
    return records, rejects


def _films(
    records: list[Record],  # of the folder
    copy_sets: list[CopySet],  # also those of one image
    radiographs: list[Radiograph],  # of these, in the same order
    splits: dict[str, tuple[str, str]],  # pixel_sha256 of the kept one -> group, split
    scanned: _Scanned,
) -> Films:
    """Tell what was read as films: those in the folder, and the group and split of all."""
    of_patients, of_pixels = {}, {}
    for copies, radiograph in zip(copy_sets, radiographs):
        home = splits[radiograph.id]
        of_patients.update(dict.fromkeys(radiograph.links, home))
        for member in copies.members:
            of_pixels[member.fingerprint.pixel_sha256] = home
    by_source: dict[str, list[Fingerprint]] = {}
    for sha, source in {record.pixel_sha256: record.source for record in records}.items():
        by_source.setdefault(source, []).append(scanned.fingerprints[sha])
    return Films(by_source, of_patients, of_pixels)


def _first_images(
    copy_sets: list[CopySet],  # also those of one image
) -> dict[str, ScannedImage]:
    """pixel_sha256 -> the image of these pixels that goes before its copies."""
    first: dict[str, ScannedImage] = {}
    for copies in copy_sets:
        for member in copies.members:
            first.setdefault(member.fingerprint.pixel_sha256, member)
    return first


def _related_rows(
    related: list[tuple[Link, bool]],  # link, whether it is joined
    first: dict[str, ScannedImage],
) -> list[Row]:
    """List the rows of related.csv, sorted by all columns.

    For each radiograph the copy that goes first stands.
    """
    rows = []
    for link, joined in related:
        one, other = first[link.a].item, first[link.b].item
        rows.append(
            {
                "path": one.path,
                "source": one.source,
                "other_path": other.path,
                "other_source": other.source,
                "score": f"{link.score:.4g}",
                "inliers": str(link.inliers),
                "joined": "yes" if joined else "no",
            }
        )
    return sorted(rows, key=lambda row: [row[column] for column in RELATED_COLUMNS])


# ---- warnings


def _warnings(
    listed: Listed,
    records: list[Record],
    unexpected: list[Row],
    request: Request,
    catalog: Catalog,
) -> list[FolderWarning]:
    """Everything that a reader must know of a curation, but for what tells its classes."""
    return [
        *failure_warnings(listed.failed),
        *listed.warnings,
        *class_warnings(records, request.recipe, catalog),
        *fold_warnings(records, request.folds),
        *overlap_warnings(unexpected),
        *listed.left_aside,
    ]


def expects_copies(catalog: Catalog) -> Callable[[str, str], bool]:
    """Make the function that says whether the catalogue lets one expect copies between two sources.

    That is so where they have an origin in common, or one of them may copy any other.
    """

    @cache
    def expected(one: str, other: str) -> bool:
        if "*" in catalog[one].derived or "*" in catalog[other].derived:
            return True
        return bool(_origins(catalog, one) & _origins(catalog, other))

    return expected


def _origins(
    catalog: Catalog,  # whose derived_from has no circle
    source_id: str,  # where to begin
) -> set[str]:
    """Collect a source and all that it took from, also through others."""
    origins = {source_id}
    for origin in catalog[source_id].derived:
        if origin != "*":
            origins |= _origins(catalog, origin)
    return origins
