"""Where a picture comes from: a path, bytes or an open file -> its bytes, and a name for messages.

What cannot be read raises `ImageRejected`; what is no source at all is the caller's mistake, a
`UsageError`. It does not look at the bytes.
"""

from __future__ import annotations

import io
import os
import stat
from typing import IO, Any

from cxr_fastai.core import StrPath, UsageError
from cxr_fastai.images.radiograph import rejected
from cxr_fastai.images.size import check_byte_count

__all__ = ["Source", "bytes_of"]

Source = StrPath | bytes | bytearray | memoryview | IO[bytes]


def bytes_of(
    source: Source,
    name: str | None,  # what messages call it; None: taken from the source
) -> tuple[bytes, str]:
    """Return all the bytes of a source, and the name it goes by."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), name or "image"
    if isinstance(source, (str, os.PathLike)):
        name = name or os.fsdecode(source)
        return _file_bytes(source, name), name
    if not hasattr(source, "read") or isinstance(source, io.TextIOBase):
        raise UsageError(
            "expected a path, bytes, a file opened with 'rb', a NumPy array or a Pillow image, "
            f"received {type(source).__name__}"
        )
    name = name or _name_of(source)
    return _stream_bytes(source, name), name


def _name_of(stream: object) -> str:
    """Return the name that an open file gives itself."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else "image"


def _stream_bytes(stream: Any, name: str) -> bytes:
    """Read a stream from its start, where it can be rewound."""
    try:
        if hasattr(stream, "seekable") and stream.seekable():
            stream.seek(0)
        data: bytes = stream.read()
        return data
    except OSError as e:
        raise rejected("unreadable", name, e.strerror or e) from e


def _file_bytes(
    path: StrPath,
    name: str,  # for messages
) -> bytes:
    """Return the bytes of a regular file."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise rejected("unreadable", name, "a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise rejected("unreadable", name, "a pipe or device, not a file")
        check_byte_count(status.st_size, name)
        with open(path, "rb") as f:
            return f.read()
    except (FileNotFoundError, NotADirectoryError) as e:
        raise rejected("missing_file", name, "no such file") from e
    except (OSError, ValueError) as e:
        raise rejected("unreadable", name, getattr(e, "strerror", None) or e) from e
