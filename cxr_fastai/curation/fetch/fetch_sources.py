"""Where the files come from: a mirror, the catalogue's folder, this machine, or a download.

Sources -> Fetched: each one's Tree, and why the others are absent. It never changes a mirror,
kagglehub's cache or a mounted dataset.
"""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import (
    CxrError,
    IntegrityError,
    SourceUnavailable,
    StorageError,
    StrPath,
    UsageError,
    cache_dir,
    make_folder,
    size_text,
)
from cxr_fastai.curation.fetch.fetch_one import FetchedSource, fetch_source
from cxr_fastai.curation.fetch.lock_file import (
    LockEntry,
    is_of,
    read_entries,
    read_shared_entries,
    record_entry,
    record_shared_entry,
)
from cxr_fastai.curation.fetch.mirror_archives import look, mirror_tree
from cxr_fastai.curation.fetch.mirrors import AtHand, on_this_machine, source_place
from cxr_fastai.curation.fetch.parts import missing_among
from cxr_fastai.curation.fetch.transports import check_all, how_to_get
from cxr_fastai.curation.fetch.unpacked import unpacked_tree
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.inputs import readable_path
from cxr_fastai.progress import SILENT, Progress

__all__ = ["Fetched", "fetch"]

# Free disk wanted, times the bytes to download: archives and what is in them stand side by side
# while they are unpacked.
ROOM_FACTOR = 2.2


@dataclass(frozen=True)
class Fetched:
    """What could be had. Every key is a source id."""

    trees: dict[str, Tree] = field(default_factory=dict)  # its files
    failed: dict[str, CxrError] = field(default_factory=dict)  # why it is absent
    versions: dict[str, LockEntry] = field(default_factory=dict)  # its entry in the lock file


def fetch(
    sources: Sequence[Source],
    out: Path | None,  # of the curation; its lock file is written there; None: nowhere
    mirror: StrPath | None = None,  # any layout of mirrors.py; given, nothing is downloaded
    catalogue_folder: StrPath = Path(),  # a local handle may be a path relative to it
    must: bool = False,  # every source was named by the user, or --strict: one absent is an error
    update_pins: bool = False,  # accept other bytes than those of the lock file
    progress: Progress | None = None,  # None: silence
    spares: Mapping[str, Sequence[str]] | None = None,  # may be absent, as `spares_among` tells
) -> Fetched:
    """Get the files of all sources; one that fails leaves the others running.

    Without a mirror, what kagglehub's cache or /kaggle/input holds is not downloaded; each such
    source is told in a line. Raises `UsageError` for a missing mirror, and the first failure where
    `must` or where nothing could be had. A spare that fails is none where its parts are had.
    """
    progress, spares = progress or SILENT, spares or {}
    if mirror is not None and not readable_path(mirror, "mirror").is_dir():
        raise UsageError(
            f"no mirror folder {mirror}: "
            f"give {flag('mirror')} a folder that holds kaggle/, github/, http/ or local/, "
            "kagglehub's cache, or /kaggle/input."
        )
    given = _trees_in_mirror(sources, mirror, catalogue_folder, progress)
    absent = [source for source in sources if source.id not in {**given.trees, **given.failed}]
    if mirror is None:
        needed = {source.id for source in absent if must and source.id not in spares}
        rest = _fetch_absent(absent, out, needed, update_pins, progress)
    else:
        rest = Fetched(failed={s.id: _not_in_mirror(s, mirror) for s in absent})
    got = Fetched(
        trees={**given.trees, **rest.trees},
        failed={**given.failed, **rest.failed},
        versions=rest.versions,
    )
    missing = missing_among(got.failed, spares, got.trees)
    if missing and (must or not got.trees):
        raise _as_one_error([got.failed[source_id] for source_id in missing])
    return got


def _trees_in_mirror(
    sources: Sequence[Source],
    mirror: StrPath | None,
    catalogue_folder: StrPath,
    progress: Progress,
) -> Fetched:
    """Find what the mirror, or the catalogue's folder, holds; archives are unpacked."""
    got = Fetched()
    for source in sources:
        place = source_place(source, mirror, catalogue_folder)
        if place:
            _read_place(source, place, got, progress)
    return got


def _read_place(
    source: Source,
    path: Path,  # where it lies: a folder or an archive
    got: Fetched,  # its tree, or its error, is added to these
    progress: Progress,
) -> None:
    """Read a source where it lies; a bad archive costs that source alone."""
    try:
        place = look(source, path)
        got.trees[source.id] = mirror_tree(source, place, progress)
    except IntegrityError as e:
        got.failed[source.id] = e
        return
    for name in place.left_packed:
        progress.say(
            f"{source.id}: {name} in {path} is not read: unpacked files lie beside it. "
            "Move them away to have it read"
        )


def _not_in_mirror(source: Source, mirror: StrPath) -> SourceUnavailable:
    """Say how the source gets into the mirror."""
    return SourceUnavailable(
        f"{source.id} is not in {mirror}: {how_to_get(source)}, or leave {flag('mirror')} out."
    )


