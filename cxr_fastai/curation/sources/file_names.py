"""What the names of a source's files say: whether they meet a glob, and which a table can hold.

Paths relative to a source, with / -> true or false, or one of them. It opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["glob_regex", "meets", "shallowest", "by_depth", "is_text", "in_ascii"]

GLOB_PARTS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}  # glob -> regular expression


@lru_cache(maxsize=256)
def glob_regex(
    glob: str,  # * and ? stay within a folder, **/ crosses any number
) -> re.Pattern[str]:
    """Compile a glob over / paths: * and ? stay within a folder, **/ crosses any number of them.

    The last 256 are remembered: every path is tried on each.
    """
    parts = re.split(r"(\*\*/|\*|\?)", glob)
    return re.compile("".join(GLOB_PARTS.get(part, re.escape(part)) for part in parts))


def is_text(
    path: str,  # relative to the source
) -> bool:
    """Tell whether a name is valid UTF-8, so that a manifest can hold it."""
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def meets(
    globs: Iterable[str],  # a path needs to meet one
    path: str,  # relative to the source
) -> bool:
    """Tell whether a path meets one of the globs."""
    return any(glob_regex(glob).fullmatch(path) for glob in globs)


def shallowest(
    glob: str,  # * and ? stay within a folder, **/ crosses any number
    paths: Iterable[str],  # of all files
) -> str:
    """Return the path in the fewest folders that meets a glob, the first by name, or ''.

    Some archives hold a second copy of the same files further down.
    """
    return next(iter(by_depth(glob, paths)), "")


def by_depth(
    glob: str,  # * and ? stay within a folder, **/ crosses any number
    paths: Iterable[str],  # of all files
) -> list[str]:
    """Return the paths that meet a glob, those in the fewest folders first, then by name."""
    found = [path for path in paths if meets([glob], path)]
    return sorted(found, key=lambda path: (path.count("/"), path))


def in_ascii(path: str) -> str:
    """Return a name that any file can hold: what is not ASCII is spelled out."""
    return ascii(path)[1:-1]
