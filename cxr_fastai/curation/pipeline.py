"""The curation road: fetch, list, decide, write.

Sources of a catalogue, or images of one's own -> one curated folder, and a Curation that says what
was found. It changes nothing in a source.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from cxr_fastai.catalog import Source, choose, load_catalog
from cxr_fastai.core import (
    CxrError,
    FolderWarning,
    IntegrityError,
    StrPath,
    UnknownName,
    package_file,
    sha256_file,
    unknown_name,
)
from cxr_fastai.curation.copies.copy_sets import ON_CONFLICT
from cxr_fastai.curation.decide import Listed, decide
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.fetch import (
    Fetched,
    fetch,
    first_at_hand,
    in_parts_warning,
    missing_among,
    passed_over,
    spares_among,
)
from cxr_fastai.curation.folder.folds import check_folds
from cxr_fastai.curation.folder.lock import one_run
from cxr_fastai.curation.folder.ownership import check_out
from cxr_fastai.curation.folder.result import Curation, Request
from cxr_fastai.curation.folder.run_warnings import Catalog
from cxr_fastai.curation.folder.write import write_folder
from cxr_fastai.curation.own.asked import Asked
from cxr_fastai.curation.own.own_data import OWN_RECIPE
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import Recipe, load_recipe

__all__ = ["curate", "Curation", "LAYOUTS"]

LAYOUTS = ("class", "split")
# Kind of a warning: a recipe's sources are not in the user's catalogue, all of which was taken.
OWN_SOURCES_TAKEN = "own_sources_taken"
# Stands for the classes of images of one's own as they are, until these are read.
OWN_CLASSES = Recipe(name=OWN_RECIPE, title="", classes={})


def curate(
    out: StrPath,  # folder to write; absent, empty, or written by the same request before
    # a recipe's name or file; None: six_class, or of images of one's own the classes as they are
    recipe: str | Recipe | None = None,
    manifest: StrPath | None = None,  # a catalogue like data_manifest.csv; None: the library's own
    mirror: StrPath | None = None,  # kaggle/, github/, http/, local/ in a folder; None: download
    only: Sequence[str] = (),  # source ids; empty: the recipe's, or those that are on
    layout: str = "class",  # class: CLASS/image | split: SPLIT/CLASS/image
    workers: int | None = None,  # processes; None: one a core
    quick: bool = False,  # a balanced random subset: at most QUICK_PER_CLASS images a class
    seed: int = 0,  # of the splits: the same one, the same folder
    check: bool = False,  # fetch, list, scan and decide, but write nothing
    strict: bool = False,  # stop where a source cannot be had
    engine: str = "local",  # local | ray
    wait: bool = False,  # for another run in the same folder, instead of an error
    update_pins: bool = False,  # accept downloads that differ from the lock file
    # copies with labels of two classes: drop | upstream: the original's label stands
    # | keep-both-out: laid aside in .conflicts/, out of the class folders
    on_conflict: str = "drop",
    folds: int = 0,  # of cross-validation, grouped and even in each class; 0: none
    progress: Progress | None = None,  # None: silence
    folder: StrPath | None = None,  # of class folders of one's own; with table: of its files
    table: StrPath | None = None,  # a csv of one's own, a row an image
    file: str = "",  # the csv's column of files
    label: str = "",  # its column of labels
    patient: str = "",  # its column of patients; of a folder a regex searched in each path
    age: str = "",  # its column of ages
    sex: str = "",  # its column of sexes
    view: str = "",  # its column of views
    same: Sequence[str] = (),  # A=B,C: the class names B and C are A
    take_as: Mapping[str, str] | None = None,  # class name -> the class to take it as
    label_separator: str = "",  # of labels in one cell of a csv, or none; '': as the cells tell
    salt: StrPath | None = None,  # a file: what patients' ids in DICOM are hashed with; None: usual
    right: bool = False,  # films that lie on their side or are inverted are turned back; else told
) -> Curation:
    """Make class folders and manifest.csv of sources; the same input gives the same bytes.

    Raises a `CxrError` for what a person can mend.
    """
    named = dict(take_as or {})
    asked = Asked(
        folder, table, file, label, patient, age, sex, view, same, named, label_separator, salt
    )
    asked.check({"manifest": manifest, "mirror": mirror, "only": only, "update-pins": update_pins})
    usual = OWN_CLASSES if asked.is_own else "six_class"
    request = _request(recipe or usual, layout, quick, seed, on_conflict, folds)
    request = replace(request, right=bool(right))
    run = _Run(Path(out), workers, engine, check, wait, progress or SILENT)
    if asked.is_own:
        return _curate_own(asked, request, run)
    wanted = _Wanted(tuple(only), strict, update_pins)
    return _curate_catalog(wanted, _Places(mirror, manifest), request, run)


@dataclass(frozen=True)
class _Run:
    """Where a folder is made, and how; it shapes nothing in it."""

    out: Path
    workers: int | None
    engine: str
    check: bool  # nothing is to be written
    wait: bool  # for another run in the same folder
    progress: Progress


@dataclass(frozen=True)
class _Wanted:
    """Which sources of a catalogue are wanted, and how much."""

    only: tuple[str, ...]  # asked for by name; empty: the recipe's
    strict: bool  # one that cannot be had stops the run
    update_pins: bool

    @property
    def must(self) -> bool:
        """Whether one that cannot be had stops the run."""
        return bool(self.only) or self.strict


def _curate_catalog(wanted: _Wanted, places: _Places, request: Request, run: _Run) -> Curation:
    """Make a curated folder of sources of a catalogue."""
    catalog, must = load_catalog(places.manifest), wanted.must
    sources, left_aside = _choose_sources(request.recipe, catalog, wanted.only, places)
    request = replace(request, catalog_sha256=places.catalog_sha256())
    check_out(run.out, request)
    with _held(run):
        check_out(run.out, request)  # again: another run may have written it meanwhile
        spares = {} if wanted.only else spares_among(sources, catalog)
        got = fetch(
            sources,
            None if run.check else run.out,
            places.mirror,
            places.catalog_folder,
            must,
            wanted.update_pins,
            run.progress,
            spares,
        )
        listed = _list_sources(sources, got, must, left_aside)
        return _decided(_without_spares(listed, catalog, spares), catalog, request, run)


def _decided(listed: Listed, catalog: Catalog, request: Request, run: _Run) -> Curation:
    """Decide what the folder shall hold, and write it unless nothing is to be written."""
    with open_engine(run.engine, run.workers) as crew:
        found = decide(run.out, request, listed, catalog, crew, run.progress)
        if run.check:
            return found
        return replace(found, changes=write_folder(found, crew, run.progress))


# ---- images of a user's own


def _curate_own(
    asked: Asked,  # the folder or csv
    request: Request,  # whose recipe stands for the classes as they are, or is one that was named
    run: _Run,
) -> Curation:
    """Make a curated folder of a folder or csv of the user's own."""
    asked.check_out(run.out)
    own = asked.read(None if request.recipe is OWN_CLASSES else request.recipe, run.progress)
    for line in own.inferred.get("lines", ()):
        run.progress.say(line)
    command = f"{own.command} --out {shlex.quote(str(run.out))}{request.flags}"
    told = {**own.inferred, "command": command}
    request = replace(request, recipe=own.recipe, own=told)
    check_out(run.out, request)
    with _held(run):
        check_out(run.out, request)  # again: another run may have written it meanwhile
        got = Fetched(trees={own.source.id: own.tree})
        listed = _list_sources([own.source], got, True, [])
        listed = replace(listed, warnings=[*own.warnings, *listed.warnings])
        return _decided(listed, {own.source.id: own.source}, request, run)


