"""What a million images cost beside decoding.

.venv/bin/python benchmarks/scale.py [20000 200000]

Every step of a curation but reading and writing pixels, on invented images, at two sizes: seconds,
microseconds an image, and the memory of the process. docs/scale.md projects from these and from
benchmarks/scan.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from process_memory import status_mb

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.core import sha256_text
from cxr_fastai.curation.copies.copy_sets import CopySet, ScannedImage, collect_copies
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.folder.manifest_rows import records_of
from cxr_fastai.curation.folder.radiographs import radiographs_of
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.curation.folder.split import assign_splits
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.manifest import Record, manifest_text
from cxr_fastai.manifest_check import check_rows
from cxr_fastai.recipes import load_recipe

SIZES = (20_000, 200_000)
IMAGES_A_PATIENT = 4
CELLS = {
    **dict.fromkeys(COLUMNS, ""),
    "source": "nih",
    "label_from": "folder",
    "glob": "*/*.png",
    "transport": "local",
    "label_value": "normal",
    "findings": "no_finding",
    "name_regex": r"(?P<pid>\d+)_",
    "patient": "nih:{pid}",
    "licence": "CC0",
}


def timed(fn: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """Call; return the result, and the seconds that it took."""
    begun = time.perf_counter()
    result = fn(*args)
    return result, time.perf_counter() - begun


def steps(n: int) -> Iterator[tuple[str, float]]:
    """Yield (what, seconds) of each step over n images."""
    source = Source("nih", (Rule(row=2, **CELLS),))
    recipe = load_recipe("six_class")
    listing, s = timed(list_source, source, Tree("invented", _files(n)))
    yield "list and label", s
    fingerprints = [_fingerprint(sha256_text(str(i))) for i in range(n)]
    yield from journal_steps([item.file for item in listing.items], fingerprints)
    images = [_image(item, fp) for item, fp in zip(listing.items, fingerprints)]
    groups, s = timed(collect_copies, images)
    yield "exact copies", s
    radiographs = radiographs_of(groups, [])
    split, s = timed(assign_splits, radiographs)
    yield "split by patient", s
    rows, s = timed(_rows, groups, split, source, Request(recipe=recipe))
    yield "rows", s
    text, s = timed(manifest_text, rows, recipe)
    yield f"manifest.csv ({len(text) / n:.0f} bytes a row)", s
    _, s = timed(check_rows, rows, recipe, "bench")
    yield "check it", s


def journal_steps(
    keys: list[str],
    fingerprints: list[Fingerprint],  # one a key
) -> Iterator[tuple[str, float]]:
    """Yield (what, seconds) of what a scan remembers."""
    with tempfile.TemporaryDirectory() as tmp:
        os.environ["CXR_CACHE"] = tmp
        with ScanCache() as cache:
            _, s = timed(_keep, cache, keys, fingerprints)
            yield "journal: write", s
            _, s = timed(cache.fingerprints, keys)
            yield "journal: read", s


def _keep(cache: ScanCache, keys: list[str], fingerprints: list[Fingerprint]) -> None:
    for key, fingerprint in zip(keys, fingerprints):
        cache.keep_fingerprint(key, fingerprint)
    cache.flush()


def _files(n: int) -> dict[str, str]:
    """Invent the files of a source, IMAGES_A_PATIENT of a patient."""
    files = {}
    for i in range(n):
        patient, number = divmod(i, IMAGES_A_PATIENT)
        path = f"normal/{patient:08}_{number:03}.png"
        files[path] = f"/data/nih/{path}"
    return files


def _rows(
    groups: list[CopySet],
    split: dict[str, tuple[str, str]],  # pixel_sha256 -> group, split
    source: Source,
    request: Request,
) -> list[Record]:
    rows = []
    for group in groups:
        name, its_split = split[group.kept.fingerprint.pixel_sha256]
        records, _ = records_of(group, name, its_split, {"nih": source}, request)
        rows += records
    return rows


def _fingerprint(sha256: str) -> Fingerprint:
    return Fingerprint(
        sha256=sha256,
        pixel_sha256=sha256,
        phash=sha256[:16],
        width=1024,
        height=1024,
        mode="L/8",
    )


def _image(item: Item, fingerprint: Fingerprint) -> ScannedImage:
    return ScannedImage(
        item=item,
        fingerprint=fingerprint,
        label="normal",
        why_unlabelled="",
        rank=(item.path,),
    )


def print_table(n: int) -> None:
    """Measure n images, a line a step."""
    idle = status_mb("VmRSS")
    peak = idle
    total = 0.0
    print(f"\n{n:,} images{'':<24}{'s':>8}{'us an image':>13}")
    for what, seconds in steps(n):
        total += seconds
        peak = max(peak, status_mb("VmRSS"))
        print(f"{what:<36}{seconds:>8.2f}{1e6 * seconds / n:>13.1f}")
    more = peak - idle
    print(f"{'all':<36}{total:>8.2f}{1e6 * total / n:>13.1f}")
    print(f"{'memory above idle':<36}{more:>8.0f} MB{1024 * more / n:>8.2f} kB an image")


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("sizes", nargs="*", type=int, default=SIZES)
    args = p.parse_args()
    if len(args.sizes) == 1:
        print_table(args.sizes[0])
        return
    for n in args.sizes:  # each in a process of its own, for its memory
        subprocess.run([sys.executable, __file__, str(n)], check=True)


if __name__ == "__main__":
    main()
