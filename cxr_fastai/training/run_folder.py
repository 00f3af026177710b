"""Where a run lies, and what its folder says of it: free, begun, over.

Paths in, paths and states out. Reads files of a run and writes none; refuses a folder that holds
anything but the run to resume.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cxr_fastai.core import UsageError
from cxr_fastai.inputs import readable_path
from cxr_fastai.manifest import Manifest
from cxr_fastai.progress import say
from cxr_fastai.training.checkpoint import CHECKPOINT, State, read_state
from cxr_fastai.training.history import BEST, HISTORY, PICTURE

__all__ = [
    "BUNDLE",
    "BASELINES",
    "default_out",
    "latest_run",
    "is_free",
    "is_over",
    "bundle_meta",
    "refuse_full",
    "refuse_other_data",
    "state_to_resume",
]

BUNDLE = "bundle"  # folder of the run's bundle
BASELINES = "beside"  # folder of the runs of further architectures
RUNS = Path("runs")  # where runs without a named folder lie


def default_out(name: str) -> Path:
    """Return runs/NAME, or the first of runs/NAME-2, runs/NAME-3, .. that is free."""
    folder = RUNS / name
    number = 1
    while not is_free(folder):
        number += 1
        folder = RUNS / f"{name}-{number}"
    return folder


def latest_run(name: str) -> Path:
    """Return the run of this recipe that was written to last. Raises `UsageError` without one."""
    pattern = rf"{re.escape(name)}(-\d+)?"  # as default_out names them
    ours = [run for run in RUNS.glob(f"{name}*") if re.fullmatch(pattern, run.name)]
    runs = [run for run in ours if (run / HISTORY).is_file()]
    if not runs:
        raise UsageError(f"no run to resume in {RUNS / name}: name its folder with --out.")
    return max(runs, key=_last_written)


def _last_written(run: Path) -> int:
    """Return when its history was written, ns."""
    return (run / HISTORY).stat().st_mtime_ns


def is_free(folder: Path) -> bool:
    """Tell whether a run may be written there: absent or empty."""
    if not folder.exists():
        return True
    return folder.is_dir() and not any(folder.iterdir())


def is_over(run: Path) -> bool:
    """Tell whether a run came to its end."""
    return _bundle_json(run).is_file() and not (run / CHECKPOINT).exists()


def _bundle_json(run: Path) -> Path:
    """Return the file whose existence means that the bundle is whole."""
    return run / BUNDLE / "bundle.json"


def bundle_meta(run: Path) -> dict[str, Any]:
    """Read bundle.json of a run that made its bundle."""
    text = readable_path(_bundle_json(run), "bundle").read_text(encoding="utf-8")
    return json.loads(text)


def refuse_full(out: Path) -> None:
    """Raise `UsageError` for a folder that holds anything."""
    if is_free(out):
        return
    raise UsageError(
        f"{out} is not empty: nothing is overwritten. Choose another --out, remove it first, "
        "or go on with the run in it: --resume."
    )


def refuse_other_data(run: Path, manifest: Manifest) -> None:
    """Raise `UsageError` where a run that is over was one on another folder."""
    trained_on = bundle_meta(run)["manifest_sha256"]
    if trained_on == manifest.sha256:
        return
    raise UsageError(
        f"{run} came to its end on another curated folder (manifest {trained_on[:12]}, this one is "
        f"{manifest.sha256[:12]}): choose another --out, without --resume."
    )


def state_to_resume(run: Path) -> State | None:
    """Read the state to go on from; None where no epoch was finished, or there is no run yet.

    Raises `UsageError` for a folder that holds something else.
    """
    state = read_state(run)
    if state:
        return state
    strange = _strange_files(run)
    if strange or run.is_file():
        held = ", ".join(strange[:3]) or "it is a file"
        raise UsageError(f"{run} holds no run to resume: {held}. Choose another --out.")
    say(f"no epoch of {run} was finished: starting from the beginning")
    return None


def _strange_files(run: Path) -> list[str]:
    """Name what no run that was begun leaves."""
    if not run.is_dir():
        return []
    known = {HISTORY, BEST, PICTURE, "tensorboard"}
    names = sorted(path.name for path in run.iterdir())
    return [name for name in names if name not in known and not name.endswith(".part")]
