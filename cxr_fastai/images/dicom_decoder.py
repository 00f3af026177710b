"""A Stream -> its bytes, by gdcm, in a process of its own: `dicom_child`.

A damaged stream may abort gdcm, keep it busy, or have it write on stderr: all of that ends with the
child, and costs the caller one picture. Children are kept for the next picture and end with the
process that started them. gdcm is never imported here.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from cxr_fastai.images.dicom_child import ANSWER, READY, REQUEST
from cxr_fastai.images.dicom_file import INSTALL
from cxr_fastai.images.dicom_streams import Stream
from cxr_fastai.images.radiograph import rejected

__all__ = ["MAX_SECONDS", "by_gdcm"]

# For one picture. 9 megapixels of JPEG 2000 take 3 s on one core.
MAX_SECONDS = 120.0
CHILD = Path(__file__).with_name("dicom_child.py")

_LOCK = threading.Lock()
_idle: list[subprocess.Popen[bytes]] = []  # children that wait for a picture


def by_gdcm(
    stream: Stream,
    name: str,  # for messages
) -> bytes:  # one or two bytes a level, by its bits
    """Decode a picture. Raises `ImageRejected`."""
    if find_spec("gdcm") is None:
        text = f"reading DICOM with {stream.words} needs gdcm: {INSTALL}"
        raise rejected("missing_extra", name, text)
    waiting = _waiting()
    levels = _decoded(waiting, stream, name) if waiting is not None else None
    if levels is None:  # the picture's fault, or of one before it: a fresh child tells
        levels = _decoded(_started(name), stream, name)
    if levels is None:
        raise rejected("damaged", name, f"damaged DICOM: its {stream.words} does not decode")
    return levels


def _decoded(
    child: subprocess.Popen[bytes],
    stream: Stream,
    name: str,  # for messages
) -> bytes | None:  # None: it does not decode, and the child has ended
    """Have a child decode, within `MAX_SECONDS`, and keep it where it did."""
    is_late = threading.Event()
    timer = threading.Timer(MAX_SECONDS, _stop, (child, is_late))
    timer.start()
    levels = None
    try:
        levels = _asked(child, stream)
    except (OSError, EOFError):  # it ended over it
        pass
    finally:  # interrupted, too: its answer is nobody's
        timer.cancel()
        if levels is None or is_late.is_set():
            child.kill()
            _close(child)
    if is_late.is_set():
        text = f"a DICOM whose {stream.words} takes more than {MAX_SECONDS:g} seconds to decode"
        raise rejected("too_large", name, text)
    if levels is not None:
        with _LOCK:
            _idle.append(child)
    return levels


def _asked(
    child: subprocess.Popen[bytes],
    stream: Stream,
) -> bytes | None:  # None: it does not decode
    """Have a child decode. Raises OSError or EOFError where it ends over it."""
    assert child.stdin is not None and child.stdout is not None
    head = REQUEST.pack(
        stream.coding,
        stream.bits,
        stream.is_signed,
        stream.rows,
        stream.columns,
        len(stream.data),
    )
    child.stdin.write(head)
    child.stdin.write(stream.data)
    child.stdin.flush()
    answer = child.stdout.read(ANSWER.size)
    if len(answer) < ANSWER.size:
        raise EOFError
    is_decoded, length = ANSWER.unpack(answer)
    content = child.stdout.read(length)
    if len(content) < length:
        raise EOFError
    return content if is_decoded else None


def _waiting() -> subprocess.Popen[bytes] | None:
    """Return a child that waits for a picture, if any does."""
    while True:
        with _LOCK:
            if not _idle:
                return None
            child = _idle.pop()
        if child.poll() is None:
            return child
        _close(child)


def _started(
    name: str,  # of the picture's file, for messages
) -> subprocess.Popen[bytes]:
    """Start a child. Raises `ImageRejected` where it cannot be, or cannot load gdcm."""
    try:
        child = subprocess.Popen(
            [sys.executable, str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what gdcm's C code has to say
        )
    except OSError as e:
        text = f"the process that decodes it cannot be started: {e.strerror}"
        raise rejected("unreadable", name, text) from e
    assert child.stdout is not None
    if child.stdout.read(len(READY)) != READY:
        _close(child)
        text = f"gdcm, which decodes it, is installed and does not load; try again: {INSTALL}"
        raise rejected("missing_extra", name, text)
    return child


def _stop(
    child: subprocess.Popen[bytes],
    is_late: threading.Event,
) -> None:
    """End a child that takes too long."""
    is_late.set()
    child.kill()


def _close(child: subprocess.Popen[bytes]) -> None:
    """End a child: its input ends, and so does it."""
    for pipe in (child.stdin, child.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except OSError:  # what was not written when it ended
            pass
    child.wait()


@atexit.register
def _close_all() -> None:
    """End the children that wait."""
    while _idle:
        _close(_idle.pop())


def _forget() -> None:
    """Leave a parent's children to the parent, in a process that was forked from it."""
    global _LOCK
    _LOCK = threading.Lock()
    for child in _idle:
        child.returncode = 0  # is none of this process, which must not warn that it runs
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