def _as_one_error(errors: list[CxrError]) -> CxrError:
    """Make one error of several: the first, and how many more."""
    first = errors[0]
    if len(errors) == 1:
        return first
    kind = IntegrityError if isinstance(first, IntegrityError) else SourceUnavailable
    return kind(f"{first} (and {len(errors) - 1} other sources: cxr sources --check)")


# ---- without a mirror


def _fetch_absent(
    sources: Sequence[Source],
    out: Path | None,
    needed: Container[str],  # ids of sources without which nothing need be downloaded
    update_pins: bool,
    progress: Progress,
) -> Fetched:
    """Use what is unpacked or at hand on this machine; download the rest."""
    locked = {} if update_pins else _locked_entries(sources, out)
    shared = {} if update_pins else read_shared_entries()
    unpacked = _unpacked_before(sources, locked, shared)
    for source_id, before in unpacked.items():
        _record(out, source_id, before.entry)
    absent = [source for source in sources if source.id not in unpacked]
    at_hand = _trees_on_this_machine(absent, locked, progress)
    met = [*at_hand.trees, *at_hand.failed]
    absent = [source for source in absent if source.id not in met]
    downloaded, failed = _download(absent, out, locked, needed, update_pins, progress)
    had = {**unpacked, **downloaded}
    return Fetched(
        trees={**{source_id: one.tree for source_id, one in had.items()}, **at_hand.trees},
        failed={**at_hand.failed, **failed},
        versions={source_id: one.entry for source_id, one in had.items()},
    )


def _locked_entries(sources: Sequence[Source], out: Path | None) -> dict[str, LockEntry]:
    """Read the entries of the output's lock file that are of what the catalogue names now."""
    entries = read_entries(out)
    locked = {}
    for source in sources:
        entry = entries.get(source.id)
        if entry and is_of(entry, source):
            locked[source.id] = entry
    return locked


def _unpacked_before(
    sources: Sequence[Source],
    locked: dict[str, LockEntry],
    shared: dict[str, LockEntry],
) -> dict[str, FetchedSource]:
    """Find what an earlier run on this machine downloaded and unpacked."""
    found = {}
    for source in sources:
        entry = locked.get(source.id) or shared.get(source.id)
        tree = unpacked_tree(source, entry)
        if entry and tree:
            found[source.id] = FetchedSource(tree, entry)
    return found


def _trees_on_this_machine(
    sources: Sequence[Source], locked: dict[str, LockEntry], progress: Progress
) -> Fetched:
    """Find what kagglehub downloaded or Kaggle mounts; say so of each."""
    got = Fetched()
    for source in sources:
        entry = locked.get(source.id)
        found = on_this_machine(source, entry["version"] if entry else "")
        if found:
            progress.say(f"{source.id}: {_which_version(source, found)}, not downloaded")
            _read_place(source, found.root, got, progress)
    return got


def _which_version(source: Source, found: AtHand) -> str:
    """Say where a source is taken from, and in which version as far as that is known."""
    if found.version:
        return f"taken from {found.root} (version {found.version})"
    pinned = source.handle.partition("@")[2]
    if pinned:
        return f"taken from {found.root} (whether in version {pinned} is not told there)"
    return f"taken from {found.root}"


# ---- downloads


def _download(
    sources: Sequence[Source],
    out: Path | None,
    locked: dict[str, LockEntry],
    needed: Container[str],  # as for `_fetch_absent`
    update_pins: bool,
    progress: Progress,
) -> tuple[dict[str, FetchedSource], dict[str, CxrError]]:  # by source id: had, failed
    """Make all checks before the first byte; then fetch one source after the other."""
    checks = check_all(sources)
    failed: dict[str, CxrError] = {}
    ready = []
    for source in sources:
        found = checks[source.id]
        if found.state == "ready":
            ready.append(source)
        else:
            failed[source.id] = SourceUnavailable(f"{source.id}: {found.message}. {found.remedy}")
    if any(source_id in needed for source_id in failed):
        return {}, failed
    _check_room([checks[source.id].size or 0 for source in ready])
    had = {}
    for source in ready:
        entry = locked.get(source.id)
        try:
            one = fetch_source(source, entry, update_pins, progress)
        except (SourceUnavailable, IntegrityError) as e:
            if isinstance(e, IntegrityError) and entry:
                raise  # other bytes than those of the lock file: the whole run stops
            failed[source.id] = e
            if source.id in needed:
                break
            continue
        _record(out, source.id, one.entry)
        had[source.id] = one
    return had, failed


def _check_room(sizes: Sequence[int]) -> None:
    """Raise `StorageError` where downloads of these sizes have no room in the cache."""
    need = int(ROOM_FACTOR * sum(sizes))
    free = shutil.disk_usage(make_folder(cache_dir())).free
    if need > free:
        raise StorageError(
            f"cannot download into {cache_dir()}: about {size_text(need)} are needed, "
            f"{size_text(free)} are free. Free some, set CXR_CACHE to another disk, or choose "
            f"sources by {flag('only')}."
        )


def _record(out: Path | None, source_id: str, entry: LockEntry) -> None:
    """Note what a source was, beside the output and for later runs on this machine."""
    if out:
        record_entry(out, source_id, entry)
    record_shared_entry(source_id, entry)
