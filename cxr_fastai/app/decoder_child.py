"""The process in which the server's films are decoded: run as a script by `decoders`.

Requests on standard input, answers on standard output, until the input ends. A film that somebody
sends may crash a decoder, keep it busy or fill its memory: all of that ends with this process, and
costs one film. It can write no file (`landlock`) and opens none that a client names: it is given
bytes. It imports `images` and what that needs, never torch.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO

if __name__ == "__main__":
    # In place of this folder, whose modules must not be taken for others: the package, last.
    del sys.path[0]
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

if TYPE_CHECKING:
    from cxr_fastai.images import Radiograph

__all__ = ["ANSWER", "CONFINED", "READY", "REQUEST", "main"]

REQUEST = struct.Struct("<IQ")  # bytes of the name, of the film; both follow
# 1: a film, 0: a rejection; 1: this process ends now; bytes of JSON, of pixels; both follow
ANSWER = struct.Struct("<BBIQ")
# One of these comes once, before any request is read: confined by the system, or not, as it cannot.
CONFINED, READY = b"+", b"-"
FACTS = ("format", "mode", "bits", "width", "height", "notes", "jpeg_tables")  # of a Radiograph
# Bytes held at the peak, beyond which a process ends after its answer, as the C library keeps some
# of what one great film took. A film of 3,000 x 3,000 px takes 150 MB in all.
MOST_KEPT = 400 << 20
SECONDS_BETWEEN_LOOKS = 0.5  # at whether the parent is there


def main(
    memory: int,  # bytes above what is mapped when it starts
    seconds: int,  # of a processor, for one film
    parent: int,  # process id
) -> None:
    """Answer requests."""
    requests, answers = _own_pipes()
    from cxr_fastai import images
    from cxr_fastai.app.landlock import confine

    _import_dicom()
    _limit(memory)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    answers.write(CONFINED if confine() else READY)
    answers.flush()
    while True:
        head = requests.read(REQUEST.size)
        if len(head) < REQUEST.size:
            return
        name_length, length = REQUEST.unpack(head)
        name = requests.read(name_length).decode("utf-8", "surrogateescape")
        data = requests.read(length)
        _limit_seconds(seconds)
        ends = _answer(images, answers, data, name)
        del data
        if ends:
            return


def _answer(
    images: Any,  # the module
    answers: BinaryIO,
    data: bytes,
    name: str,
) -> bool:  # whether this process is to end
    """Decode one film and write what comes of it."""
    from cxr_fastai.core import ImageRejected

    try:
        film: Radiograph = images.read(data, name)
        is_read = True
        told = {fact: getattr(film, fact) for fact in FACTS}
        pixels = memoryview(film.pixels.data).cast("B")
    except ImageRejected as e:
        is_read = False
        told = {"reason": e.reason, "message": str(e)}
        pixels = memoryview(b"")
    ends = _peak() > MOST_KEPT
    text = json.dumps(told).encode("ascii")
    answers.write(ANSWER.pack(is_read, ends, len(text), len(pixels)))
    answers.write(text)
    answers.write(pixels)
    answers.flush()
    return ends


# ---- what it may do


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:  # requests, answers
    """Take the pipes for this protocol alone: what a library prints goes nowhere."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    os.close(nowhere)
    return requests, answers


def _import_dicom() -> None:
    """Import what reads DICOM where it is installed, so that the first such film need not wait."""
    try:
        import pydicom  # noqa: F401

        import cxr_fastai.images.dicom  # noqa: F401
    except ImportError:
        pass


def _limit(
    memory: int,  # bytes above what is mapped now
) -> None:
    """Allow so much memory, no file to be written, and no core file.

    Where that cannot be set, as on systems other than Linux, the limits of `images` and the wall
    clock of the parent remain. What this process starts, as for JPEG 2000, has the same limits.
    """
    try:
        import resource

        _lower(resource.RLIMIT_FSIZE, 0)
        _lower(resource.RLIMIT_CORE, 0)
        with open("/proc/self/statm") as f:
            mapped_pages = int(f.read().split()[0])
        _lower(resource.RLIMIT_AS, mapped_pages * resource.getpagesize() + memory)
    except (ImportError, OSError, ValueError):
        pass


def _lower(
    kind: int,  # of resource.RLIMIT_..
    limit: int,
) -> None:
    """Lower a limit for good; one that is lower stays."""
    import resource

    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(kind, (limit, limit))


def _limit_seconds(
    seconds: int,  # of a processor, from now on
) -> None:
    """Have the system end this process where one film takes more."""
    try:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        limit = int(used.ru_utime + used.ru_stime) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    except (ImportError, OSError, ValueError):
        pass


def _peak() -> int:
    """Return the bytes that this process held at its peak; 0 where that is not told.

    Not of getrusage, which counts what the parent held when it started this process.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as f:
            peak = f.read().partition("VmHWM:")[2].split()
        return int(peak[0]) << 10
    except (OSError, IndexError, ValueError):
        return 0


def _end_with(
    parent: int,  # process id
) -> None:
    """End this process as soon as `parent` is gone."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:4]))
