"""Fingerprint many images at once, remembering what was seen. Takes Items, returns a Fingerprint or Unreadable for
each; the memory is a cache that may be deleted at any time.
"""

from __future__ import annotations

import os
from contextlib import nullcontext

from cxr_fastai.core import one_line, sha256_file
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable, fingerprint
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import Lost, spread
from cxr_fastai.curation.sources.listing import Item

__all__ = ["scan"]


def scan(
    items: list[Item],
    engine,  # as `engines.open_engine` yields
    progress=None,  # wraps an iterable: progress(iterable, total, what)
    memory=None,  # an open ScanCache; None: one for this scan
) -> list[Fingerprint | Unreadable]:
    """A result an item, in the order of `items`. Every result is journaled as it comes, so that a run that was killed,
    or whose machine was lost, goes on from there; a file whose size and time of change are those of an earlier scan is
    not read again.
    """
    keys = [_key(it) for it in items]
    with nullcontext(memory) if memory else ScanCache() as memory:
        known = memory.fingerprints(keys)
        todo = [i for i, k in enumerate(keys) if k not in known]
        results = spread(
            engine, fingerprint_many, [(items[i].file, items[i].array, items[i].path) for i in todo]
        )
        if progress:
            results = progress(results, len(todo), f"scanning images: {len(todo)}")
        for at, result in results:
            key = keys[todo[at]]
            known[key] = (
                _unreadable(items[todo[at]], result) if isinstance(result, Lost) else result
            )
            if not key.endswith("|missing"):
                memory.keep_fingerprint(key, known[key])
    return [known[k] for k in keys]


def fingerprint_many(todo: list) -> list:
    """In a worker. What no decoder should raise costs its image, not the run."""
    out = []
    for file, array, name in todo:
        try:
            out.append(fingerprint(file, array, name))
        except Exception as e:
            out.append(Unreadable("", "decoder_failed", one_line(f"{type(e).__name__}: {e}")))
    return out


def _unreadable(it: Item, lost: Lost) -> Unreadable:
    try:
        sha = sha256_file(it.file) if it.array is None else ""
    except OSError:
        sha = ""
    return Unreadable(sha, lost.reason, f"{it.path}: {lost.message}")


def _key(it: Item) -> str:
    try:
        s = os.stat(it.file)
    except OSError:
        return f"{it.file}|{it.array}|missing"
    file = it.file if it.file.startswith("/") else os.path.abspath(it.file)
    return f"{file}|{it.path}|{s.st_size}|{s.st_mtime_ns}"
