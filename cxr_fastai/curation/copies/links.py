"""Find every pair of radiographs that are one, whatever was done to them. Takes Fingerprints, returns Links between
different pixels. The same answer for any order, worker count and engine, and whatever earlier runs remember.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.copies.candidates import find_candidates
from cxr_fastai.curation.copies.features import Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.geometry import in_pixels, match
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.copies.small_images import find_tiny
from cxr_fastai.curation.engines import Lost, spread

__all__ = ["Link", "find_links"]


@dataclass(frozen=True)
class Link:
    """Two radiographs of different pixels, and how one comes of the other."""

    a: str  # pixel_sha256; a < b
    b: str
    kind: str  # near: the same radiograph
    # | same_patient: another exposure of the same person, most likely
    score: float  # 0-1: correlation of the aligned thumbnails
    evidence: float  # the score and how well features agree, of 1.5; the score where there are none
    inliers: int  # local features that agree on the transform; 0 for images too small to have any
    matrix: tuple[
        float, ...
    ]  # six numbers, row by row: pixel coordinates (x, y) of a -> those of b
    inverted: bool  # gray values are those of a negative
    overlap: float  # share of b that a covers


def find_links(
    prints: list[Fingerprint],
    engine,
    memory: ScanCache | None = None,
    new=None,  # pixel_sha256s: only pairs that hold one of them; None: all pairs
    progress=None,  # wraps an iterable: progress(iterable, total, what)
) -> list[Link]:
    """Links sorted by (a, b); of a pair that matches in several ways, the best."""
    by = {
        p.pixel_sha256: p
        for p in sorted(prints, key=lambda p: (p.pixel_sha256, p.sha256))
        if p.sketch
    }
    order = list(by)
    features = [Features.unpack(by[k].sketch) for k in order]
    fresh = None if new is None else [i for i, k in enumerate(order) if k in new]
    pairs = find_candidates(features, min(engine.workers, os.cpu_count() or 1), fresh, progress)
    found = _verify([by[k] for k in order], pairs, engine, memory, progress)
    found += find_tiny(features, [by[k] for k in order], fresh, progress)
    best: dict = {}
    for i, j, m in found:
        if (i, j) not in best or _worth(m) > _worth(best[i, j]):
            best[i, j] = m
    return [_link(by[order[i]], by[order[j]], m) for (i, j), m in sorted(best.items())]


def _worth(m):
    return m["kind"] == "near", m["score"], m["inliers"]


def _verify(prints, pairs, engine, memory, progress) -> list[tuple]:
    """(i, j, match as a dict) of the pairs that match."""

    def key(n):
        i, j, mirror, invert = pairs[n]
        return f"{prints[i].pixel_sha256}{prints[j].pixel_sha256}{mirror:d}{invert:d}"

    keys = [key(n) for n in range(len(pairs))] if memory else []
    before = memory.pairs(keys) if memory else {}
    known = {n: before[k] for n, k in enumerate(keys) if k in before}
    todo = [n for n in range(len(pairs)) if n not in known]
    jobs = [(prints[pairs[n][0]].sketch, prints[pairs[n][1]].sketch, *pairs[n][2:]) for n in todo]
    results = spread(engine, match_many, jobs)
    if progress and jobs:
        results = progress(results, len(jobs), f"comparing pairs: {len(jobs)}")
    for at, result in results:
        if isinstance(result, Lost):
            raise IntegrityError(f"comparing two images failed: {result.message}. Run it again.")
        known[todo[at]] = result
        if memory:
            memory.keep_pair(keys[todo[at]], result)
    return [(*pairs[n][:2], m) for n, m in sorted(known.items()) if m]


def match_many(todo: list) -> list:
    """In a worker."""
    out = []
    for a, b, mirror, invert in todo:
        m = match(Features.unpack(a), Features.unpack(b), mirror, invert)
        out.append(vars(m) if m else None)
    return out


def _link(a: Fingerprint, b: Fingerprint, m: dict) -> Link:
    matrix = in_pixels(m["matrix"], (a.width, a.height), (b.width, b.height))
    return Link(
        a.pixel_sha256,
        b.pixel_sha256,
        m["kind"],
        m["score"],
        m.get("evidence", m["score"]),
        m["inliers"],
        tuple(round(float(x), 4) for x in np.ravel(matrix)),
        m["inverted"],
        round(m["overlap"], 3),
    )
