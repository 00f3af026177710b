"""`cxr train`: a curated folder to a bundle, and the baselines after it.

What was asked for -> run folders; the bundle's path, or JSON, on stdout.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from cxr_fastai.flags import ids
from cxr_fastai.verbs.output import baselines_of, print_json

__all__ = ["train"]

# Keys of bundle.json that `cxr train --json` prints.
SHOWN_OF_META = ("arch", "size", "trained", "metrics", "temperature", "decision", "thresholds")


def train(args: Namespace) -> int:
    """Train on a curated folder, and the baselines after it."""
    from cxr_fastai import progress
    from cxr_fastai.manifest import read_manifest
    from cxr_fastai.recipes import SETTINGS

    data = read_manifest(args.data)  # a wrong folder is told at once, before torch is imported
    from cxr_fastai.training.distributed import rank
    from cxr_fastai.training.run import train

    given = {name: getattr(args, name) for name in SETTINGS}
    settings = {name: value for name, value in given.items() if value is not None}
    bundle = train(
        data,
        args.out,
        recipe=args.recipe,
        seed=args.seed,
        workers=args.workers,
        resume=args.resume,
        allow_missing_classes=args.allow_missing_classes,
        track=ids(args.track),
        beside=_architectures(args.beside),
        **settings,
    )
    if rank():
        return 0  # of several processes the first one speaks
    baselines = baselines_of(bundle.parent)
    if args.json:
        return print_json(_trained(bundle, baselines))
    if baselines:
        progress.say(
            f"{', '.join(baselines)} trained beside it; all in one table: "
            f"cxr evaluate {bundle.parent} {args.data}"
        )
    print(bundle)
    return 0


def _architectures(
    text: str | None,  # of --beside; None: it was not given
) -> list[str] | None:  # None: the recipe's
    """Return the architectures to train as baselines."""
    if text is None:
        return None
    return [] if text == "none" else ids(text)


def _trained(bundle: Path, baselines: dict[str, Path]) -> dict[str, Any]:
    """Return what `cxr train --json` prints."""
    result = _trained_one(bundle)
    if baselines:
        result["beside"] = {name: _trained_one(path) for name, path in baselines.items()}
    return result


def _trained_one(bundle: Path) -> dict[str, Any]:
    """Return what is told of one bundle: its path, and part of its meta."""
    meta = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    shown = {key: meta[key] for key in SHOWN_OF_META}
    return {"bundle": str(bundle), **shown}
