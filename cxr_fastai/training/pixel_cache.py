"""A curated folder's pixels, decoded once.

A manifest in, one (n, size, size) array out, kept in the cache folder. The file's name is a hash of
the images' pixels, size, crop and decoder version: when one of them changes, it is made anew;
where labels or splits alone change, as between folds, it is not. Behind the
array stands a checksum of each stretch of rows: a file that was cut, torn or changed is made anew
too. One process makes it, the others wait and share it. Never writes into the curated folder, and
never lets an image pass that is gone or not that of its row any more, whether its pixels are
decoded or come from the cache.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import (
    StorageError,
    atomic_path,
    cache_dir,
    make_folder,
    sha256_text,
)
from cxr_fastai.manifest import Manifest
from cxr_fastai.manifest_check import Record
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.progress import SILENT, Progress, say
from cxr_fastai.reporting.text import count
from cxr_fastai.training.unchanged import keep_stamps, refuse_changed, stamps_of

__all__ = ["pixel_cache"]

# Of what a cache promises. 2: its pixels are those of the manifest's pixel_sha256.
CACHE_VERSION = 2
MAX_BYTES_A_SUM = 1 << 24  # of pixels under one checksum

Shape = tuple[int, int, int]  # images, height, width


@dataclass(frozen=True)
class _Decoding:
    """What is to be decoded, and how."""

    manifest: Manifest
    stamps: np.ndarray  # of its images, taken before they are read
    size: int
    crop: float
    threads: int
    progress: Progress


def pixel_cache(
    manifest: Manifest,
    size: int,  # side of the square, px
    workers: int | None = None,  # threads that decode; None: one a core
    progress: Progress | None = None,  # None: silence
    crop: float = 0.0,  # share cut off each side
) -> tuple[dict[str, int], np.ndarray]:
    """Return every image of the manifest at one size: path -> row, and (n, size, size) uint8.

    The array is read-only where it lies on disk. Raises `IntegrityError` naming a file that is
    missing, cannot be read any more, or has other pixels than the manifest says.
    """
    rows = {str(manifest.root / row.path): i for i, row in enumerate(manifest.rows)}
    shape = (len(manifest.rows), size, size)
    decoding = _Decoding(
        manifest=manifest,
        stamps=stamps_of(manifest),
        size=size,
        crop=crop,
        threads=workers or _cores(),
        progress=progress or SILENT,
    )
    file = cache_dir() / "pixels" / f"{_key(manifest, size, crop)}.npy"
    pixels = _open(file, shape, decoding.threads)
    if pixels is None:
        pixels = _made(file, shape, decoding)
    else:
        refuse_changed(manifest, decoding.stamps, decoding.threads, decoding.progress)
    return rows, pixels


def _key(manifest: Manifest, size: int, crop: float) -> str:
    """Name all that the pixels follow from."""
    pixels = [row.pixel_sha256 for row in manifest.rows]
    what = [pixels, size, float(crop), images.DECODER_VERSION, CACHE_VERSION]
    return sha256_text(json.dumps(what))


def _made(file: Path, shape: Shape, decoding: _Decoding) -> np.ndarray:
    """Decode into `file` and open it; into memory where it cannot be written."""
    pixels = None
    try:
        make_folder(file.parent)
        with _alone(file):
            pixels = _open(file, shape, decoding.threads)  # another may have made it meanwhile
            if pixels is None:
                _write(file, shape, _decoded(decoding))
                keep_stamps(decoding.manifest, decoding.stamps)
                pixels = _open(file, shape, decoding.threads)
            else:
                refuse_changed(
                    decoding.manifest, decoding.stamps, decoding.threads, decoding.progress
                )
    except StorageError:
        say(
            f"no cache in {file.parent}: pixels stay in memory. "
            "Set CXR_CACHE to a folder with room."
        )
    if pixels is None:
        pixels = np.stack(list(_decoded(decoding)))
    return pixels


def _alone(file: Path) -> AbstractContextManager[object]:
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


def _open(file: Path, shape: Shape, threads: int) -> np.ndarray | None:
    """Map the array in `file` into memory; None for no array of this shape, or a damaged one."""
    try:
        pixels = np.load(file, mmap_mode="r")
        if (pixels.shape, pixels.dtype) != (shape, np.uint8):
            return None
        sums = np.fromfile(file, "<u4", offset=pixels.offset + pixels.nbytes)
    except (OSError, ValueError, EOFError):
        return None
    rows_a_sum = _rows_a_sum(shape)

    def checksum(start: int) -> int:
        """Sum up the stretch of rows that begins at `start`."""
        stretch = pixels[start : start + rows_a_sum]
        return zlib.crc32(stretch)

    with ThreadPoolExecutor(threads) as pool:
        actual = list(pool.map(checksum, range(0, shape[0], rows_a_sum)))
    return pixels if actual == sums.tolist() else None


def _rows_a_sum(shape: Shape) -> int:
    """Return how many rows stand under one checksum."""
    _, height, width = shape
    return max(1, MAX_BYTES_A_SUM // (height * width))


def _write(file: Path, shape: Shape, rows: Generator[np.ndarray, None, None]) -> None:
    """Stream the rows into a .npy, and the checksums behind them, where NumPy does not look.

    Not through a memory map: a full disk kills a process that writes to one.
    """
    with atomic_path(file) as part, open(part, "wb") as f, closing(rows):
        np.lib.format.write_array_header_1_0(f, dict(descr="|u1", fortran_order=False, shape=shape))
        sums = []
        for block in _blocks(rows, _rows_a_sum(shape)):
            f.write(block)
            sums.append(zlib.crc32(block))
        f.write(np.array(sums, "<u4").tobytes())


def _blocks(
    rows: Iterator[np.ndarray],
    n: int,  # rows a block
) -> Iterator[bytes]:
    """Yield the bytes of `n` rows at a time."""
    while True:
        block = b"".join(row.tobytes() for row in islice(rows, n))
        if not block:
            return
        yield block


# ---- decoding


def _decoded(what: _Decoding) -> Generator[np.ndarray, None, None]:
    """Yield the images in order, each (size, size) uint8.

    Threads: decoding releases the GIL, and on two cores they were as quick as processes (NIH's PNGs
    of 320 px: 1,475 against 1,506 a second, 840 with one), with nothing to start.
    """
    rows = what.manifest.rows
    title = f"decoding {count(len(rows), 'image')} at {what.size} px"

    def read(row: Record) -> np.ndarray:
        """Decode one image."""
        pixels = pixels_of(what.manifest.root, row)
        return images.resize(pixels, what.size, what.crop)

    with ThreadPoolExecutor(what.threads) as pool:
        decoded = pool.map(read, rows)
        with closing(decoded):  # type: ignore[type-var]  # map's iterator is a generator
            shown: Iterable[np.ndarray] = what.progress.bar(decoded, len(rows), title)
            yield from shown


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
