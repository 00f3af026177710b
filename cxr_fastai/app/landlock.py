"""Confines a process for good, by Linux's Landlock: it writes nowhere and reaches nobody.

After `confine` the process, and all that it starts, can create, change, rename and remove no file,
open no TCP connection, and send no signal to, nor look into, a process that it did not start.
Reading stays as it was: what is imported later must be found. Needs no right and no library; Linux
5.13 (2021) confines files, 6.7 TCP too, 6.12 signals too (docs.kernel.org, userspace-api/landlock).
Elsewhere nothing is done, and `confine` says so.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

__all__ = ["confine", "version"]

# System calls, of the same number on every architecture but alpha.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION = 1  # flag of CREATE_RULESET
PATH_BENEATH = 1  # kind of a rule
NO_NEW_PRIVS = 38  # of prctl: what it starts gets no more rights than it has

WRITE_FILE = 1 << 1
REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))  # REMOVE_DIR, REMOVE_FILE, MAKE_CHAR .. SYM
# version from which there is a right -> its bit
LATER = {2: 1 << 13, 3: 1 << 14}  # REFER: to move to another folder; TRUNCATE
TCP = 1 << 0 | 1 << 1  # BIND, CONNECT
SCOPED = 1 << 0 | 1 << 1  # abstract Unix sockets, signals
TCP_SINCE, SCOPED_SINCE = 4, 6


def version() -> int:  # 0: this system has none
    """Return the version of Landlock that is on."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(_call(CREATE_RULESET, None, 0, ASK_VERSION), 0)


def confine() -> bool:  # whether it was done
    """Confine this process for good; `os.devnull` alone stays open for writing."""
    there = version()
    if not there:
        return False
    writing = WRITE_FILE | REMOVE_AND_MAKE
    for since, right in LATER.items():
        writing |= right if there >= since else 0
    handled = struct.pack("<Q", writing)
    if there >= TCP_SINCE:
        handled += struct.pack("<Q", TCP)
    if there >= SCOPED_SINCE:
        handled += struct.pack("<Q", SCOPED)
    rules = _call(CREATE_RULESET, handled, len(handled), 0)
    if rules < 0:
        return False
    try:
        return _allow_devnull(rules) and _restrict(rules)
    finally:
        os.close(rules)


def _allow_devnull(rules: int) -> bool:
    """Let `os.devnull` be written to: what is started is given it."""
    fd = os.open(os.devnull, os.O_RDONLY)
    try:
        rule = struct.pack("<Qi", WRITE_FILE, fd)
        return _call(ADD_RULE, rules, PATH_BENEATH, rule, 0) == 0
    finally:
        os.close(fd)


def _restrict(rules: int) -> bool:
    """Put the rules into force."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return _call(RESTRICT_SELF, rules, 0) == 0


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Call the system; -1 where it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    found: int = libc.syscall(ctypes.c_long(number), *given)
    return found
