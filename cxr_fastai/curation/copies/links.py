"""Find every pair of radiographs that are one, whatever was done to them.

Fingerprints -> Links between different pixels. The answer is the same for any order, any number of
workers and any engine, and whatever earlier runs remember. It reads no image.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.copies.candidates import Candidate, find_candidates
from cxr_fastai.curation.copies.features import Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.geometry import Match
from cxr_fastai.curation.copies.parts import Part, PartPair, features_of, match_parts, parts_of
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.copies.small_images import find_small_images
from cxr_fastai.curation.copies.transforms import in_pixels
from cxr_fastai.curation.engines import Engine, Lost, spread
from cxr_fastai.progress import SILENT, Progress

__all__ = ["Link", "find_links", "match_many"]

MIN_IN_ONE_FRAME = 2  # other images

MatchJob = tuple[bytes, bytes, PartPair]  # packed Features of two images
FoundPair = tuple[int, int, Match]  # two images, by their place in the list


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
    # six numbers, row by row: pixel coordinates (x, y) of a -> those of b
    matrix: tuple[float, ...]
    inverted: bool  # gray values are those of a negative
    overlap: float  # share of b that a covers


def find_links(
    fingerprints: list[Fingerprint],  # those without a sketch are passed over
    engine: Engine,
    cache: ScanCache | None = None,  # None: nothing is remembered
    fresh: Collection[str] | None = None,  # pixel_sha256s: only pairs that hold one; None: all
    progress: Progress = SILENT,
) -> list[Link]:
    """Find the links, sorted by (a, b); of a pair that matches in several ways, the best.

    Raises `IntegrityError` where a worker that compared two images did not come back.
    """
    images = _distinct(fingerprints)
    features = [Features.unpack(image.sketch) for image in images]
    new = None
    if fresh is not None:
        new = [i for i, image in enumerate(images) if image.pixel_sha256 in fresh]
    threads = min(engine.workers, os.cpu_count() or 1)
    pairs = _find_pairs(features, threads, new, progress)
    found = _beside_frames(_compare(images, pairs, engine, cache, progress))
    found += find_small_images(features, images, new, progress)
    best: dict[tuple[int, int], Match] = {}
    for i, j, result in found:
        if (i, j) not in best or _worth(result) > _worth(best[i, j]):
            best[i, j] = result
    return [_link(images[i], images[j], result) for (i, j), result in sorted(best.items())]


def _distinct(fingerprints: list[Fingerprint]) -> list[Fingerprint]:
    """Return one fingerprint for each different pixels, in an order that no file name decides.

    Of equal pixels the last by its bytes' hash stands for all; they have one sketch.
    """
    ordered = sorted(fingerprints, key=lambda p: (p.pixel_sha256, p.sha256))
    by_pixels = {p.pixel_sha256: p for p in ordered if p.sketch}
    return list(by_pixels.values())


def _find_pairs(
    features: list[Features],  # of images
    threads: int,
    new: list[int] | None,  # images: only pairs that hold one; None: all pairs
    progress: Progress,
) -> list[PartPair]:
    """Find the pairs worth a look among the images and the films in them, sorted."""
    parts = parts_of(features)
    searched = [features_of(features[part.image], part.is_inset) for part in parts]
    asking = None
    if new is not None:
        fresh = set(new)
        asking = [n for n, part in enumerate(parts) if part.image in fresh]
    pairs = []
    for candidate in find_candidates(searched, threads, asking, progress):
        a = parts[candidate.a]
        b = parts[candidate.b]
        if a.image != b.image:
            pairs.append(_pair(min(a, b), max(a, b), candidate))
    return sorted(pairs)


def _pair(
    a: Part,
    b: Part,  # of a later image
    candidate: Candidate,
) -> PartPair:
    """Make a pair of two parts."""
    return PartPair(
        a=a.image,
        b=b.image,
        inset_a=a.is_inset,
        inset_b=b.is_inset,
        mirrored=candidate.mirrored,
        inverted=candidate.inverted,
    )


def _beside_frames(found: list[FoundPair]) -> list[FoundPair]:
    """Return the pairs that a common frame does not explain.

    What a picture shares with many others proves nothing (the idea of score normalisation against
    a background set, Pizzi et al. 2022). So an image that lies in one frame with MIN_IN_ONE_FRAME
    others has the copies that are sure, and no exposures.
    """
    shared = Counter[int]()
    for i, j, result in found:
        if result.kind == "frame":
            shared.update((i, j))
    beside = []
    for i, j, result in found:
        in_frame = max(shared[i], shared[j]) >= MIN_IN_ONE_FRAME
        is_sure = result.kind == "near" and result.sure
        if result.kind != "frame" and (is_sure or not in_frame):
            beside.append((i, j, result))
    return beside


def _worth(
    found: Match,  # of the pair
) -> tuple[bool, float, int]:
    """Return what a match is compared by: a copy before an exposure, then score and inliers."""
    return found.kind == "near", found.score, found.inliers


def _compare(
    images: list[Fingerprint],  # of different pixels
    pairs: list[PartPair],  # worth a look
    engine: Engine,
    cache: ScanCache | None,  # None: nothing is remembered
    progress: Progress,
) -> list[FoundPair]:
    """Return the pairs that match; none that an earlier run compared is compared again.

    Raises `IntegrityError` where a worker did not come back: an answer that misses pairs is none.
    """
    keys = [_key(images, pair) for pair in pairs] if cache else []
    remembered = cache.pairs(keys) if cache else {}
    known = {n: remembered[key] for n, key in enumerate(keys) if key in remembered}
    unknown = [n for n in range(len(pairs)) if n not in known]
    jobs = [_job(images, pairs[n]) for n in unknown]
    results = spread(engine, match_many, jobs)
    if jobs:
        results = progress.bar(results, len(jobs), f"comparing pairs: {len(jobs)}")
    for job, result in results:
        if isinstance(result, Lost):
            raise IntegrityError(f"comparing two images failed: {result.message}. Run it again.")
        n = unknown[job]
        known[n] = result
        if cache:
            cache.keep_pair(keys[n], result)
    matched = [(n, found) for n, found in sorted(known.items(), key=lambda x: x[0]) if found]
    return [(pairs[n].a, pairs[n].b, found) for n, found in matched]


def _key(
    images: list[Fingerprint],  # of different pixels
    pair: PartPair,
) -> str:
    """Return what the cache knows a comparison by.

    That is both pixel_sha256, which parts of them, and whether one is mirrored, or a negative.
    """
    a = images[pair.a].pixel_sha256
    b = images[pair.b].pixel_sha256
    return f"{a}{b}{pair.inset_a:d}{pair.inset_b:d}{pair.mirrored:d}{pair.inverted:d}"


def _job(
    images: list[Fingerprint],  # of different pixels
    pair: PartPair,
) -> MatchJob:
    """Return what a worker needs to compare two images."""
    return images[pair.a].sketch, images[pair.b].sketch, pair


def match_many(jobs: list[MatchJob]) -> list[Match | None]:
    """Compare a list of pairs, in a worker."""
    results = []
    for a, b, pair in jobs:
        results.append(match_parts(Features.unpack(a), Features.unpack(b), pair))
    return results


def _link(
    a: Fingerprint,
    b: Fingerprint,
    found: Match,  # of the pair
) -> Link:
    """Make a Link of a Match: its matrix told in the images' own pixels."""
    matrix = in_pixels(found.matrix, (a.width, a.height), (b.width, b.height))
    return Link(
        a=a.pixel_sha256,
        b=b.pixel_sha256,
        kind=found.kind,
        score=found.score,
        evidence=found.evidence,
        inliers=found.inliers,
        matrix=tuple(round(float(x), 4) for x in np.ravel(matrix)),
        inverted=found.inverted,
        overlap=round(found.overlap, 3),
    )
