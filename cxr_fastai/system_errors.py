"""What a person can do about an error of the operating system.

An OSError or a MemoryError -> one line that says where and what to do, or '' where nobody but a
programmer can. It catches nothing itself.
"""

from __future__ import annotations

import errno

from cxr_fastai.core import one_line

__all__ = ["remedy"]

FREE = "Free space or permission there, then run it again."
LOOK = "Look at what lies there, then run it again."
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
# a path that went away, or that is another thing than it was; a failing disk or network share
NOT_AS_IT_WAS = (
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
    errno.EILSEQ,
    errno.EIO,
    errno.ESTALE,
)


def remedy(error: OSError | MemoryError) -> str:
    """Return the sentence for an error, or '' where a person can do nothing."""
    if isinstance(error, MemoryError):
        why = f"not enough memory {one_line(error)}".strip()
        return f"{why}. Ask for less at once."
    place = f"{error.filename or 'disk'}: {error.strerror}"
    if error.errno in NO_ROOM:
        return f"{place}. {FREE}"
    if error.errno in NOT_AS_IT_WAS:
        return f"{place}. {LOOK}"
    return ""
