"""Fingerprint many images at once, remembering what was seen.

Items -> a Fingerprint or an Unreadable for each; every result is kept in a ScanCache as it comes.
An image that no decoder can read costs itself, never the run.
"""

from __future__ import annotations

import os

from cxr_fastai.core import one_line, sha256_file
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable, fingerprint
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import Engine, Lost, spread
from cxr_fastai.curation.sources.item import Item, PlaceInFile
from cxr_fastai.progress import SILENT, Progress

__all__ = ["scan", "fingerprint_many", "ScanJob"]

MISSING = "|missing"  # the end of the key of a file that is not there: nothing is kept under it

ScanJob = tuple[str, PlaceInFile, str]  # file on disk, where in it, path in the source


def scan(
    items: list[Item],
    engine: Engine,
    cache: ScanCache | None = None,  # None: one is opened for this scan
    progress: Progress = SILENT,
) -> list[Fingerprint | Unreadable]:
    """Fingerprint the items; return a result for each, in their order.

    Every result is kept as it comes, so that a run that was killed, or whose machine was lost, goes
    on from there. A file whose size and time of change are those of an earlier scan is not read
    again.
    """
    if cache is not None:
        return _scan(items, engine, cache, progress)
    with ScanCache() as own:
        return _scan(items, engine, own, progress)


def _scan(
    items: list[Item],
    engine: Engine,
    cache: ScanCache,
    progress: Progress,
) -> list[Fingerprint | Unreadable]:
    """Scan with a cache that is open: first what it knows, then the rest."""
    keys = [_key(item) for item in items]
    known = cache.fingerprints(keys)
    missing = [i for i, key in enumerate(keys) if key not in known]
    jobs = [(items[i].file, items[i].array, items[i].path) for i in missing]
    results = spread(engine, fingerprint_many, jobs)
    for n, result in progress.bar(results, len(jobs), _what(len(jobs), len(items))):
        i = missing[n]
        if isinstance(result, Lost):
            result = _unreadable(items[i], result)
        known[keys[i]] = result
        if not keys[i].endswith(MISSING):
            cache.keep_fingerprint(keys[i], result)
    return [known[key] for key in keys]


def _what(
    jobs: int,  # images that must be read
    items: int,  # all of them
) -> str:
    """Say what is under way; a scan of an earlier run is not made again."""
    known = f", {items - jobs:,} known from before" if jobs < items else ""
    return f"scanning images: {jobs}{known}"


def fingerprint_many(jobs: list[ScanJob]) -> list[Fingerprint | Unreadable]:
    """Fingerprint a list of images, in a worker.

    An error that no decoder should raise costs its image, not the run.
    """
    results = []
    for file, array, name in jobs:
        try:
            result = fingerprint(file, array, name)
        except Exception as e:
            result = Unreadable("", "decoder_failed", one_line(f"{type(e).__name__}: {e}"))
        results.append(result)
    return results


def _unreadable(
    item: Item,
    lost: Lost,  # what the engine says of it
) -> Unreadable:
    """Say what became of an image whose worker did not come back."""
    sha256 = ""
    if item.array is None:
        try:
            sha256 = sha256_file(item.file)
        except OSError:
            pass  # the file went away meanwhile
    return Unreadable(sha256, lost.reason, f"{item.path}: {lost.message}")


def _key(item: Item) -> str:
    """Return what the cache knows an image by: its file, path, size and time of change."""
    try:
        stat = os.stat(item.file)
    except OSError:
        return f"{item.file}|{item.array}{MISSING}"
    file = item.file if item.file.startswith("/") else os.path.abspath(item.file)
    return f"{file}|{item.path}|{stat.st_size}|{stat.st_mtime_ns}"
