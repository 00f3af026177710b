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

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.copies import scan as scanning
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.copy_sets import ScannedImage, collect_copies
from cxr_fastai.curation.folder.split import assign_splits
from cxr_fastai.curation.pipeline import _radiograph, _record
from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.manifest import check_rows, manifest_text
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
    hashes = [sha256_text(str(i)) for i in range(n)]
    prints = [Fingerprint(h, h, h[:16], 1024, 1024, "L/8") for h in hashes]
    with tempfile.TemporaryDirectory() as tmp:
        os.environ["CXR_CACHE"] = tmp
        db = scanning._open_memory()
        keys = [it.file for it in listing.items]
        yield "journal: write", timed(lambda: scanning._remember(db, list(zip(keys, prints))))[1]
        yield "journal: read", timed(lambda: scanning._recall(db, keys))[1]
        db.close()
    seen = [ScannedImage(it, p, "normal", "", (it.path,)) for it, p in zip(listing.items, prints)]
    groups, s = timed(lambda: collect_copies(seen))
    yield "exact copies", s
    split, s = timed(lambda: assign_splits([_radiograph(g) for g in groups]))
    yield "split by patient", s
    rows, s = timed(
        lambda: [
            _record(g, *split[g.kept.fingerprint.pixel_sha256], {"nih": source}, recipe, "class")
            for g in groups
        ]
    )
    yield "rows", s
    text, s = timed(lambda: manifest_text(rows, recipe))
    yield f"manifest.csv ({len(text) / n:.0f} bytes a row)", s
    yield "check it", timed(lambda: check_rows(rows, recipe, "bench"))[1]


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