def _request(
    recipe: str | Recipe, layout: str, quick: bool, seed: int, on_conflict: str, folds: int
) -> Request:
    """Check what was asked for, before the catalogue is read."""
    check_folds(folds)
    _check_choice("on_conflict", on_conflict, ON_CONFLICT)
    _check_choice("layout", layout, LAYOUTS)
    return Request(
        recipe=recipe if isinstance(recipe, Recipe) else load_recipe(recipe),
        layout=layout,
        quick=bool(quick),
        seed=seed,
        on_conflict=on_conflict,
        folds=folds,
    )


def _check_choice(
    name: str,  # of the argument
    value: str,  # that was given
    allowed: Sequence[str],
) -> None:
    """Raise `UnknownName` for a value that is none of those allowed."""
    if value not in allowed:
        raise UnknownName(unknown_name(name, value, allowed))


def _held(run: _Run) -> AbstractContextManager[None]:
    """Hold the folder for this run, where it is to be written."""
    return nullcontext() if run.check else one_run(run.out, run.wait, run.progress)


# ---- which sources


@dataclass(frozen=True)
class _Places:
    """Where sources may lie on this machine."""

    mirror: StrPath | None
    manifest: StrPath | None  # the user's catalogue; None: the library's own

    @property
    def catalog_folder(self) -> Path:
        """The folder of the user's catalogue.

        A local handle may be a path relative to it.
        """
        return Path(self.manifest).parent if self.manifest else Path()

    def catalog_sha256(self) -> str:
        """SHA-256 of the catalogue's file."""
        return sha256_file(self.manifest or package_file("data_manifest.csv"))


