"""How a worker process of this machine behaves: quiet, within its memory, ending with its parent.

The parent's process id -> a prepared process. Called in the worker, once, before its first task; it
never touches the parent.
"""

from __future__ import annotations

import os
import sys
import threading
import time

__all__ = ["prepare_worker"]

# Bytes above what an idle worker maps: four times what the greatest allowed image needs.
WORKER_MEMORY = 4 << 30
SECONDS_BETWEEN_LOOKS = 0.5  # at whether the parent is there


def prepare_worker(parent: int) -> None:
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


def _end_with(parent: int) -> None:
    """End this process as soon as `parent` is gone."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)
