"""Worker processes of this machine: how one is started, how it behaves, what it died of.

It behaves quietly, within its memory, and ends with its parent. No task is given or judged here.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from typing import Any

from cxr_fastai.core import one_line

__all__ = ["start_worker", "prepare_worker", "cause_of_death"]

# Bytes above what an idle worker maps: four times what the greatest allowed image needs.
WORKER_MEMORY = 4 << 30
SECONDS_BETWEEN_LOOKS = 0.5  # at whether the parent is there


def start_worker() -> Any:
    """Make a loky executor of one process, with one thread for each numeric library."""
    from joblib.externals.loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        1,
        initializer=prepare_worker,
        initargs=(os.getpid(),),
        env={f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")},
    )


def cause_of_death(
    error: BaseException,  # that loky raised
) -> str:
    """Return the signal or exit code that loky names, without its advice.

    Where it names none, it is the name of the error.
    """
    named = re.search(r"\b(SIG[A-Z]+|EXIT)\(-?\d+\)", str(error))
    return named[0] if named else one_line(type(error).__name__)


# ---- in the worker


def prepare_worker(
    parent: int,  # process id
) -> None:
    """Prepare this process to work for `parent`, a process id.

    It takes no interrupts of its own and no more memory than an image may need, and it ends when
    its parent does.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _silence_libraries()
    _limit_memory()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _silence_libraries() -> None:
    """Send the C libraries' stderr nowhere; Python keeps its own.

    Libtiff writes of damaged files to the terminal from C.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _limit_memory() -> None:
    """Allow WORKER_MEMORY above what is mapped now.

    Where that cannot be set, as on systems other than Linux, the decoder's own limits remain.
    """
    try:
        import resource

        with open("/proc/self/statm") as f:
            mapped_pages = int(f.read().split()[0])
        limit = mapped_pages * resource.getpagesize() + WORKER_MEMORY
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ImportError, OSError, ValueError):
        pass


def _end_with(
    parent: int,  # process id
) -> None:
    """End this process as soon as `parent` is gone."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
