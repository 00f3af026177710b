"""Write a curated folder so that it can be killed at any moment. Takes what was decided, writes images, tables and
card, the manifest last: its presence says that the folder is whole. It deletes only what a run of its own wrote.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

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
    CONFLICT_COLUMNS,
    DUPLICATE_COLUMNS,
    RELATED_COLUMNS,
)
from cxr_fastai.curation.copies.fingerprint import pixel_sha256, source_bytes
from cxr_fastai.curation.engines import Lost, spread
from cxr_fastai.curation.fetch import LOCK_FILE
from cxr_fastai.curation.folder.card import dataset_card
from cxr_fastai.curation.folder.croissant import CROISSANT, croissant
from cxr_fastai.curation.folder.lock import MARKER
from cxr_fastai.curation.folder.report_page import report_page
from cxr_fastai.curation.sources.listing import REJECT_COLUMNS
from cxr_fastai.images import decode, write_png
from cxr_fastai.manifest import (
    CURATION,
    MANIFEST,
    manifest_text,
    read_manifest,
    read_rows,
    write_rows,
)

__all__ = ["write_folder", "is_ours"]

PLAN = ".images.txt"  # while a folder is written: every image that this run, or one that was killed, may have put there
QUALITY_COLUMNS = ("path", "source", "original_path", "notes")
TABLES = (
    "rejects.csv",
    "duplicates.csv",
    "conflicts.csv",
    "related.csv",
    "quality.csv",
    "README.md",
    "report.html",
    CROISSANT,
)
HALF = re.compile(
    r"\.([0-9a-f]{32}\.png|.*)\.\d+\.part"
)  # as core.atomic_path names the half of a file
IMAGE = re.compile(r"([a-z0-9_]+/){1,2}[0-9a-f]{32}\.png")
PNG_SHARE = (
    0.7  # of a byte a pixel: what radiographs take as PNG, at most (benchmarks/scan.py measures it)
)


def is_ours(name: str) -> bool:
    """Whether a file in a folder without curation.json may be what a run left that was killed early."""
    half = HALF.fullmatch(name)
    return (
        name.startswith(MARKER)
        or name in (LOCK_FILE, PLAN)
        or bool(half and half[1] in (CURATION, LOCK_FILE, PLAN))
    )


def write_folder(
    done,  # pipeline.Curation: `written`, `removed` and `foreign` are counted here
    request: dict,  # what curation.json says
    origins: dict,  # pixel_sha256 -> (file, array) to read the pixels from
    engine,
    progress=None,  # progress(iterable, total, what)
):
    """Bring the folder to what `done` says; what stands already is left.
    The plan goes first, so that a run after a kill knows its own images from foreign ones.
    """
    out, images = done.out, _images(done)
    paths = set(images)
    text = manifest_text(done.records, done.recipe)
    stands = (out / MANIFEST).is_file() and (out / MANIFEST).read_bytes() == text.encode()
    before = _before(out)
    folders = sorted({out / os.path.dirname(p) for p in before | paths})
    todo = [p for p in images if not (out / p).is_file()]
    _check_room(out, [images[p] for p in todo])
    _clear(out, folders)
    if todo or not stands or before - paths:
        write_text(out / PLAN, "".join(f"{p}\n" for p in sorted(before | paths)))
        (out / MANIFEST).unlink(
            missing_ok=True
        )  # the folder is not whole until it is written again
    done.written += write_json(out / CURATION, request)
    for folder in folders:
        make_folder(folder)
    _write_images(
        done, [(*origins[(sha := images[p][0])], sha, str(out / p)) for p in todo], engine, progress
    )
    for gone in sorted(before - paths):
        if (out / gone).is_file():
            os.unlink(out / gone)
            done.removed += 1
    done.written += _write_tables(done, text)
    _clear(out, folders)
    done.foreign = _foreign(out, paths)
    if todo and hasattr(os, "sync"):
        os.sync()  # images before the manifest that promises them, also in a power loss
    done.written += write_text(out / MANIFEST, text)
    (out / PLAN).unlink(missing_ok=True)
    for folder in folders:
        _drop_empty(out, folder)


def _images(done) -> dict[str, tuple]:
    """Path -> (pixel_sha256, width, height) of every image of the folder, also those laid aside."""
    out = {r.path: (r.pixel_sha256, int(r.width), int(r.height)) for r in done.records}
    for g in done.conflicts if done.on_conflict == "keep-both-out" else ():
        for m in g.members:
            out[g.aside_path(m)] = (
                m.fingerprint.pixel_sha256,
                m.fingerprint.width,
                m.fingerprint.height,
            )
    return out


def _before(out: Path) -> set[str]:
    """The images of an earlier run: of its manifest, and of the plan that it did not finish."""
    paths = (out / PLAN).read_text(encoding="utf-8").splitlines() if (out / PLAN).is_file() else []
    try:
        paths += [r.path for r in read_manifest(out).rows]
        paths += [row.get("aside") or "" for row in read_rows(out / "conflicts.csv")]
    except (NotCurated, IntegrityError, OSError):
        pass
    return {p for p in paths if IMAGE.fullmatch(p)}  # never a name that a run would not have given


def _check_room(out: Path, todo):
    need, have = int(PNG_SHARE * sum(w * h for _, w, h in todo)), shutil.disk_usage(out).free
    if need * 1.1 > have:
        raise StorageError(
            f"cannot write {out}: {len(todo)} images need about {size_text(need * 1.1)}, "
            f"{size_text(have)} are free. Free some, or choose another --out."
        )


def _clear(out: Path, folders):
    """Take away what a run that was killed left half-written: our own temporary names, nothing else."""
    ours = {CURATION, MANIFEST, LOCK_FILE, PLAN, *TABLES}
    for folder in (out, *folders):
        for part in folder.glob(".*.part"):
            half = HALF.fullmatch(part.name)
            if half and (half[1] in ours if folder == out else half[1].endswith(".png")):
                part.unlink(missing_ok=True)


def _write_images(done, jobs, engine, progress):
    results = spread(engine, write_many, jobs)
    if progress and jobs:
        results = progress(results, len(jobs), f"writing images: {len(jobs)}")
    for at, result in results:
        if isinstance(result, Lost):
            raise IntegrityError(
                f"{jobs[at][0]} was read once, but not again: {result.message}. Run it again."
            )
        done.written += 1


def write_many(todo: list) -> list:
    """In a worker: decode each image again and write it, if its pixels are still those that were hashed."""
    for file, array, sha, to in todo:
        pixels = decode(source_bytes(file, array))
        if pixel_sha256(pixels) != sha:
            raise IntegrityError(
                f"{file} changed while it was curated. Run the same command again."
            )
        with atomic_path(to, sync=False) as part:
            write_png(pixels, part)
    return todo


def _drop_empty(out: Path, folder: Path):
    """A class folder that holds nothing any more goes too."""
    while folder != out and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _foreign(out: Path, paths: set[str]) -> list[str]:
    tops = sorted({p.split("/")[0] for p in paths})
    files = [
        f.relative_to(out).as_posix() for top in tops for f in (out / top).rglob("*") if f.is_file()
    ]
    return sorted(set(files) - paths)


def _write_tables(done, text: str) -> int:
    conflicts = [
        row for g in done.conflicts for row in g.conflict_rows(done.on_conflict == "keep-both-out")
    ]
    copies = [row for g in done.groups for row in g.rows()]
    rejects = [{c: getattr(r, c) for c in REJECT_COLUMNS} for r in done.rejects]
    return sum(
        [
            write_rows(done.out / "rejects.csv", rejects, REJECT_COLUMNS),
            write_rows(done.out / "duplicates.csv", copies, DUPLICATE_COLUMNS),
            write_rows(done.out / "conflicts.csv", conflicts, CONFLICT_COLUMNS),
            write_rows(done.out / "related.csv", done.related, RELATED_COLUMNS),
            write_rows(done.out / "quality.csv", done.noted, QUALITY_COLUMNS),
            write_text(done.out / "README.md", dataset_card(done)),
            write_text(done.out / "report.html", report_page(done)),
            write_json(done.out / CROISSANT, croissant(done, text.encode())),
        ]
    )
