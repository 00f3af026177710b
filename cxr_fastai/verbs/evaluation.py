"""`cxr evaluate`: a bundle's scores on one split, and those of others on the same images.

What was asked for -> a report as text, JSON or page.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.flags import ids
from cxr_fastai.verbs.output import baselines_of, print_json

if TYPE_CHECKING:
    from cxr_fastai.evaluation.compare import Comparison

__all__ = ["evaluate"]


def evaluate(args: Namespace) -> int:
    """Score a bundle on one split, and others on the same images."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.files import find_folder
    from cxr_fastai.manifest import read_manifest

    data = read_manifest(args.data)
    find_folder(Path(args.bundle))  # before torch is imported
    from cxr_fastai.bundle_names import name_bundles
    from cxr_fastai.evaluation.evaluate import evaluate

    score = partial(
        evaluate,
        data=data,
        split=args.split,
        progress=progress,
        resamples=args.resamples,
        seed=args.seed,
        pixel_floor=args.pixel_floor,
    )
    bundle = Path(args.bundle)
    run = bundle.parent if bundle.name == "bundle" else bundle
    others = name_bundles(list(baselines_of(run).values()), ids(args.beside), progress.say)
    report = score(args.bundle, out=args.out, coverage=args.coverage)
    table = None
    if others:
        reports = {name: score(path) for name, path in others.items()}
        table = _compare(report, reports, args.out)
    if args.json:
        result = report.to_dict()
        if table is not None:
            result["beside"] = table.to_dict()
        print_json(result)
    else:
        print(report)
        if table is not None:
            print(f"\n{table}")
    if args.out:
        progress.say(f"report: {Path(args.out) / 'report.html'}")
    return 0


def _compare(report: Any, others: dict[str, Any], out: str | None) -> Comparison:
    """Put a report and those of other bundles on the same images into one table."""
    from cxr_fastai.core import write_text
    from cxr_fastai.evaluation.compare import compare

    first = report.about["network"]
    while first in others:
        first += " (first)"
    table = compare({first: report, **others})
    if out:
        write_text(Path(out) / "beside.html", table.to_html())
    return table
