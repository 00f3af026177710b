"""`cxr train`: a curated folder to a bundle, and the baselines after it.

What was asked for -> run folders; the bundle's path, or JSON, on stdout. All that can be told
without torch is told before it is loaded.
"""

from __future__ import annotations

import json
import os
import shlex
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai import progress
from cxr_fastai.flags import ids
from cxr_fastai.outputs import check_outside
from cxr_fastai.reporting.text import count
from cxr_fastai.threads import busy_words
from cxr_fastai.verbs.output import baselines_of, print_json

if TYPE_CHECKING:
    from cxr_fastai.manifest import Manifest

__all__ = ["train"]

# Keys of bundle.json that `cxr train --json` prints.
SHOWN_OF_META = (
    "arch",
    "size",
    "trained",
    "metrics",
    "temperature",
    "decision",
    "thresholds",
    "warnings",
)


def train(args: Namespace) -> int:
    """Train on a curated folder, and the baselines after it; or on each of its folds."""
    data = _asked(args)
    if args.folds:
        return _train_folds(args, data)
    from cxr_fastai.training.distributed import rank
    from cxr_fastai.training.run import train

    bundle = train(
        data,
        args.out,
        resume=args.resume,
        track=ids(args.track),
        beside=_architectures(args.beside),
        **_how(args),
    )
    if rank():
        return 0  # of several processes the first one speaks
    baselines = baselines_of(bundle.parent)
    if args.json:
        return print_json(_trained(bundle, baselines))
    if baselines:
        progress.say(f"{', '.join(baselines)} trained beside it; evaluate shows all in one table")
    progress.say(f"next: {_next(bundle.parent, args.data, data)}")
    print(bundle)
    return 0


def _asked(args: Namespace) -> Manifest:
    """Read the folder, and judge what was asked for; say the first line.

    The run's folder is looked at by the first process alone: others may come when it is made.
    """
    from cxr_fastai.manifest import read_manifest
    from cxr_fastai.run_files import refuse_full
    from cxr_fastai.train_request import check_request

    data = read_manifest(args.data)
    is_first = int(os.environ.get("RANK", 0)) == 0
    if args.folds:
        from cxr_fastai.manifest_folds import fold_numbers

        fold_numbers(data)
    elif args.out and not args.resume and is_first:
        refuse_full(Path(args.out))
    if args.out:
        check_outside(args.out, data.root)
    if args.out and args.resume and is_first:
        _check_resumed(args, data)
    how = _how(args)
    check_request(
        data,
        how.pop("recipe"),
        seed=how.pop("seed"),
        allow_missing_classes=how.pop("allow_missing_classes"),
        beside=_architectures(args.beside),
        track=ids(args.track),
        own={name: value for name, value in how.items() if name != "workers"},
    )
    if is_first:
        images = count(len(data.rows), "image")
        classes = count(len(data.vocab), "class", "classes")
        progress.say(f"{args.data}: {images} of {classes}; loading torch")
        busy = busy_words()
        if busy:
            progress.say(busy)
    return data


def _check_resumed(args: Namespace, data: Manifest) -> None:
    """Refuse settings that a run to go on with does not have, or one of its folds."""
    from cxr_fastai.resumable import check_resumed

    out = Path(args.out)
    if not args.folds:
        check_resumed(out, data, args.recipe, _settings(args), args.seed)
        return
    for run in sorted(out.glob("fold_*")):
        check_resumed(run, None, args.recipe, _settings(args), args.seed)


def _how(args: Namespace) -> dict[str, Any]:
    """Return how each network is to be trained, as `train` takes it: only what was given."""
    return {
        "recipe": args.recipe,
        "seed": args.seed,
        "workers": args.workers,
        "allow_missing_classes": args.allow_missing_classes,
        **_settings(args),
    }


def _settings(args: Namespace) -> dict[str, Any]:
    """Return the settings that were given."""
    from cxr_fastai.recipes import SETTINGS

    given = {name: getattr(args, name) for name in SETTINGS}
    return {name: value for name, value in given.items() if value is not None}


def _train_folds(args: Namespace, data: Manifest) -> int:
    """Train a network a fold, and score them together."""
    from cxr_fastai.core import UsageError
    from cxr_fastai.folds import train_folds

    unused = [name for name in ("beside", "track") if getattr(args, name)]
    if unused:
        raise UsageError(f"--folds trains the folds alone: leave --{unused[0]} away.")
    found = train_folds(data, args.out, resume=args.resume, progress=progress, **_how(args))
    if args.json:
        return print_json(found.to_dict())
    print(found)
    progress.say(f"written: {found.folder / 'folds.json'}, {found.folder / 'folds.csv'}")
    return 0


def _next(run: Path, folder: str, data: Manifest) -> str:
    """Return the command that scores a run: on the test split, where the folder has one."""
    has_test = any(row.split == "test" for row in data.rows)
    words = ["cxr", "evaluate", str(run), folder]
    if not has_test:
        words += ["--split", "valid"]
    return shlex.join([*words, "--out", str(run / "report")])


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
    from cxr_fastai.bundle.meta import upgraded

    meta: Any = upgraded(json.loads((bundle / "bundle.json").read_text(encoding="utf-8")))
    shown = {key: meta[key] for key in SHOWN_OF_META}
    return {"bundle": str(bundle), **shown}
