"""Where a run of training lies, and what its folder says of it: free, begun, over.

Paths in, paths and answers out. Needs no torch, so that a command line is checked before torch is
loaded; reads names alone and writes no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError

__all__ = [
    "BASELINES",
    "BEST",
    "BUNDLE",
    "CHECKPOINT",
    "HISTORY",
    "MLFLOW_RUN",
    "PICTURE",
    "TRACKIO_RUN",
    "TRACKS",
    "WANDB_RUN",
    "default_out",
    "epochs_over",
    "is_free",
    "is_over",
    "is_unfinished",
    "latest_run",
    "refuse_full",
    "refuse_other_settings",
]

HISTORY = "history.csv"
BEST = "best.safetensors"
PICTURE = "history.png"
CHECKPOINT = "checkpoint.pt"
MLFLOW_RUN = "mlflow.json"  # which MLflow run it is, and where
WANDB_RUN = "wandb.json"  # likewise
TRACKIO_RUN = "trackio.json"
# what trackers leave in a run's folder: which run it is, and folders of their own
TRACKS = frozenset({MLFLOW_RUN, WANDB_RUN, TRACKIO_RUN, "wandb", "tensorboard"})
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
        raise UsageError(
            f"no run to resume in {RUNS / name}: name its folder with {flag('out', 'DIR')}."
        )
    return max(runs, key=_last_written)


def _last_written(run: Path) -> int:
    """Return when its history was written, ns."""
    return (run / HISTORY).stat().st_mtime_ns


def is_free(folder: Path) -> bool:
    """Tell whether a run may be written there: absent or empty.

    A run that failed before its first epoch leaves what trackers write, and nothing else.
    """
    if not folder.exists():
        return True
    return folder.is_dir() and all(file.name in TRACKS for file in folder.iterdir())


def is_over(run: Path) -> bool:
    """Tell whether a run came to its end."""
    return (run / BUNDLE / "bundle.json").is_file() and not (run / CHECKPOINT).exists()


def is_unfinished(folder: Path) -> bool:
    """Tell whether a folder is that of a run which made no bundle yet; `bundle.files` asks."""
    if (folder / BUNDLE / "bundle.json").is_file():
        return False
    return (folder / CHECKPOINT).is_file() or (folder / HISTORY).is_file()


def epochs_over(run: Path) -> int:
    """Count the epochs of a run that are over, by its history; 0 where it cannot be read."""
    try:
        lines = (run / HISTORY).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    return max(len(lines) - 1, 0)  # the first is the header


def refuse_full(out: Path) -> None:
    """Raise `UsageError` for a folder that holds anything."""
    if is_free(out):
        return
    raise UsageError(
        f"{out} is not empty: nothing is overwritten. Choose another {flag('out')}, remove it "
        f"first, or go on with the run in it: {flag('resume', True)}."
    )


def refuse_other_settings(
    run: Path,
    had: Mapping[str, Any],  # settings and seed that the run has
    asked: Mapping[str, Any],  # those that are asked for now
) -> None:
    """Raise `UsageError` that names every setting in which the two differ."""
    different = [key for key in asked if asked[key] != had.get(key)]
    if not different:
        return
    told = ", ".join(f"{key} {had.get(key)!r} (given: {asked[key]!r})" for key in different)
    raise UsageError(
        f"{run} is a run with {told}: leave away what differs to go on with it, or train anew in "
        f"another {flag('out')}, without {flag('resume')}."
    )
