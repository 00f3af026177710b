"""Folders that hold sources already: mirrors, kagglehub's cache, what a Kaggle notebook mounts.

A Source -> the folder of its files or an archive of them, or None. It looks at names only: it
opens no file, writes nothing and asks no server.

    MIRROR/kaggle/OWNER/NAME/..              a mirror; also MIRROR/github/OWNER/NAME/..,
                                             MIRROR/http/ID/.. and MIRROR/local/ID/..
    MIRROR/kaggle/OWNER/NAME.zip             the same, packed; of archives within the folder:
                                             mirror_archives.py
    CACHE/datasets/OWNER/NAME/versions/N/..  kagglehub's cache, $KAGGLEHUB_CACHE or its default
                                             place; whole once OWNER/NAME/N.complete stands
    /kaggle/input/datasets/OWNER/NAME/..     what a newer Kaggle notebook mounts
    /kaggle/input/NAME/..                    what an older one mounts: the owner is not told

--mirror takes each of these (MIRROR, CACHE, CACHE/datasets or /kaggle/input). Without --mirror,
CACHE and /kaggle/input are looked into before anything is downloaded.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import StrPath
from cxr_fastai.junk import is_junk

__all__ = ["AtHand", "mirror_path", "mirror_way", "source_place", "on_this_machine"]

KAGGLE_INPUT = Path("/kaggle/input")  # where a Kaggle notebook mounts its datasets
VERSION_NUMBER = re.compile("[1-9][0-9]*")
# Endings of archives that are read. A 7z in place of a folder is not looked for.
# Of an archive in place of a folder; 7z and rar are told, and not read.
ARCHIVE_SUFFIXES = (
    ".zip",
    *(".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
    *(".7z", ".rar"),
)


@dataclass(frozen=True)
class AtHand:
    """A folder that holds a source without a download of ours."""

    root: Path
    version: str = ""  # of the Kaggle dataset; blank where the place does not tell it


def mirror_path(source: Source) -> Path:
    """Return where a mirror holds the source, as kaggle/OWNER/NAME."""
    return Path(source.transport) / _without_version(source)


def mirror_way(source: Source) -> str:
    """Say how a person gives the source by a mirror: the end of a sentence, no full stop."""
    place = f"MIRROR/{mirror_path(source)}"
    way = f"put its files into {place} and give {flag('mirror', 'MIRROR')}"
    if source.transport == "kaggle":
        return f"{way} (kagglehub's cache and /kaggle/input are mirrors too)"
    return way


def source_place(
    source: Source,
    mirror: StrPath | None,  # any of the layouts above; None: there is no mirror
    catalogue_folder: StrPath,  # a local handle may be a path relative to it
) -> Path | None:
    """Return what the mirror, or for a local source the catalogue's folder, holds of a source.

    That is a folder, or in its place an archive, as kaggle/OWNER/NAME.zip. A folder that holds
    nothing but hidden files is none. Of kagglehub's versions the one that the handle pins is taken,
    and no other in its place; the newest whole one where none is pinned.
    """
    if mirror:
        found = _in_mirror(source, Path(mirror))
        if found:
            return found
    if source.transport == "local":
        local = Path(catalogue_folder) / source.handle
        found = _folder_or_archive(local)
        if found is None and local.is_dir():
            return local  # empty: what is missing is told by its globs
        return found
    return None


def on_this_machine(
    source: Source,
    locked: str = "",  # the version that a lock file recorded: this one, or none
) -> AtHand | None:
    """Find a Kaggle source in kagglehub's cache or among the mounted datasets.

    What a lock file recorded is never taken from a place that does not tell its version, and a
    source whose archive the catalogue pins by its SHA-256 is never taken at all: unpacked files
    cannot be held against that.
    """
    if source.transport != "kaggle" or source.pin:
        return None
    found = _in_kagglehub(source, _kagglehub_cache(), locked or _pinned_version(source))
    if found is None and not locked:
        found = _among_mounted(source, KAGGLE_INPUT)
    if found is None or not _holds_something(found.root):
        return None
    return found


# ---- one layout each


def _in_mirror(source: Source, mirror: Path) -> Path | None:
    """Look for the source in each layout that a mirror may have."""
    own = _folder_or_archive(mirror / mirror_path(source))
    if own:
        return own
    if source.transport != "kaggle":
        return None
    found = _in_kagglehub(source, mirror, _pinned_version(source))
    if found is None and _is_kaggle_input(mirror):
        found = _among_mounted(source, mirror)
    return found.root if found else None


def _folder_or_archive(folder: Path) -> Path | None:
    """Return the folder, or what lies there packed under its name; None where neither does."""
    if folder.is_dir() and not _is_empty(folder):
        return folder
    if not folder.name:
        return None
    archives = [folder.parent / f"{folder.name}{suffix}" for suffix in ARCHIVE_SUFFIXES]
    return next((archive for archive in archives if archive.is_file()), None)


def _in_kagglehub(source: Source, cache: Path, version: str) -> AtHand | None:
    """Look below kagglehub's cache, or below its folder `datasets`; `version` blank: the newest."""
    for datasets in (cache / "datasets", cache):
        dataset = datasets / _without_version(source)
        numbers = [version] if version else _newest_first(dataset / "versions")
        for number in numbers:
            folder = dataset / "versions" / number
            # kagglehub touches the marker last, when the archive is wholly unpacked
            is_whole = (dataset / f"{number}.complete").is_file()
            if is_whole and folder.is_dir():
                return AtHand(folder, number)
    return None


def _newest_first(versions: Path) -> list[str]:
    """List the numbered folders of a dataset, the highest number first."""
    try:
        names = os.listdir(versions)
    except OSError:
        return []  # no such dataset, or one that may not be read
    numbers = [name for name in names if VERSION_NUMBER.fullmatch(name)]
    return sorted(numbers, key=int, reverse=True)


def _among_mounted(source: Source, mounted: Path) -> AtHand | None:
    """Look among the datasets of a Kaggle notebook."""
    owner_and_name = _without_version(source)
    slug = owner_and_name.rpartition("/")[2]
    for folder in (mounted / "datasets" / owner_and_name, mounted / slug):
        if folder.is_dir():
            return AtHand(folder)
    return None


def _is_kaggle_input(folder: Path) -> bool:
    """Tell a notebook's mounts from other folders: slugs such as `data` are common names."""
    real = folder.resolve()
    if real == KAGGLE_INPUT.resolve():
        return True
    return real.parts[-2:] == ("kaggle", "input")  # a copy, or a mount at another place


def _kagglehub_cache() -> Path:
    """Return where kagglehub keeps what it downloaded."""
    given = os.environ.get("KAGGLEHUB_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "kagglehub"


# ---- handles


def _without_version(source: Source) -> str:
    """OWNER/NAME of OWNER/NAME@VERSION."""
    return source.handle.partition("@")[0]


def _pinned_version(source: Source) -> str:
    """VERSION of OWNER/NAME@VERSION, or blank."""
    return source.handle.partition("@")[2]


def _is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or hidden files alone; not where it may not be read."""
    try:
        return all(is_junk(name) for name in os.listdir(folder))
    except OSError:
        return False


def _holds_something(folder: Path) -> bool:
    """Tell whether a folder can be read and is not empty."""
    try:
        return bool(os.listdir(folder))
    except OSError:
        return False
