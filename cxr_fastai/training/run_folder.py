"""What the folder of a run to resume says of it: its state, its bundle, what else it holds.

Paths in, states out. Reads files of a run and writes none; refuses a folder that holds anything but
the run to resume. Where a run lies is known to run_files, which needs no torch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError
from cxr_fastai.inputs import readable_path
from cxr_fastai.manifest import Manifest
from cxr_fastai.progress import say
from cxr_fastai.run_files import BEST, BUNDLE, HISTORY, MLFLOW_RUN, PICTURE
from cxr_fastai.training.checkpoint import State, read_state
from cxr_fastai.training.history import Row
from cxr_fastai.training.tensorboard_run import FOLDER

__all__ = ["bundle_meta", "earlier_epochs", "refuse_other_data", "state_to_resume"]


def bundle_meta(run: Path) -> dict[str, Any]:
    """Read bundle.json of a run that made its bundle."""
    text = readable_path(run / BUNDLE / "bundle.json", "bundle").read_text(encoding="utf-8")
    return json.loads(text)


def refuse_other_data(run: Path, manifest: Manifest) -> None:
    """Raise `UsageError` where a run that is over was one on another folder."""
    trained_on = bundle_meta(run)["manifest_sha256"]
    if trained_on == manifest.sha256:
        return
    raise UsageError(
        f"{run} came to its end on another curated folder (manifest {trained_on[:12]}, this one is "
        f"{manifest.sha256[:12]}): choose another {flag('out')}, without "
        f"{flag('resume')}."
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
        raise UsageError(f"{run} holds no run to resume: {held}. Choose another {flag('out')}.")
    say(f"no epoch of {run} was finished: starting from the beginning")
    return None


def earlier_epochs(state: State | None) -> list[Row]:
    """Return the epochs that a run to resume has behind it."""
    return list(state.rows) if state else []


def _strange_files(run: Path) -> list[str]:
    """Name what no run that was begun leaves."""
    if not run.is_dir():
        return []
    known = {HISTORY, BEST, PICTURE, MLFLOW_RUN, FOLDER}
    names = sorted(path.name for path in run.iterdir())
    return [name for name in names if name not in known and not name.endswith(".part")]
