"""Whether the images of a curated folder are still those that were looked at.

Paths -> a stamp of each: size, times and inode. An image whose stamp is that of before is taken for
unchanged; of the others the pixels are hashed. Stamps lie in the cache folder, a file for each
curated folder, whatever sizes its pixels are cached at. Never writes into the curated folder.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import (
    IntegrityError,
    StorageError,
    atomic_path,
    cache_dir,
    make_folder,
    sha256_text,
)
from cxr_fastai.manifest import Manifest
from cxr_fastai.manifest_check import Record
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.progress import Progress

__all__ = ["stamps_of", "keep_stamps", "refuse_changed"]


def stamps_of(manifest: Manifest) -> np.ndarray:  # (n, 4) int64
    """Stamp each image: bytes, mtime and ctime in ns, inode.

    ctime tells an edit whose mtime was set back; it changes with a chmod or a link too, which costs
    a hash and nothing else. Raises `IntegrityError` naming an image that is not there any more.
    """
    stamps = np.empty((len(manifest.rows), 4), np.int64)
    for i, row in enumerate(manifest.rows):
        path = manifest.root / row.path
        try:
            found = os.stat(path)
        except OSError as e:
            raise IntegrityError(
                f"{path}: {e.strerror or e}. It was there when the folder was curated: put it "
                "back, or curate the folder again."
            ) from e
        stamps[i] = _stamp(found)
    return stamps


def _stamp(found: os.stat_result) -> tuple[int, int, int, int]:
    """Return what a file is known by; some systems' inodes have all 64 bits."""
    inode = found.st_ino & 0x7FFF_FFFF_FFFF_FFFF
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, inode


def keep_stamps(manifest: Manifest, stamps: np.ndarray) -> None:
    """Note the stamps of images whose pixels are those of the manifest.

    Taken before the pixels were read. Without room for them, all are hashed again next time.
    """
    file = _file(manifest)
    content = io.BytesIO()
    np.save(content, stamps)
    try:
        make_folder(file.parent)
        with atomic_path(file, sync=False) as part:
            part.write_bytes(content.getvalue())
    except StorageError:
        return


def refuse_changed(
    manifest: Manifest,
    stamps: np.ndarray,  # of stamps_of, now
    threads: int,
    progress: Progress,
) -> None:
    """Raise `IntegrityError` where an image is not that of its row any more.

    Only those are read whose stamp is not that of before.
    """
    before = _kept(manifest)
    if before is None:
        suspects = list(manifest.rows)
    else:
        differs = (stamps != before).any(1)
        suspects = [manifest.rows[i] for i in np.flatnonzero(differs)]
    if not suspects:
        return
    _verify(manifest.root, suspects, threads, progress)
    keep_stamps(manifest, stamps)


def _verify(root: Path, rows: Sequence[Record], threads: int, progress: Progress) -> None:
    """Hash the pixels of these rows' images. Raises `IntegrityError` at the first that differs."""

    def verify(row: Record) -> None:
        """Raise for an image that is not that of its row."""
        pixels_of(root, row)

    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(verify, rows)
        title = f"looking at {len(rows)} images whose files are not those of before"
        shown: Iterable[None] = progress.bar(done, len(rows), title)
        for _ in shown:
            pass


def _kept(manifest: Manifest) -> np.ndarray | None:
    """Return the stamps of before; None where there are none that can be read."""
    try:
        stamps = np.load(_file(manifest))
    except (OSError, ValueError, EOFError):
        return None
    if (stamps.shape, stamps.dtype) != ((len(manifest.rows), 4), np.int64):
        return None
    kept: np.ndarray = stamps
    return kept


def _file(manifest: Manifest) -> Path:
    """Return where the stamps of a folder lie: a copy of it elsewhere has its own."""
    rows = [(row.path, row.pixel_sha256) for row in manifest.rows]
    what = [rows, str(manifest.root.resolve()), images.DECODER_VERSION]
    return cache_dir() / "pixels" / f"{sha256_text(json.dumps(what))}.stamps"
