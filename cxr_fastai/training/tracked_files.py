"""Which files of a run go to a tracker.

A run's folder and its bundle -> names and files. trained_on.txt stays: it names patients as their
sources do, and a tracker may be a server that others read. A pickle stays too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxr_fastai.bundle.file_names import BUNDLE_FILES, TRAINED_ON
from cxr_fastai.training.history import HISTORY, PICTURE

__all__ = ["log_files", "tracked_files"]

GOING = tuple(name for name in BUNDLE_FILES if name != TRAINED_ON)


def tracked_files(
    run: Path,
    bundle: Path | None,  # None: the run failed
) -> dict[str, Path]:  # name at the tracker, with / for folders -> file
    """Return history, its picture, and the files of the bundle that name no patient."""
    files = {name: run / name for name in (HISTORY, PICTURE)}
    if bundle:
        files |= {f"bundle/{name}": bundle / name for name in GOING}
    return {name: file for name, file in files.items() if file.is_file()}


def log_files(
    library: Any,  # wandb or trackio, which have the same artifacts
    live: Any,  # its run
    number: str,  # of the run, for the artifact's name
    run: Path,
    bundle: Path | None,  # None: the run failed
) -> None:
    """Give a tracker an artifact of the run's files; wait for no upload."""
    kind = "model" if bundle else "history"
    artifact = library.Artifact(f"{kind}-{number}", type=kind)
    for name, file in tracked_files(run, bundle).items():
        artifact.add_file(str(file), name=name)
    live.log_artifact(artifact)
