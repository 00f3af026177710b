"""Write a curated folder so that it can be killed at any moment.

A Curation -> images, tables, card and page; the manifest last: its presence says that the folder is
whole. It deletes only what a run of its own wrote.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.core import (
    IntegrityError,
    NotCurated,
    StorageError,
    atomic_path,
    make_folder,
    size_text,
    write_json,
    write_text,
)
from cxr_fastai.curation.copies.copy_sets import (
    ASIDE_FOLDER,
    CONFLICT_COLUMNS,
    DUPLICATE_COLUMNS,
    RELATED_COLUMNS,
)
from cxr_fastai.curation.copies.fingerprint import Fingerprint, pixel_sha256, source_bytes
from cxr_fastai.curation.engines import Engine, Lost, spread
from cxr_fastai.curation.fetch import LOCK_FILE
from cxr_fastai.curation.folder.card import dataset_card
from cxr_fastai.curation.folder.croissant import CROISSANT, croissant
from cxr_fastai.curation.folder.hub_table import METADATA, drop_hub_tables, hub_tables
from cxr_fastai.curation.folder.lock import MARKER
from cxr_fastai.curation.folder.negatives import negatives_are_whole, write_them
from cxr_fastai.curation.folder.quality import QUALITY_COLUMNS
from cxr_fastai.curation.folder.report_page import report_page
from cxr_fastai.curation.folder.result import Curation, Written
from cxr_fastai.curation.sources.item import REJECT_COLUMNS, PlaceInFile
from cxr_fastai.gate.kinds import righted
from cxr_fastai.images import decode, write_png
from cxr_fastai.junk import is_junk
from cxr_fastai.manifest import (
    CURATION,
    MANIFEST,
    manifest_text,
    read_manifest,
    read_rows,
    write_rows,
)
from cxr_fastai.negatives import TABLE as NEGATIVES
from cxr_fastai.negatives import THUMBNAILS
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipe_text import recipe_text
from cxr_fastai.reporting.text import count
from cxr_fastai.safe_names import why_unsafe

__all__ = ["write_folder", "is_ours"]

# While a folder is written: every image that this run, or one that was killed, may have put there.
PLAN = ".images.txt"
RECIPE = "recipe.toml"  # of images of a user's own: the recipe that nobody wrote
TABLES = (
    "rejects.csv",
    "duplicates.csv",
    "conflicts.csv",
    "related.csv",
    "quality.csv",
    "README.md",
    "report.html",
    CROISSANT,
    METADATA,
)
HALF_FILE = re.compile(r"\.([0-9a-f]{32}\.png|.*)\.\d+\.part")  # as core.atomic_path names it
IMAGE_NAME = re.compile(r"[0-9a-f]{32}(_[0-9]+)?\.png")  # of an image's file
# Bytes of a PNG for each pixel: what radiographs take at most (benchmarks/scan.py measures it).
PNG_SHARE = 0.7
ROOM_MARGIN = 1.1  # of the bytes that are thought to be needed

# file, place in it, how it is righted, pixel_sha256 that it must have then, path to write
WriteJob = tuple[str, PlaceInFile, tuple[str, ...], str, str]


@dataclass(frozen=True)
class _Image:
    """An image that is to stand in the folder."""

    pixel_sha256: str
    width: int  # px
    height: int
    righted: tuple[str, ...] = ()  # kinds that are righted before it is written


def is_ours(
    name: str,  # of a file in the folder
) -> bool:
    """Whether a file may be what a run left that was killed before curation.json stood.

    That is its lock, its plan, or the half of a file.
    """
    if name.startswith(MARKER) or name in (LOCK_FILE, PLAN):
        return True
    half = HALF_FILE.fullmatch(name)
    return half is not None and half[1] in (CURATION, LOCK_FILE, PLAN)


def write_folder(
    curation: Curation,
    engine: Engine,
    progress: Progress = SILENT,
) -> Written:
    """Bring the folder to what `curation` says; what stands already is left.

    The plan goes first, so that a run after a kill knows its own images from foreign ones. Raises
    `StorageError` where there is no room, `IntegrityError` for a source that changed meanwhile.
    """
    out = curation.out
    images = _images(curation)
    manifest = manifest_text(curation.records, curation.recipe)
    before = _images_of_earlier_runs(out)
    folders = sorted({out / os.path.dirname(path) for path in before | images.keys()})
    missing = [path for path in images if not (out / path).is_file()]
    surplus = sorted(before - images.keys())
    _check_room(out, [images[path] for path in missing])
    _clear_half_files(out, folders)
    is_whole = _holds(out / MANIFEST, manifest) and negatives_are_whole(out, curation.negatives)
    if missing or surplus or not is_whole:
        write_text(out / PLAN, "".join(f"{path}\n" for path in sorted(before | images.keys())))
        (out / MANIFEST).unlink(missing_ok=True)  # the folder is not whole until it stands again
    files = int(write_json(out / CURATION, curation.request.to_dict()))
    for folder in folders:
        make_folder(folder)
    files += _write_images(
        [_job(curation, path, images[path]) for path in missing], engine, progress
    )
    removed = _remove(out, surplus)
    files += write_them(out, curation.negatives, engine, progress)
    files += _write_tables(curation, manifest)
    _clear_half_files(out, folders)
    foreign = _foreign_files(out, {*images, *_hub_tables(curation)})
    if missing and hasattr(os, "sync"):
        os.sync()  # images before the manifest that promises them, also in a power loss
    files += write_text(out / MANIFEST, manifest)
    (out / PLAN).unlink(missing_ok=True)
    for folder in folders:
        _drop_empty(out, folder)
    return Written(files=files, removed=removed, foreign=tuple(foreign))


# ---- which images


def _images(
    curation: Curation,  # its records, and its conflicts where they are laid aside
) -> dict[str, _Image]:  # path -> image
    """Collect every image of the folder, also those laid aside.

    The latter only where conflicts are kept.
    """
    images = {}
    for row in curation.records:
        steps = tuple(row.righted.split("|")) if row.righted else ()
        images[row.path] = _Image(row.pixel_sha256, int(row.width), int(row.height), steps)
    if curation.on_conflict == "keep-both-out":
        for copies in curation.conflicts:
            for member in copies.members:
                images[copies.aside_path(member)] = _image_of(member.fingerprint)
    return images


def _image_of(fingerprint: Fingerprint) -> _Image:
    """Describe an image by its fingerprint.

    Size and pixels are of the decoded image.
    """
    return _Image(fingerprint.pixel_sha256, fingerprint.width, fingerprint.height)


def _images_of_earlier_runs(
    out: Path,  # the folder; may be new
) -> set[str]:  # relative to the folder
    """Collect the images of an earlier run's manifest, and of a plan that was not finished.

    A folder that holds neither, or damaged ones, gives none; a name that no run would have given is
    left alone.
    """
    paths: list[str] = []
    if (out / PLAN).is_file():
        paths += (out / PLAN).read_text(encoding="utf-8").splitlines()
    try:
        paths += [row.path for row in read_manifest(out).rows]
        paths += [row.get("aside") or "" for row in read_rows(out / "conflicts.csv")]
    except (NotCurated, IntegrityError, OSError):
        pass
    # never a name that a run would not have given
    return {path for path in paths if _is_image_of_a_run(path)}


def _is_image_of_a_run(path: str) -> bool:
    """Tell whether a run may have written such a path: in one or two folders that a class names."""
    *folders, name = path.split("/")
    if len(folders) not in (1, 2) or IMAGE_NAME.fullmatch(name) is None:
        return False
    return all(folder == ASIDE_FOLDER or not why_unsafe(folder) for folder in folders)


def _foreign_files(
    out: Path,  # the folder
    paths: Iterable[str],  # of all its images, and of what stands beside them
) -> list[str]:  # sorted
    """Find files in the class folders that are none of `paths`.

    They are told of and stay.
    """
    ours = set(paths)
    found = set()
    for top in sorted({path.split("/")[0] for path in ours if "/" in path}):
        for file in (out / top).rglob("*"):
            name = file.relative_to(out).as_posix()
            if file.is_file() and not is_junk(name):
                found.add(name)
    return sorted(found - ours)


# ---- the disk


def _holds(file: Path, text: str) -> bool:
    """Whether a file holds exactly this text."""
    return file.is_file() and file.read_bytes() == text.encode()


def _check_room(
    out: Path,
    images: list[_Image],  # that are to be written
) -> None:
    """Raise `StorageError` where these images have no room.

    The tables are small beside them.
    """
    pixels = sum(image.width * image.height for image in images)
    needed = int(PNG_SHARE * pixels) * ROOM_MARGIN
    free = shutil.disk_usage(out).free
    if needed > free:
        raise StorageError(
            f"cannot write {out}: {count(len(images), 'image needs', 'images need')} about "
            f"{size_text(needed)}, "
            f"{size_text(free)} are free. Free some, or choose another {flag('out')}."
        )


def _clear_half_files(
    out: Path,  # the folder
    folders: list[Path],  # of images below it
) -> None:
    """Take away what a killed run left half-written: our own temporary names, nothing else."""
    ours = {CURATION, MANIFEST, LOCK_FILE, PLAN, RECIPE, NEGATIVES, THUMBNAILS, *TABLES}
    with_parents = {out, *folders, *(folder.parent for folder in folders)}
    for folder in sorted(with_parents):
        for part in folder.glob(".*.part"):
            half = HALF_FILE.fullmatch(part.name)
            if half is None:
                continue
            name = half[1]
            is_own = name in ours if folder == out else name.endswith((".png", METADATA))
            if is_own:
                part.unlink(missing_ok=True)


def _remove(
    out: Path,  # the folder
    paths: list[str],  # relative to it
) -> int:
    """Delete images of an earlier run; how many stood there."""
    removed = 0
    for path in paths:
        if (out / path).is_file():
            os.unlink(out / path)
            removed += 1
    return removed


def _drop_empty(
    out: Path,  # stays
    folder: Path,  # of images below it
) -> None:
    """Delete a class folder that holds nothing any more.

    Then its parents below `out`, as far as they are empty too.
    """
    while folder != out and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


# ---- images


def _job(
    curation: Curation,
    path: str,  # of the image in the folder
    image: _Image,  # what it must be
) -> WriteJob:
    """Say what is to be read again, and where its image goes."""
    item = curation.origins[image.pixel_sha256]
    place = (item.file, item.array)
    return *place, image.righted, image.pixel_sha256, str(curation.out / path)


def _write_images(
    jobs: list[WriteJob],  # of images that are missing
    engine: Engine,  # whose workers write
    progress: Progress,  # shows a bar
) -> int:
    """Write images; how many.

    Raises `IntegrityError` for one that cannot be read again.
    """
    if not jobs:
        return 0
    results = spread(engine, write_many, jobs)
    written = 0
    for i, result in progress.bar(results, len(jobs), f"writing images: {len(jobs)}"):
        if isinstance(result, Lost):
            raise IntegrityError(
                f"{jobs[i][0]} was read once, but not again: {result.message}. Run it again."
            )
        written += 1
    return written


def write_many(
    jobs: list[WriteJob],  # a chunk of them
) -> list[WriteJob]:  # as they were given
    """In a worker: decode each image again and write it; its pixels must be those hashed."""
    for file, array, steps, sha, path in jobs:
        pixels = righted(decode(source_bytes(file, array)), steps)
        if pixel_sha256(pixels) != sha:
            raise IntegrityError(
                f"{file} changed while it was curated. Run the same command again."
            )
        with atomic_path(path, sync=False) as part:
            write_png(pixels, part)
    return jobs


# ---- tables


def _write_tables(
    curation: Curation,
    manifest: str,  # the text of manifest.csv
) -> int:
    """Write all files but the images and the manifest; how many did not stand so already."""
    out = curation.out
    laid_aside = curation.on_conflict == "keep-both-out"
    conflicts, copies, rejects = [], [], []
    for copy_set in curation.copy_sets:
        copies += copy_set.rows()
    for copy_set in curation.conflicts:
        conflicts += copy_set.conflict_rows(laid_aside)
    for reject in curation.rejects:
        rejects.append({column: getattr(reject, column) for column in REJECT_COLUMNS})
    written = [
        write_rows(out / "rejects.csv", rejects, REJECT_COLUMNS),
        write_rows(out / "duplicates.csv", copies, DUPLICATE_COLUMNS),
        write_rows(out / "conflicts.csv", conflicts, CONFLICT_COLUMNS),
        write_rows(out / "related.csv", curation.related, RELATED_COLUMNS),
        write_rows(out / "quality.csv", curation.quality, QUALITY_COLUMNS),
        write_text(out / "README.md", dataset_card(curation)),
        write_text(out / "report.html", report_page(curation)),
        write_json(out / CROISSANT, croissant(curation, manifest.encode())),
    ]
    if curation.request.own:
        written.append(write_text(out / RECIPE, recipe_text(curation.recipe)))
    tables = _hub_tables(curation)
    written += [write_text(out / path, text) for path, text in tables.items()]
    drop_hub_tables(out, tables.keys())
    return sum(written)


def _hub_tables(curation: Curation) -> dict[str, str]:
    """Return the tables that stand beside the images, by path."""
    return hub_tables(curation.records, curation.request.layout)
