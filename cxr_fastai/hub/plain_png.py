"""Whether a PNG holds pixels and nothing else.

A file -> what more is in it, by the names of its chunks. It decodes nothing.
"""

from __future__ import annotations

import struct
from pathlib import Path

from cxr_fastai.core import StorageError

__all__ = ["more_than_pixels"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXELS_ALONE = {b"IHDR", b"IDAT", b"IEND"}  # what images.write_png writes


def more_than_pixels(file: Path) -> str:
    """Say what a file holds beside pixels; '' for a PNG of pixels alone. Raises `StorageError`."""
    try:
        data = file.read_bytes()
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}.") from e
    if not data.startswith(SIGNATURE):
        return "another format than PNG"
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        if name not in PIXELS_ALONE:
            return f"a chunk {name.decode('ascii', 'replace')!r} beside its pixels"
        at += size + 12
        if name == b"IEND":
            return "" if at == len(data) else "bytes behind its end"
    return "no end"
