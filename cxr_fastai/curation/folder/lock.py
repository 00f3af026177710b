"""One run at a time in a folder. A marker file names its holder; the marker of a process that died is taken over.
Correctness does not rest on it: every file is written whole or not at all, so that two runs would only waste work.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from pathlib import Path

from cxr_fastai.core import StorageError, UsageError, make_folder

__all__ = ["one_run", "MARKER"]

MARKER = ".curating.lock"


@contextmanager
def one_run(
    folder: Path,
    wait=False,  # for the other run's end, instead of giving up
    say=None,  # told once, in one line, that it waits
):
    """Hold `folder`, which is made, for this process; one that stays empty goes again.
    Raises `UsageError` naming process, host and start of the run that holds it.
    """
    from filelock import SoftFileLock, Timeout

    folder, told = Path(folder), False
    marker = folder / MARKER
    lock = SoftFileLock(marker)
    while True:
        make_folder(folder)
        try:
            lock.acquire(timeout=0.5 if told else 0)
            break
        except Timeout:
            if not wait:
                raise UsageError(
                    f"{_holder(marker)}. Wait for its end (--wait), or choose another --out. "
                    f"If it is surely gone, delete {marker}."
                ) from None
            if say and not told:
                say(f"waiting: {_holder(marker)}")
            told = True
        except FileNotFoundError:
            pass  # the other run has just taken its empty folder away
        except OSError as e:
            raise StorageError(
                f"cannot write {marker}: {e.strerror or e}. Choose another --out."
            ) from e
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            folder.rmdir()  # only where nothing was written


def _holder(marker: Path) -> str:
    """Who holds the folder, as far as the marker tells."""
    pid, host, start = "?", "?", "?"
    with suppress(OSError, ValueError):
        lines = marker.read_text(encoding="utf-8", errors="replace").split("\n")
        pid, host = lines[0], lines[1]
        start = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(marker.stat().st_mtime))
    return f"another run writes {marker.parent}: process {pid} on {host}, begun {start}"
