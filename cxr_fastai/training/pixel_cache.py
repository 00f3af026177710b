"""A curated folder's pixels, decoded once. A manifest in, one (n, size, size) array out, kept in the cache folder.

The file's name is a hash of manifest, size, crop and decoder version: when one of them changes, it is made anew. Behind
the array stands a checksum of each stretch of rows: a file that was cut, torn or changed is made anew too. One process
makes it, the others wait and share it. Never writes into the curated folder, and never lets a file that has become
unreadable pass.
"""

from __future__ import annotations

import json
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import (
    ImageRejected,
    IntegrityError,
    StorageError,
    atomic_path,
    cache_dir,
    make_folder,
    sha256_text,
)
from cxr_fastai.manifest import Manifest
from cxr_fastai.progress import say

__all__ = ["pixel_cache"]

STRETCH = 1 << 24  # bytes of pixels under one checksum


def pixel_cache(
    manifest: Manifest,
    size: int,  # side of the square, px
    workers: int | None = None,  # threads that decode; None: one a core
    progress=None,  # as cxr_fastai.progress.bar; None: silence
    crop: float = 0.0,  # share cut off each side
) -> tuple[
    dict[str, int], np.ndarray
]:  # path -> row, and (n, size, size) uint8; read-only where it lies on disk
    """Every image of the manifest at one size. Raises `IntegrityError` naming a file that cannot be read any more."""
    paths = [str(manifest.root / r.path) for r in manifest.rows]
    shape, file = (
        (len(paths), size, size),
        cache_dir() / "pixels" / f"{_key(manifest, size, crop)}.npy",
    )
    rows, pixels = {path: i for i, path in enumerate(paths)}, _open(file, shape, workers)
    if pixels is not None:
        return rows, pixels
    try:
        make_folder(file.parent)
        with _alone(file):
            pixels = _open(file, shape, workers)  # another process may have made it meanwhile
            if pixels is None:
                _write(file, shape, _decoded(paths, size, crop, workers, progress))
                pixels = _open(file, shape, workers)
    except StorageError:
        say(
            f"no cache in {file.parent}: pixels stay in memory. Set CXR_CACHE to a folder with room."
        )
    if pixels is None:
        pixels = np.stack([*_decoded(paths, size, crop, workers, progress)])
    return rows, pixels


def _key(manifest: Manifest, size: int, crop: float) -> str:
    return sha256_text(json.dumps([manifest.sha256, size, float(crop), images.DECODER_VERSION]))


def _alone(file: Path):
    """Hold the one right to make `file`; what a process that died has left of it goes."""
    from filelock import FileLock

    try:
        lock = FileLock(f"{file}.lock").acquire()
    except OSError as e:
        raise StorageError(f"cannot lock {file}: {e.strerror or e}") from e
    for part in file.parent.glob(f".{file.name[:80]}.*.part"):
        part.unlink(missing_ok=True)
    return lock


# ---- the file


def _open(file: Path, shape: tuple, workers: int | None):
    """The array in `file`, mapped into memory; None where there is none of this shape, or it is damaged."""
    try:
        pixels = np.load(file, mmap_mode="r")
        if (pixels.shape, pixels.dtype) != (shape, np.uint8):
            return None
        sums = np.fromfile(file, "<u4", offset=pixels.offset + pixels.nbytes)
    except (OSError, ValueError, EOFError):
        return None
    rows = _rows_a_sum(shape)
    with ThreadPoolExecutor(workers or _cores()) as pool:
        actual = [*pool.map(lambda i: zlib.crc32(pixels[i : i + rows]), range(0, shape[0], rows))]
    return pixels if actual == sums.tolist() else None


def _rows_a_sum(shape: tuple) -> int:
    return max(1, STRETCH // (shape[1] * shape[2]))


def _write(file: Path, shape: tuple, rows):
    """Stream the rows into a .npy, and the checksums behind them, where NumPy does not look. Not through a memory map:
    a full disk kills a process that writes to one.
    """
    with atomic_path(file) as part, open(part, "wb") as f, closing(rows):
        np.lib.format.write_array_header_1_0(f, dict(descr="|u1", fortran_order=False, shape=shape))
        sums = []
        while block := b"".join(row.tobytes() for row in islice(rows, _rows_a_sum(shape))):
            f.write(block)
            sums.append(zlib.crc32(block))
        f.write(np.array(sums, "<u4").tobytes())


# ---- decoding


def _decoded(paths: list[str], size: int, crop: float, workers: int | None, progress):
    """The images in order, each (size, size) uint8. Threads: decoding releases the GIL, and on two cores they were as
    quick as processes (NIH's PNGs of 320 px: 1,475 against 1,506 a second, 840 with one), with nothing to start.
    """
    what = f"decoding {len(paths)} images at {size} px"

    def read(path):
        return _read(path, size, crop)

    with ThreadPoolExecutor(workers or _cores()) as pool, closing(pool.map(read, paths)) as rows:
        yield from rows if progress is None else progress(rows, len(paths), what)


def _read(path: str, size: int, crop: float) -> np.ndarray:
    try:
        return images.resize(images.decode(path), size, crop)
    except ImageRejected as e:
        raise IntegrityError(
            f"{e}. It was readable when the folder was curated: curate the folder again."
        ) from e


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
