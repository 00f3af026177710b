"""pytest tests/test_system_errors.py

What a person can mend is said in one line; what only a programmer can is not.
"""

import errno
import os

import pytest

from cxr_fastai.system_errors import NO_ROOM, NOT_AS_IT_WAS, remedy


@pytest.mark.parametrize("number", [*NO_ROOM, *NOT_AS_IT_WAS], ids=errno.errorcode.get)
def test_where_what_and_what_to_do(number):
    line = remedy(OSError(number, os.strerror(number), "a/b"))
    assert line.startswith(f"a/b: {os.strerror(number)}. ") and line.endswith("then run it again.")
    assert ("Free space" in line) is (number in NO_ROOM)


def test_an_error_without_a_path_is_of_the_disk():
    assert remedy(OSError(errno.ENOSPC, "No space left")).startswith("disk: No space left. Free")


def test_too_little_memory():
    assert remedy(MemoryError()) == "not enough memory. Ask for less at once."
    words = "Unable to allocate 8 TiB"
    assert remedy(MemoryError(words)) == f"not enough memory {words}. Ask for less at once."


def test_what_only_a_programmer_can_mend_has_none():
    assert remedy(OSError(errno.EBADF, "Bad file descriptor")) == "" == remedy(OSError("odd"))
