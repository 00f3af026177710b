"""Let one run at a time write a folder.

A folder -> a marker file in it that names its holder; the marker of a process that died is taken
over. Correctness does not rest on it: every file is written whole or not at all, so that two runs
would only waste work. It never ends another run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import StorageError, UsageError, make_folder
from cxr_fastai.inputs import readable_path
from cxr_fastai.progress import SILENT, Progress

__all__ = ["one_run", "MARKER"]

MARKER = ".curating.lock"
SECONDS_BETWEEN_TRIES = 0.5


@contextmanager
def one_run(
    folder: Path,  # is made
    wait: bool = False,  # for the other run's end, instead of giving up
    progress: Progress = SILENT,  # told once, in one line, that it waits
) -> Iterator[None]:
    """Hold `folder` for this process; one that stays empty goes again.

    Raises `UsageError` naming process, host and start of the run that holds it, `StorageError`
    where the marker cannot be written.
    """
    from filelock import SoftFileLock

    folder = Path(folder)
    readable_path(folder / MARKER, "lock")
    lock = SoftFileLock(folder / MARKER)
    if not _acquire(lock, folder):
        holder = _holder(folder / MARKER)
        if not wait:
            raise UsageError(
                f"{holder}. Wait for its end with {flag('wait', True)}, or choose another "
                f"{flag('out')}. "
                f"If it is surely gone, delete {folder / MARKER}."
            )
        progress.say(f"waiting: {holder}")
        while not _acquire(lock, folder, SECONDS_BETWEEN_TRIES):
            pass
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            folder.rmdir()  # only where nothing was written


def _acquire(
    lock: Any,  # a SoftFileLock on the marker
    folder: Path,  # is made, should it be absent
    seconds: float = 0,  # to wait for another run
) -> bool:
    """Whether the marker is ours now; False where another run holds it for `seconds` longer."""
    from filelock import Timeout

    while True:
        make_folder(folder)
        try:
            lock.acquire(timeout=seconds)
            return True
        except Timeout:
            return False
        except FileNotFoundError:
            continue  # the other run has just taken its empty folder away
        except OSError as e:
            raise StorageError(
                f"cannot write {folder / MARKER}: {e.strerror or e}. Choose another {flag('out')}."
            ) from e


def _holder(marker: Path) -> str:
    """Say who holds the folder, as far as the marker tells: "?" where it does not (yet)."""
    written = ""
    start = "?"
    with suppress(OSError):
        written = marker.read_text(encoding="utf-8", errors="replace")
        begun = time.localtime(marker.stat().st_mtime)
        start = time.strftime("%Y-%m-%d %H:%M:%S", begun)
    process, host = [*written.splitlines(), "", ""][:2]  # empty until filelock has written both
    return (
        f"another run writes {marker.parent}: process {process or '?'} on {host or '?'}, "
        f"begun {start}"
    )
