"""`cxr demo`: the whole road on drawn radiographs, curate -> train -> evaluate -> predict, and the check that curation
found everything that was planted. Writes one folder; needs no download.
"""

from __future__ import annotations

import time
from pathlib import Path

from cxr_fastai import progress
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.manifest import read_manifest, read_rows
from cxr_fastai.progress import bar, say

__all__ = ["demo", "check_planted"]

# Small enough for three minutes on two cores; chosen on the validation split.
PER_CLASS, DRAWN, TRAIN = (
    90,
    128,
    dict(arch="resnet18", size=64, epochs=24, bs=32, lr=3e-3, weights="none"),
)


def demo(
    out: Path,
    seed=0,
) -> int:
    """Run the road into `out` and print what it found. Raises `UsageError` for a folder with something in it."""
    from cxr_fastai.curation.pipeline import curate
    from cxr_fastai.phantom import write_sources

    if out.exists() and any(out.iterdir()) and not (out / "planted.json").exists():
        raise UsageError(f"{out} is not empty and is not a demo's: choose another --out.")
    begun = time.monotonic()
    say(f"1/5 drawing radiographs of five sources into {out / 'mirror'}")
    planted = write_sources(out, PER_CLASS, DRAWN, seed)
    say(
        f"2/5 curating them: cxr curate --manifest {planted.catalog} --mirror {planted.mirror} --out {out / 'curated'}"
    )
    done = curate(
        out / "curated",
        manifest=planted.catalog,
        mirror=planted.mirror,
        seed=seed,
        progress=progress,
    )
    print(done)
    for line in check_planted(planted, out / "curated"):
        print(line)
    bundle = _train(out, seed)
    say(
        f"4/5 scoring it on the test split: cxr evaluate {bundle} {out / 'curated'} --out {out / 'report'}"
    )
    from cxr_fastai.evaluation.evaluate import evaluate

    print(f"\n{evaluate(bundle, out / 'curated', 'test', out / 'report', progress=bar)}")
    print(f"\n{_predict(bundle, out)}")
    print(
        f"\nreport: {out / 'report' / 'report.html'}   bundle: {bundle}   curated folder: {out / 'curated'}"
    )
    say(f"done in {time.monotonic() - begun:.0f} s")
    return 0


def _train(out: Path, seed: int) -> Path:
    run = out / "run"
    if (run / "bundle" / "bundle.json").exists():
        say(f"3/5 the model of an earlier demo stands in {run}: not trained again")
        return run / "bundle"
    say(f"3/5 training {TRAIN['arch']} from scratch at {TRAIN['size']} px")
    from cxr_fastai.training.run import train

    return train(out / "curated", run, seed=seed, **TRAIN)


def _predict(bundle: Path, out: Path) -> str:
    from cxr_fastai.bundle.store import load_bundle
    from cxr_fastai.serving.predict import format_rows, predict_paths

    rows = read_manifest(out / "curated").part("test").drop_duplicates("label")
    say(f"5/5 asking it about an image of each class: cxr predict {bundle} IMAGE..")
    bundle = load_bundle(bundle)
    return format_rows(
        predict_paths(bundle, [out / "curated" / p for p in rows["path"]]), bundle.display
    )


def check_planted(
    planted,  # phantom.Planted
    curated: Path,
) -> list[str]:
    """A line for each kind of planted flaw. Raises `IntegrityError` where one was missed."""
    copies, conflicts, rejects = (
        _by_path(curated / f"{f}.csv") for f in ("duplicates", "conflicts", "rejects")
    )
    kept = {(r["source"], r["original_path"]) for r in _rows(curated / "manifest.csv")}
    found = {
        "copies": [
            (a, b)
            for a, b, _ in planted.copies
            if _same_group(copies, _id(a), _id(b)) and not {_id(a), _id(b)} <= kept
        ],
        "label conflicts": [
            (a, b)
            for a, b in planted.conflicts
            if {_id(a), _id(b)} <= set(conflicts) and not {_id(a), _id(b)} & kept
        ],
        "damaged files": [
            p for p in planted.damaged if rejects.get(_id(p), {}).get("stage") == "scan"
        ],
        "CT and lateral images": [
            p for p in planted.filtered if rejects.get(_id(p), {}).get("stage") == "filter"
        ],
    }
    wanted = {
        "copies": planted.copies,
        "label conflicts": planted.conflicts,
        "damaged files": planted.damaged,
        "CT and lateral images": planted.filtered,
    }
    for what, got in found.items():
        if len(got) != len(wanted[what]):
            raise IntegrityError(
                f"curation missed {what}: found {len(got)} of {len(wanted[what])} planted."
            )
    return [
        f"planted {what} found: {len(got)} of {len(wanted[what])}" for what, got in found.items()
    ]


def _id(planted: str) -> tuple[str, str]:
    source, _, path = planted.partition("/")
    return source, path


def _same_group(copies: dict, a, b) -> bool:
    return a in copies and b in copies and copies[a]["group"] == copies[b]["group"]


def _by_path(file: Path) -> dict[tuple[str, str], dict]:
    return {(r["source"], r["path"]): r for r in _rows(file)}


def _rows(file: Path) -> list[dict]:
    return read_rows(file)
