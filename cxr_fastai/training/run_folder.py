"""What the folder of a run to resume says of it: its state, what else it holds.

Paths in, states out. Reads files of a run and writes none; refuses a folder that holds anything but
the run to resume. Where a run lies is known to run_files, which needs no torch.
"""

from __future__ import annotations

from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError
from cxr_fastai.progress import say
from cxr_fastai.run_files import BEST, HISTORY, PICTURE, TRACKS
from cxr_fastai.training.checkpoint import State, read_state
from cxr_fastai.training.history import Row

__all__ = ["earlier_epochs", "state_to_resume"]


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
    known = {HISTORY, BEST, PICTURE, *TRACKS}
    names = sorted(path.name for path in run.iterdir())
    return [name for name in names if name not in known and not name.endswith(".part")]