def _choose_sources(
    recipe: Recipe,
    catalog: Catalog,
    only: Sequence[str],  # asked for by name; empty: the recipe's
    places: _Places,  # where a source may lie
) -> tuple[list[Source], list[FolderWarning]]:
    """Choose the sources to curate; warn of those that are at hand and are not taken."""
    if only:
        return choose(catalog, only), []
    if _has_none_of(catalog, recipe, places):
        sources = choose(catalog)
        return sources, [_own_sources_taken(recipe, sources)]
    sources = choose(catalog, (), _sources_of(recipe, catalog, places))
    return sources, _left_aside(recipe, sources, catalog, places)


def _named_sources(recipe: Recipe) -> list[str]:
    """Return the ids of all sources that a recipe names, alternatives too."""
    names: list[str] = []
    for alternatives in recipe.sources:
        names += alternatives.split("|")
    return names


def _has_none_of(catalog: Catalog, recipe: Recipe, places: _Places) -> bool:
    """Tell whether a user's own catalogue has none of the library's sources that a recipe names.

    Such a recipe, as `pneumonia`, is then taken for its classes. Names that the library does not
    know either are a mistake, not another's sources.
    """
    names = _named_sources(recipe)
    if not places.manifest or not names or not catalog.keys().isdisjoint(names):
        return False
    return load_catalog().keys() >= set(names)


def _own_sources_taken(recipe: Recipe, sources: list[Source]) -> FolderWarning:
    """Say that a recipe's own sources are not in the user's catalogue, and what was taken."""
    taken = [source.id for source in sources]
    return FolderWarning(
        kind=OWN_SOURCES_TAKEN,
        says=f"recipe {recipe.name} names {', '.join(_named_sources(recipe))}, which the catalogue "
        f"does not have: took those of its sources that are on, {', '.join(taken)}",
        numbers={"taken": taken},
    )


def _sources_of(
    recipe: Recipe,
    catalog: Catalog,
    places: _Places,  # where a source may lie
) -> list[str]:  # ids; empty: the recipe names none
    """Decide each a|b of the sources that a recipe names.

    Raises `UnknownName` for one that the catalogue lacks.
    """
    names = _named_sources(recipe)
    if not places.manifest:
        names += recipe.exclude  # a catalogue of one's own need not have what is excluded
    if names:
        choose(catalog, names)
    chosen = []
    for alternatives in recipe.sources:
        folder = places.catalog_folder
        chosen.append(first_at_hand(alternatives, catalog, places.mirror, folder))
    return chosen


def _left_aside(
    recipe: Recipe,
    sources: list[Source],  # that were taken
    catalog: Catalog,
    places: _Places,  # where a source may lie
) -> list[FolderWarning]:
    """Name the sources that are at hand and were not taken."""
    return passed_over(recipe.sources, sources, catalog, places.mirror, places.catalog_folder)


# ---- what they hold


def _list_sources(
    sources: list[Source],  # that were asked for
    got: Fetched,  # their files
    must: bool,  # a source that fails stops the run
    left_aside: list[FolderWarning],  # sources that were not taken
) -> Listed:
    """List what was fetched; a source whose files are not what the catalogue says fails alone.

    Raises its error where `must`, where it is the only source, or where nothing is left.
    """
    present, listings = [], []
    warnings: list[FolderWarning] = []
    failed: dict[str, CxrError] = dict(got.failed)
    for source in sources:
        if source.id not in got.trees:
            continue
        try:
            listing = list_source(source, got.trees[source.id])
        except IntegrityError as e:
            if must or len(sources) == 1:
                raise
            failed[source.id] = e
            continue
        present.append(source)
        listings.append(listing)
        warnings += listing.warnings
    if not present:
        raise next(iter(failed.values()))
    return Listed(
        sources=present,
        listings=listings,
        failed=failed,
        versions=dict(got.versions),
        warnings=warnings,
        left_aside=left_aside,
    )


def _without_spares(
    listed: Listed,
    catalog: Catalog,
    spares: Mapping[str, Sequence[str]],  # source id -> its parts, of spares_among
) -> Listed:
    """Count no source as missing whose parts were read; a warning says so."""
    present = {source.id for source in listed.sources}
    missing = missing_among(listed.failed, spares, present)
    told = []
    for source_id, error in listed.failed.items():
        if source_id not in missing:
            told.append(in_parts_warning(catalog[source_id], spares[source_id], error))
    failed = {source_id: listed.failed[source_id] for source_id in missing}
    return replace(listed, failed=failed, left_aside=[*listed.left_aside, *told])
