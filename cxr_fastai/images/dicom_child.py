"""The process in which gdcm decodes: run as a script by `dicom_decoder`, never imported.

Requests on standard input, answers on standard output, until the input ends. A damaged stream can
abort gdcm, and with it the process that it runs in: so that is this one. It imports gdcm and the
standard library alone, to be there soon, and opens no file.
"""

from __future__ import annotations

import struct
import sys
from typing import Any, BinaryIO

if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules must not be taken for those that gdcm imports

# coding, bits of a level, whether it is signed, rows, columns, bytes of the stream that follows
REQUEST = struct.Struct("<BBBIIQ")
# 1 where it was decoded, bytes that follow
ANSWER = struct.Struct("<BQ")
READY = b"+"  # comes once, before any request is read
LS = 0xF7
JPEG_2000 = 0
MAX_MEMORY = 1 << 32  # bytes of addresses; 64 megapixels of JPEG 2000 took 1.1 GB


def main() -> None:
    """Answer requests."""
    limit_memory()
    import gdcm

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    while True:
        head = sys.stdin.buffer.read(REQUEST.size)
        if len(head) < REQUEST.size:
            return
        *form, length = REQUEST.unpack(head)
        data = sys.stdin.buffer.read(length)
        answer(sys.stdout.buffer, decoded(gdcm, data, *form))


def answer(
    stream: BinaryIO,
    levels: bytes | None,  # None: it does not decode
) -> None:
    """Write an answer."""
    content = levels or b""
    stream.write(ANSWER.pack(levels is not None, len(content)))
    stream.write(content)
    stream.flush()


def decoded(
    gdcm: Any,  # the module
    data: bytes,
    coding: int,  # 0: JPEG 2000; else a JPEG's start of frame
    bits: int,  # of a level
    is_signed: int,
    rows: int,
    columns: int,
) -> bytes | None:  # of one or two bytes a level, in the machine's order; None: it does not decode
    """Decode one gray picture."""
    codec = gdcm.JPEGCodec()
    if coding == LS:
        codec = gdcm.JPEGLSCodec()
    if coding == JPEG_2000:
        codec = gdcm.JPEG2000Codec()
    gray = gdcm.PhotometricInterpretation.MONOCHROME2
    allocated = 8 if bits <= 8 else 16
    codec.SetNumberOfDimensions(2)
    codec.SetDimensions((columns, rows, 1))
    codec.SetPixelFormat(gdcm.PixelFormat(1, allocated, bits, bits - 1, is_signed))
    codec.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gray))
    tag = gdcm.Tag(0x7FE0, 0x0010)
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    source = gdcm.DataElement(tag)
    source.SetValue(fragments.__ref__())
    found = gdcm.DataElement(tag)
    if not codec.Decode(source, found) or found.GetByteValue() is None:
        return None
    text = found.GetByteValue().GetBuffer()  # bytes, handed out as text
    return bytes(text.encode("utf-8", "surrogateescape"))


def limit_memory() -> None:
    """Let a stream that takes more memory than any radiograph fail, not the machine."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MAX_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, hard))


if __name__ == "__main__":
    main()
