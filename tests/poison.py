"""Functions that run in worker processes and misbehave on purpose: importable there, because tests/ is on the path."""

import os
import signal
import time
from pathlib import Path

from cxr_fastai.curation.copies import scan
from cxr_fastai.curation.copies.fingerprint import fingerprint


def square_many(numbers: list) -> list:
    "Squares; 37 kills its worker, 77 hangs, 'wrong' raises, 'huge' asks for more memory than a worker may have."
    out = []
    for n in numbers:
        if n == 37:
            os.kill(os.getpid(), signal.SIGKILL)
        if n == 77:
            time.sleep(600)
        if n == "wrong":
            raise ValueError("wrong on purpose")
        if n == "huge":
            bytearray(64 << 30)
        out.append(n * n)
    return out


def die_once(marks: list) -> list:
    "Kills its worker the first time it meets each file, as the memory killer of a busy machine may."
    for mark in marks:
        if not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return marks


def fingerprint_poisoned(todo: list) -> list:
    "As scan.fingerprint_many; a file named poison kills its worker, tarpit hangs, bug trips over one of the decoder's."
    for file, _, _ in todo:
        if Path(file).stem == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if Path(file).stem == "tarpit":
            time.sleep(600)
    scan.fingerprint = _with_a_bug
    return scan.fingerprint_many(todo)


def _with_a_bug(file, array, name):
    if Path(file).stem == "bug":
        raise RuntimeError("a bug of the decoder")
    return fingerprint(file, array, name)


def linger(todo: list) -> list:
    "Says who it is, then works for a long time."
    Path(todo[0]).write_text(str(os.getpid()))
    time.sleep(600)
    return todo
