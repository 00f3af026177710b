"""What a million images cost beside decoding: .venv/bin/python benchmarks/scale.py [20000 200000]

Every step of a curation but reading and writing pixels, on invented images, at two sizes: seconds, microseconds an
image, and the memory of the process. docs/scale.md projects from these and from benchmarks/scan.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.core import sha256_text
from cxr_fastai.curation.copies.copy_sets import ScannedImage, collect_copies
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.folder.manifest_rows import record
from cxr_fastai.curation.folder.radiographs import radiographs_of
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.curation.folder.split import assign_splits
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.manifest import manifest_text
from cxr_fastai.manifest_check import check_rows
from cxr_fastai.recipes import load_recipe

RULE = {
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


def rss() -> float:
    """MB held now."""
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def steps(n: int):
    """Yield (what, seconds) of each step over n images, four of a patient."""

    def timed(fn):
        begun = time.perf_counter()
        return fn(), time.perf_counter() - begun

    source, recipe = Source("nih", (Rule(row=2, **RULE),)), load_recipe("six_class")
    files = {
        f"normal/{i // 4:08}_{i % 4:03}.png": f"/data/nih/normal/{i // 4:08}_{i % 4:03}.png"
        for i in range(n)
    }
    listing, s = timed(lambda: list_source(source, Tree("invented", files)))
    yield "list and label", s
    prints = [_fingerprint(sha256_text(str(i))) for i in range(n)]
    with tempfile.TemporaryDirectory() as tmp:
        os.environ["CXR_CACHE"] = tmp
        keys = [it.file for it in listing.items]
        with ScanCache() as cache:

            def keep():
                for key, fingerprint in zip(keys, prints):
                    cache.keep_fingerprint(key, fingerprint)
                cache.flush()

            yield "journal: write", timed(keep)[1]
            yield "journal: read", timed(lambda: cache.fingerprints(keys))[1]
    seen = [_image(it, p) for it, p in zip(listing.items, prints)]
    groups, s = timed(lambda: collect_copies(seen))
    yield "exact copies", s
    split, s = timed(lambda: assign_splits(radiographs_of(groups, [])))
    yield "split by patient", s
    request = Request(recipe=recipe)
    rows, s = timed(
        lambda: [
            record(g, *split[g.kept.fingerprint.pixel_sha256], {"nih": source}, request)
            for g in groups
        ]
    )
    yield "rows", s
    text, s = timed(lambda: manifest_text(rows, recipe))
    yield f"manifest.csv ({len(text) / n:.0f} bytes a row)", s
    yield "check it", timed(lambda: check_rows(rows, recipe, "bench"))[1]


def _fingerprint(sha256: str) -> Fingerprint:
    return Fingerprint(
        sha256=sha256,
        pixel_sha256=sha256,
        phash=sha256[:16],
        width=1024,
        height=1024,
        mode="L/8",
    )


def _image(item, fingerprint: Fingerprint) -> ScannedImage:
    return ScannedImage(
        item=item,
        fingerprint=fingerprint,
        label="normal",
        why_unlabelled="",
        rank=(item.path,),
    )


def main():
    sizes = [int(a) for a in sys.argv[1:]] or [20_000, 200_000]
    if len(sizes) > 1:  # each in a process of its own, for its memory
        for n in sizes:
            subprocess.run([sys.executable, __file__, str(n)], check=True)
        return
    n, idle, total = sizes[0], rss(), 0.0
    print(f"\n{n:,} images{'':<24}{'s':>8}{'us an image':>13}")
    for what, s in steps(n):
        total += s
        print(f"{what:<36}{s:>8.2f}{1e6 * s / n:>13.1f}")
        peak = rss()
    print(f"{'all':<36}{total:>8.2f}{1e6 * total / n:>13.1f}")
    print(
        f"{'memory above idle':<36}{peak - idle:>8.0f} MB{1024 * (peak - idle) / n:>8.2f} kB an image"
    )


if __name__ == "__main__":
    main()
