"""Run lengths, as DICOM PS3.5 G has them -> levels, never more than the header says there are.

A segment holds one byte of each level, the uppermost first. It knows no other compression.
"""

from __future__ import annotations

import struct

import numpy as np

from cxr_fastai.images.dicom_kind import Form
from cxr_fastai.images.radiograph import rejected

__all__ = ["unpacked"]

HEADER = 64  # bytes: the number of segments, and where each begins
MAX_SEGMENTS = 15
FILLING = b"\0\x80"  # what may follow the last run: it stands for nothing


def unpacked(
    data: bytes,
    form: Form,
    name: str,  # for messages
) -> np.ndarray:  # (rows, columns) uint8 or uint16
    """Unpack the segments of one picture. Raises `ImageRejected`."""
    segments = _segments(data, name)
    level_bytes = form.allocated // 8
    if len(segments) != level_bytes:
        text = f"{len(segments)} RLE segments, where levels have {level_bytes} bytes"
        raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
    levels = np.zeros(form.rows * form.columns, f"u{level_bytes}")
    for segment in segments:
        part = np.frombuffer(_bytes_of(segment, levels.size, name), np.uint8)
        if level_bytes > 1:
            levels <<= 8
        levels |= part
    return levels.reshape(form.rows, form.columns)


def _segments(
    data: bytes,
    name: str,  # for messages
) -> list[bytes]:
    """Cut the data into segments."""
    if len(data) < HEADER:
        raise rejected("truncated", name, "truncated DICOM: its RLE ends within its header")
    count, *starts = struct.unpack_from("<16I", data, 0)
    starts = starts[: min(count, MAX_SEGMENTS)]
    ends = [*starts[1:], len(data)]
    in_order = [HEADER, *starts, len(data)]
    if count > MAX_SEGMENTS or in_order != sorted(in_order):
        raise rejected("damaged", name, "damaged DICOM: its RLE segments lie nowhere")
    return [data[start:end] for start, end in zip(starts, ends)]


def _bytes_of(
    segment: bytes,
    needed: int,  # bytes it must unpack to
    name: str,  # for messages
) -> bytearray:
    """Unpack one segment: copies of a byte, or bytes as they are."""
    content = bytearray()
    place = 0
    end = len(segment)
    while place < end and len(content) < needed:
        head = segment[place]
        place += 1
        if head < 128:
            stop = place + head + 1
            content += segment[place:stop]
            place = stop
        elif head > 128:
            content += segment[place : place + 1] * (257 - head)
            place += 1
    found = len(content)
    if found < needed:
        text = f"truncated DICOM: its RLE unpacks to {found:,} bytes, where {needed:,} are needed"
        raise rejected("truncated", name, text)
    if found > needed or segment[place:].strip(FILLING):
        text = f"damaged DICOM: its RLE unpacks to more than the {needed:,} bytes that are needed"
        raise rejected("damaged", name, text)
    return content
